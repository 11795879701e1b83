//! SQL migrations in a transaction, which are sent as one message.

use super::failed_statement;
use super::message::Message;
use super::migration_step::{AppliedBy, MigrationStep};
use crate::errors::{FailureEffect, MigrateError};
use crate::session::{Lock, Options, PgSession, SessionError, send};

pub(super) fn apply<C: PgSession>(
    connection: &mut C,
    step: MigrationStep<'_>,
    options: &Options,
) -> Result<AppliedBy, MigrateError> {
    let scripts = step.scripts()?;
    let settings = step.read_settings(connection, &scripts)?;
    let message = Message::new(step, &scripts, settings.as_ref());
    let lock = Lock::of_plugin(step.plugin);
    let sent = lock.retry_while_held(connection, options, |connection| {
        send(connection, &message.sql)
    });
    match sent {
        Ok(()) => Ok(AppliedBy::ThisRun),
        Err(SessionError::Database(source)) => {
            let location =
                failed_statement::find(connection, step.plugin, &message, &source, options);
            Err(step.sql_failed(location, source, FailureEffect::RolledBack))
        }
        Err(error) => step.stopped(error, options),
    }
}
