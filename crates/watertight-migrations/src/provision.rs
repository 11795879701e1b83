use watertight_metadata::PluginId;

use crate::history;
use crate::lock::Lock;
use crate::message;
use crate::migrate_error::MigrateError;
use crate::options::Options;
use crate::session::{PgSession, send};
use crate::state::PluginState;

/// The SQL that creates what a plugin misses: its schema, its history, our columns in a history that Diesel made.
pub(crate) fn missing(plugin: PluginId, state: &PluginState) -> Vec<String> {
    match &state.schema {
        None => vec![
            format!("CREATE SCHEMA IF NOT EXISTS \"{}\"", plugin.schema_name()),
            history::create(plugin),
        ],
        Some(schema) if !schema.has_history => vec![history::create(plugin)],
        Some(schema) if !schema.has_columns => vec![history::add_columns(plugin)],
        Some(_) => Vec::new(),
    }
}

/// Checks that the role may create what the plugin misses.
///
/// # Errors
///
/// Names the right that it lacks.
pub(crate) fn check_rights(plugin: PluginId, state: &PluginState) -> Result<(), MigrateError> {
    match &state.schema {
        None if !state.may_create_schema => Err(MigrateError::MayNotCreateSchema { plugin }),
        Some(schema) if !schema.has_history && !schema.may_create_table => {
            Err(MigrateError::MayNotCreateHistory { plugin })
        }
        Some(schema) if schema.has_history && !schema.has_columns && !schema.owns_history => {
            Err(MigrateError::MayNotAlterHistory { plugin })
        }
        _ => Ok(()),
    }
}

/// Creates what one plugin misses.
pub(crate) fn provision<C: PgSession>(
    connection: &mut C,
    plugin: PluginId,
    state: &PluginState,
    options: &Options,
) -> Result<(), MigrateError> {
    check_rights(plugin, state)?;
    create(connection, &missing(plugin, state), options)
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
