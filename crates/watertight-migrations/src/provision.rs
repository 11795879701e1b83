use watertight_metadata::PluginId;

use crate::history;
use crate::lock::Lock;
use crate::message;
use crate::migrate_error::MigrateError;
use crate::options::Options;
use crate::session::{PgSession, send};
use crate::state::PluginState;

/// The SQL that creates what these plugins miss: schemas, histories, our columns in histories that Diesel made.
///
/// # Errors
///
/// When the role lacks the right to create one of them, before anything is sent.
pub(crate) fn missing(plugins: &[(PluginId, &PluginState)]) -> Result<Vec<String>, MigrateError> {
    let mut statements = Vec::new();
    for (plugin, state) in plugins {
        let plugin = *plugin;
        match &state.schema {
            None => {
                if !state.may_create_schema {
                    return Err(MigrateError::MayNotCreateSchema { plugin });
                }
                statements.push(format!(
                    "CREATE SCHEMA IF NOT EXISTS \"{}\"",
                    plugin.schema_name()
                ));
                statements.push(history::create(plugin));
            }
            Some(schema) if !schema.has_history => {
                if !schema.may_create_table {
                    return Err(MigrateError::MayNotCreateHistory { plugin });
                }
                statements.push(history::create(plugin));
            }
            Some(schema) if !schema.has_columns => {
                if !schema.owns_history {
                    return Err(MigrateError::MayNotAlterHistory { plugin });
                }
                statements.push(history::add_columns(plugin));
            }
            Some(_) => {}
        }
    }
    Ok(statements)
}

/// Creates it all in one message, under one lock for all plugins: at the same time, even `IF NOT EXISTS` races
/// inside PostgreSQL.
pub(crate) fn create<C: PgSession>(
    connection: &mut C,
    statements: &[String],
    options: &Options,
) -> Result<(), MigrateError> {
    if statements.is_empty() {
        return Ok(());
    }
    let lock = Lock::provisioning();
    let message = format!(
        "{}{};\nCOMMIT",
        message::begin(lock, &[]),
        statements.join(";\n")
    );
    lock.wait(connection, options, |connection| send(connection, &message))
        .map_err(|fault| {
            MigrateError::from_fault(fault, "create schemas and histories", options.lock_timeout)
        })
}
