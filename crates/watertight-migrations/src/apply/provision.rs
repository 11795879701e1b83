use std::collections::HashMap;

use watertight_metadata::PluginId;

use super::{message, rights};
use crate::errors::MigrateError;
use crate::session::{Lock, Options, PluginState, Session, SessionError, send};
use crate::sql::history_sql;

/// Returns the SQL that creates what a plugin is missing: its schema, its history, or Watertight's columns in a history
/// that Diesel created.
pub(crate) fn missing(plugin: PluginId, state: &PluginState) -> Vec<String> {
    match &state.schema {
        None => vec![
            format!("CREATE SCHEMA IF NOT EXISTS \"{}\"", plugin.schema_name()),
            history_sql::create(plugin),
        ],
        Some(schema) if !schema.has_history => vec![history_sql::create(plugin)],
        Some(schema) if !schema.has_columns => vec![history_sql::add_columns(plugin)],
        Some(_) => Vec::new(),
    }
}

/// Creates what a plugin is missing.
pub(crate) fn provision<S: Session>(
    session: &mut S,
    plugin: PluginId,
    state: &PluginState,
    options: &Options,
) -> Result<(), MigrateError> {
    rights::check_create(plugin, state)?;
    create(session, &missing(plugin, state), options).map_err(|error| refused(plugin, error))
}

/// Creates what plugins are missing, with one message for all of them. If that fails, each plugin gets one of its own,
/// and the errors of those whose schema or history is refused are returned.
///
/// # Errors
///
/// When nothing can be created, or as many plugins are refused as the run has.
pub(super) fn provision_all<S: Session>(
    session: &mut S,
    missing: &[(PluginId, Vec<String>)],
    plugins_of_run: usize,
    options: &Options,
) -> Result<HashMap<PluginId, MigrateError>, MigrateError> {
    let mut errors = HashMap::new();
    let statements: Vec<_> = missing.iter().flat_map(|(_, it)| it).cloned().collect();
    let Err(error) = create(session, &statements, options) else {
        return Ok(errors);
    };
    if matches!(error, SessionError::Database(_)) {
        for (plugin, statements) in missing {
            match create(session, statements, options) {
                Ok(()) => {}
                Err(error @ SessionError::Database(_)) => {
                    errors.insert(*plugin, refused(*plugin, error));
                }
                Err(error) => return Err(refused(*plugin, error)),
            }
        }
        if errors.len() < plugins_of_run {
            return Ok(errors);
        }
    }
    Err(error.into_migrate_error("create schemas and histories"))
}

fn refused(plugin: PluginId, error: SessionError) -> MigrateError {
    let doing = format!("create the schema and the history of plugin `{plugin}`");
    error.into_migrate_error(doing)
}

/// Runs the statements of [`missing`] as one message under a lock for all plugins, because even `IF NOT EXISTS` fails
/// when two sessions create the same object at the same time.
fn create<S: Session>(
    session: &mut S,
    statements: &[String],
    options: &Options,
) -> Result<(), SessionError> {
    if statements.is_empty() {
        return Ok(());
    }
    let lock = Lock::for_provisioning();
    let message = format!(
        "{}{};\nCOMMIT",
        message::begin(lock, &[]),
        statements.join(";\n")
    );
    lock.retry_while_held(session, options, |session| send(session, &message))
}
