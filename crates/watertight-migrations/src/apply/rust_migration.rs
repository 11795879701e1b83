//! Rust migrations, which get the connection, inside one of Diesel's transactions unless they ask for none.

use std::error::Error;

use diesel::connection::BoxableConnection;
use diesel::migration::Migration as DieselMigration;
use diesel::pg::Pg;
use diesel::result::Error as DieselError;
use watertight_diagnostics::PostgresError;

use super::history_row::{self, NotWritten};
use super::invalid_indexes::InvalidIndexes;
use super::message::{acquire, checks, guard, history_changes, stop_if};
use super::migration_step::{AppliedBy, MigrationStep};
use super::statement_sender::with_statement_sender;
use crate::direction::Direction;
use crate::errors::MigrateError;
use crate::session::{
    DieselSession, Lock, Options, PgSession, SessionError, SessionLock, SessionSettings,
    StopReason, has_open_transaction, send,
};
use crate::sql::MentionedNames;

/// The connection that a migration without a transaction gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum RustMigrationConnection {
    /// The connection itself.
    Direct,
    /// One that sends each statement by itself.
    StatementByStatement,
}

pub(crate) fn apply<C: PgSession>(
    connection: &mut C,
    step: MigrationStep<'_>,
    migration: &dyn DieselMigration<Pg>,
    migration_connection: RustMigrationConnection,
    options: &Options,
) -> Result<AppliedBy, MigrateError> {
    let outcome = if step.migration.in_transaction {
        in_transaction(connection, step, migration, options)
    } else {
        without_transaction(connection, step, migration, migration_connection, options)
    };
    match outcome {
        Ok(()) => Ok(AppliedBy::ThisRun),
        Err(Failure::Session(error)) => step.stopped(error),
        Err(Failure::Migration(error)) => Err(step.rust_failed(error)),
        Err(Failure::Unrecorded(error)) => Err(*error),
        Err(Failure::TransactionLeftOpen) => Err(step.transaction_left_open()),
    }
}

enum Failure {
    Session(SessionError),
    Migration(Box<dyn Error + Send + Sync>),
    TransactionLeftOpen,
    Unrecorded(Box<MigrateError>),
}

impl From<DieselError> for Failure {
    fn from(error: DieselError) -> Self {
        let error = PostgresError::from(error);
        match StopReason::of(&error) {
            Some(reason) => Self::Session(SessionError::Stopped(reason)),
            None => Self::Migration(error.into()),
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

impl From<NotWritten> for Failure {
    fn from(error: NotWritten) -> Self {
        match error {
            NotWritten::Session(error) => Self::Session(error),
            NotWritten::Unrecorded(error) => Self::Unrecorded(error),
        }
    }
}

fn run(
    step: MigrationStep<'_>,
    migration: &dyn DieselMigration<Pg>,
    connection: &mut dyn BoxableConnection<Pg>,
) -> Result<(), Failure> {
    if matches!(step.direction, Direction::Down | Direction::Redo) {
        migration.revert(connection).map_err(Failure::Migration)?;
    }
    if matches!(step.direction, Direction::Up | Direction::Redo) {
        migration.run(connection).map_err(Failure::Migration)?;
    }
    Ok(())
}

fn in_transaction<C: PgSession>(
    connection: &mut C,
    step: MigrationStep<'_>,
    migration: &dyn DieselMigration<Pg>,
    options: &Options,
) -> Result<(), Failure> {
    let lock = Lock::of_plugin(step.plugin);
    let begin = format!(
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;\n{}",
        acquire("", lock, &checks(step))
    );
    let mut failure = None;
    lock.retry_while_held(&mut DieselSession(connection), options, |session| {
        let outcome = session.0.transaction(|connection| {
            connection.batch_execute(&begin)?;
            let settings = SessionSettings::read_in_transaction(&mut DieselSession(connection))?;
            run(step, migration, connection)?;
            connection.batch_execute(&format!(
                "{}{}{}",
                settings.restore(),
                guard(lock),
                history_changes(step)
            ))?;
            Ok(())
        });
        match outcome {
            Err(Failure::Session(error)) => Err(error),
            Err(other) => {
                failure = Some(other);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    })?;
    failure.map_or(Ok(()), Err)
}

fn without_transaction<C: PgSession>(
    connection: &mut C,
    step: MigrationStep<'_>,
    migration: &dyn DieselMigration<Pg>,
    migration_connection: RustMigrationConnection,
    options: &Options,
) -> Result<(), Failure> {
    let lock = SessionLock(Lock::of_plugin(step.plugin));
    let session = &mut DieselSession(connection);
    let settings = SessionSettings::read(session, MentionedNames::default())?;
    lock.acquire(session, options)?;
    let outcome = check_and_run(session.0, step, migration, migration_connection);
    if outcome.is_err() {
        // The migration may have left an aborted transaction open.
        let _ = send(session, "ROLLBACK");
    }
    let restored = send(session, &settings.restore());
    let outcome = outcome.and_then(|invalid_indexes| {
        history_row::write(session, step, &lock, restored, invalid_indexes).map_err(Failure::from)
    });
    let released = lock.release(session);
    outcome?;
    released?;
    Ok(())
}

/// Returns the invalid indexes that the migration left in the plugin's schema.
fn check_and_run<C: PgSession>(
    connection: &mut C,
    step: MigrationStep<'_>,
    migration: &dyn DieselMigration<Pg>,
    migration_connection: RustMigrationConnection,
) -> Result<Vec<String>, Failure> {
    let session = &mut DieselSession(&mut *connection);
    send(session, &stop_if("", &checks(step)))?;
    let invalid_indexes = InvalidIndexes::before(session, step, &[])?;
    match migration_connection {
        RustMigrationConnection::Direct => run(step, migration, connection)?,
        RustMigrationConnection::StatementByStatement => {
            with_statement_sender(connection, step.strings, |sender| {
                run(step, migration, sender)
            })?;
        }
    }
    let session = &mut DieselSession(connection);
    if has_open_transaction(session)? {
        send(session, "ROLLBACK")?;
        return Err(Failure::TransactionLeftOpen);
    }
    Ok(invalid_indexes.after(session)?)
}
