//! What the session may do, checked before anything is sent.

use watertight_metadata::PluginId;

use super::migration_step::MigrationStep;
use crate::direction::Direction;
use crate::errors::MigrateError;
use crate::session::PluginState;

/// A change of a history.
#[derive(Clone, Copy)]
pub(super) enum HistoryChange {
    Insert,
    Update,
    Delete,
}

/// Checks that the database can be written.
///
/// # Errors
///
/// Says why not.
pub(super) fn check_writable(state: &PluginState) -> Result<(), MigrateError> {
    match state.read_only {
        Some(is_standby) => Err(MigrateError::ReadOnly { is_standby }),
        None => Ok(()),
    }
}

/// Checks that the role may create what the plugin is missing.
///
/// # Errors
///
/// Names the missing right.
pub(super) fn check_create(plugin: PluginId, state: &PluginState) -> Result<(), MigrateError> {
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

/// Checks that the role may change the plugin's history, if it exists.
///
/// # Errors
///
/// Names the missing right.
pub(super) fn check_history(
    plugin: PluginId,
    state: &PluginState,
    change: HistoryChange,
) -> Result<(), MigrateError> {
    let Some(schema) = state.schema.as_ref().filter(|schema| schema.has_history) else {
        return Ok(());
    };
    let (may, right) = match change {
        HistoryChange::Insert => (schema.may_insert, "INSERT"),
        HistoryChange::Update => (schema.may_update, "UPDATE"),
        HistoryChange::Delete => (schema.may_delete, "DELETE"),
    };
    if may {
        Ok(())
    } else {
        Err(MigrateError::MayNotWriteHistory { plugin, right })
    }
}

/// Checks that the step's effect can be recorded.
///
/// # Errors
///
/// As [`check_writable`] and [`check_history`].
pub(super) fn check_step(step: MigrationStep<'_>, state: &PluginState) -> Result<(), MigrateError> {
    check_writable(state)?;
    let check = |change| check_history(step.plugin, state, change);
    match step.direction {
        Direction::Up => check(HistoryChange::Insert),
        Direction::Down => check(HistoryChange::Delete),
        Direction::Redo => {
            check(HistoryChange::Delete)?;
            check(HistoryChange::Insert)
        }
    }
}
