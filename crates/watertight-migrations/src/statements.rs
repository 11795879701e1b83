//! Migrations without a transaction: their statements are sent one by one.

use diesel::QueryableByName;
use diesel::result::Error as DieselError;
use diesel::sql_types::Bool;

use crate::change::{Change, Done};
use crate::explain;
use crate::failure::{FailurePlace, Remains, SourceLine};
use crate::lock::Lock;
use crate::message::{checks, records, stop_if};
use crate::migrate_error::MigrateError;
use crate::migration::Script;
use crate::options::Options;
use crate::session::{Fault, PgSession, Stop, load, send};
use crate::sql::{split, transaction_command};
use crate::state::{IS_OPEN, PROBE};

pub(crate) fn make<C: PgSession>(
    connection: &mut C,
    change: Change<'_>,
    options: &Options,
) -> Result<Done, MigrateError> {
    let scripts = change.scripts()?;
    let settings = change.read_settings(connection, &scripts)?;
    let lock = SessionLock(Lock::of(change.plugin));
    if let Err(fault) = lock.take(connection, options) {
        return change.stopped(fault, options);
    }
    let outcome = Run { change }.check_and_send(connection, &scripts);
    let mut tail = String::new();
    if let Some(settings) = settings {
        tail.push_str(&settings.restore());
    }
    if outcome.is_ok() {
        for record in records(change.plugin, change.migration, change.direction) {
            tail.push_str(&record);
            tail.push_str(";\n");
        }
    }
    let finished = send(connection, &tail);
    let released = lock.release(connection);
    match outcome {
        Err(Stopped::Failed(error)) => Err(*error),
        Err(Stopped::ByUs(fault)) => change.stopped(fault, options),
        Ok(()) => match finished.and(released) {
            Ok(()) => Ok(Done::Now),
            Err(fault) => Err(change.fault(fault, options.lock_timeout)),
        },
    }
}

/// Why the statements were not all sent.
enum Stopped {
    ByUs(Fault),
    Failed(Box<MigrateError>),
}

impl From<Fault> for Stopped {
    fn from(fault: Fault) -> Self {
        Self::ByUs(fault)
    }
}

struct Run<'a> {
    change: Change<'a>,
}

impl Run<'_> {
    fn check_and_send<C: PgSession>(
        &self,
        connection: &mut C,
        scripts: &[&Script],
    ) -> Result<(), Stopped> {
        let Change {
            plugin,
            migration,
            direction,
        } = self.change;
        send(connection, &stop_if(&checks(plugin, migration, direction)))?;
        for script in scripts {
            self.send_statements(connection, script)?;
        }
        if has_open_transaction(connection)? {
            send(connection, "ROLLBACK")?;
            return Err(Stopped::Failed(Box::new(
                MigrateError::TransactionLeftOpen {
                    plugin,
                    migration: migration.name.clone(),
                    direction,
                },
            )));
        }
        Ok(())
    }

    fn send_statements<C: PgSession>(
        &self,
        connection: &mut C,
        script: &Script,
    ) -> Result<(), Stopped> {
        let sql = &script.sql;
        // How many statements stay done whatever comes: not those of a transaction that is still open.
        let mut kept = 0;
        let mut in_transaction = false;
        for (sent, statement) in split(sql).unwrap_or_default().into_iter().enumerate() {
            let text = statement.text(sql);
            match send(connection, text) {
                Ok(()) => {}
                Err(Fault::Database(error)) => {
                    let place = place(script, statement.start, text, &error);
                    let failed = self.change.failed(place, error, Remains::Statements(kept));
                    return Err(Stopped::Failed(Box::new(failed)));
                }
                Err(fault) => return Err(fault.into()),
            }
            if let Some(command) = transaction_command(text) {
                in_transaction = matches!(command.as_str(), "BEGIN" | "START TRANSACTION");
            }
            if !in_transaction {
                kept = sent + 1;
            }
        }
        Ok(())
    }
}

fn place(script: &Script, start: usize, text: &str, error: &DieselError) -> FailurePlace {
    let position = explain::position_in_statement(text, error);
    let offset = start + position.unwrap_or(0);
    FailurePlace::At(SourceLine::new(script, offset, position.is_some()))
}

/// A lock that the session holds, for when there is no transaction to hold it.
pub(crate) struct SessionLock(pub(crate) Lock);

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct Answer {
    #[diesel(sql_type = Bool)]
    yes: bool,
}

impl SessionLock {
    pub(crate) fn take<C: PgSession>(
        &self,
        connection: &mut C,
        options: &Options,
    ) -> Result<(), Fault> {
        let query = format!(
            "SELECT pg_catalog.pg_try_advisory_lock({}) AS yes",
            self.0.key
        );
        self.0.wait(connection, options, |connection| {
            if ask(connection, &query)? {
                Ok(())
            } else {
                Err(Fault::Stopped(Stop::LockHeld))
            }
        })
    }

    pub(crate) fn release<C: PgSession>(&self, connection: &mut C) -> Result<(), Fault> {
        send(
            connection,
            &format!("SELECT pg_catalog.pg_advisory_unlock({})", self.0.key),
        )
    }
}

pub(crate) fn has_open_transaction<C: PgSession>(connection: &mut C) -> Result<bool, Fault> {
    send(connection, PROBE)?;
    ask(connection, &format!("SELECT {IS_OPEN} AS yes"))
}

fn ask<C: PgSession>(connection: &mut C, query: &str) -> Result<bool, Fault> {
    let answers: Vec<Answer> = load(connection, query)?;
    Ok(answers.first().is_some_and(|answer| answer.yes))
}
