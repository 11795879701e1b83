//! Migrations that are code: they get the connection, inside a transaction of Diesel's unless they ask for none.

use std::error::Error;

use diesel::connection::BoxableConnection;
use diesel::migration::Migration as DieselMigration;
use diesel::pg::Pg;
use diesel::result::Error as DieselError;

use crate::change::{Change, Done};
use crate::lock::Lock;
use crate::message::{checks, guard, records, stop_if, take};
use crate::migrate_error::MigrateError;
use crate::one_by_one::one_by_one;
use crate::options::Options;
use crate::progress::Direction;
use crate::session::{Fault, PgSession, Stop, send};
use crate::settings::Settings;
use crate::sql::Mentioned;
use crate::statements::{SessionLock, has_open_transaction};

/// What a migration that runs without a transaction gets as its connection.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Given {
    /// The connection.
    Itself,
    /// Something that sends what it is given to the connection, one statement at a time.
    OneByOne,
}

pub(crate) fn make<C: PgSession>(
    connection: &mut C,
    change: Change<'_>,
    code: &dyn DieselMigration<Pg>,
    given: Given,
    options: &Options,
) -> Result<Done, MigrateError> {
    let outcome = if change.migration.in_transaction {
        in_transaction(connection, change, code, options)
    } else {
        without_transaction(connection, change, code, given, options)
    };
    match outcome {
        Ok(()) => Ok(Done::Now),
        Err(Problem::Fault(fault)) => change.stopped(fault, options),
        Err(Problem::Code(error)) => Err(change.code_failed(error)),
        Err(Problem::LeftOpen) => Err(MigrateError::TransactionLeftOpen {
            plugin: change.plugin,
            migration: change.migration.name.clone(),
            direction: change.direction,
        }),
    }
}

enum Problem {
    Fault(Fault),
    Code(Box<dyn Error + Send + Sync>),
    LeftOpen,
}

impl From<DieselError> for Problem {
    fn from(error: DieselError) -> Self {
        match Stop::of(&error) {
            Some(stop) => Self::Fault(Fault::Stopped(stop)),
            None => Self::Code(error.into()),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

fn run(
    change: Change<'_>,
    code: &dyn DieselMigration<Pg>,
    connection: &mut dyn BoxableConnection<Pg>,
) -> Result<(), Problem> {
    if matches!(change.direction, Direction::Down | Direction::Redo) {
        code.revert(connection).map_err(Problem::Code)?;
    }
    if matches!(change.direction, Direction::Up | Direction::Redo) {
        code.run(connection).map_err(Problem::Code)?;
    }
    Ok(())
}

fn in_transaction<C: PgSession>(
    connection: &mut C,
    change: Change<'_>,
    code: &dyn DieselMigration<Pg>,
    options: &Options,
) -> Result<(), Problem> {
    let Change {
        plugin,
        migration,
        direction,
    } = change;
    let lock = Lock::of(plugin);
    let begin = format!(
        "SET TRANSACTION ISOLATION LEVEL READ COMMITTED;\n{}",
        take(lock, &checks(plugin, migration, direction))
    );
    let mut problem = None;
    lock.wait(connection, options, |connection| {
        let outcome = connection.transaction(|connection| {
            connection.batch_execute(&begin)?;
            let settings = Settings::read_in_transaction(connection)?;
            run(change, code, connection)?;
            let records = records(plugin, migration, direction).join(";\n");
            connection.batch_execute(&format!("{}{}{records}", settings.restore(), guard(lock)))?;
            Ok(())
        });
        match outcome {
            Err(Problem::Fault(fault)) => Err(fault),
            Err(other) => {
                problem = Some(other);
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    })?;
    problem.map_or(Ok(()), Err)
}

fn without_transaction<C: PgSession>(
    connection: &mut C,
    change: Change<'_>,
    code: &dyn DieselMigration<Pg>,
    given: Given,
    options: &Options,
) -> Result<(), Problem> {
    let Change {
        plugin,
        migration,
        direction,
    } = change;
    let lock = SessionLock(Lock::of(plugin));
    let nothing = Mentioned {
        words: Vec::new(),
        dotted: Vec::new(),
    };
    let settings = Settings::read(connection, nothing)?;
    lock.take(connection, options)?;
    let outcome = check_and_run(connection, change, code, given);
    let mut tail = settings.restore();
    match &outcome {
        Ok(()) => tail.push_str(&records(plugin, migration, direction).join(";\n")),
        // The code may have left a failed transaction behind.
        Err(_) => tail.insert_str(0, "ROLLBACK;\n"),
    }
    let finished = send(connection, &tail);
    let released = lock.release(connection);
    outcome?;
    finished?;
    released?;
    Ok(())
}

fn check_and_run<C: PgSession>(
    connection: &mut C,
    change: Change<'_>,
    code: &dyn DieselMigration<Pg>,
    given: Given,
) -> Result<(), Problem> {
    send(
        connection,
        &stop_if(&checks(change.plugin, change.migration, change.direction)),
    )?;
    match given {
        Given::Itself => run(change, code, connection)?,
        Given::OneByOne => one_by_one(connection, |connection| run(change, code, connection))?,
    }
    if has_open_transaction(connection)? {
        send(connection, "ROLLBACK")?;
        return Err(Problem::LeftOpen);
    }
    Ok(())
}
