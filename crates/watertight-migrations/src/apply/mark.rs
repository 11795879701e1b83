//! Recording that a migration is applied or pending, without running it.

use super::provision::provision;
use super::rights::HistoryChange;
use super::selected_plugin::SelectedPlugin;
use super::{message, rights};
use crate::errors::MigrateError;
use crate::session::{Lock, Options, Session, SessionError, StopReason, send};
use crate::sources::LoadedPlugin;
use crate::sql::history_sql;

/// Records a migration as applied. Returns whether it was pending.
pub(crate) fn applied<S: Session>(
    session: &mut S,
    plugin: &LoadedPlugin,
    version: &str,
    options: &Options,
) -> Result<bool, MigrateError> {
    let selected = SelectedPlugin::read_one(session, plugin)?;
    if selected.state.applied.contains_key(version) {
        return Ok(false);
    }
    let migration = plugin
        .migration(version)
        .ok_or_else(|| unknown(plugin, version))?;
    let id = plugin.id;
    rights::check_writable(&selected.state)?;
    rights::check_history(id, &selected.state, HistoryChange::Insert)?;
    provision(session, id, &selected.state, options)?;
    let checksum = migration.checksum();
    change(
        session,
        plugin,
        (
            StopReason::AlreadyApplied,
            history_sql::is_applied(id, version),
        ),
        &history_sql::insert(id, version, &migration.name, checksum.as_deref()),
        options,
    )
}

/// Removes a migration from the history. Returns whether it was applied.
pub(crate) fn pending<S: Session>(
    session: &mut S,
    plugin: &LoadedPlugin,
    version: &str,
    options: &Options,
) -> Result<bool, MigrateError> {
    let selected = SelectedPlugin::read_one(session, plugin)?;
    if !selected.state.applied.contains_key(version) {
        let known = plugin.migration(version);
        return known.map(|_| false).ok_or_else(|| unknown(plugin, version));
    }
    let id = plugin.id;
    rights::check_writable(&selected.state)?;
    rights::check_history(id, &selected.state, HistoryChange::Delete)?;
    change(
        session,
        plugin,
        (
            StopReason::NotApplied,
            format!("NOT {}", history_sql::is_applied(id, version)),
        ),
        &history_sql::delete(id, version),
        options,
    )
}

/// Changes the history under the plugin's lock, unless another session has done it.
fn change<S: Session>(
    session: &mut S,
    plugin: &LoadedPlugin,
    stop_if: (StopReason, String),
    statement: &str,
    options: &Options,
) -> Result<bool, MigrateError> {
    let lock = Lock::of_plugin(plugin.id);
    let sql = format!("{}{statement};\nCOMMIT", message::begin(lock, &[stop_if]));
    let sent = lock.retry_while_held(session, options, |session| send(session, &sql));
    match sent {
        Ok(()) => Ok(true),
        Err(SessionError::Stopped(StopReason::AlreadyApplied | StopReason::NotApplied)) => {
            Ok(false)
        }
        Err(error) => {
            Err(error.into_migrate_error(format!("change the history of plugin `{}`", plugin.id)))
        }
    }
}

fn unknown(plugin: &LoadedPlugin, version: &str) -> MigrateError {
    MigrateError::UnknownVersion {
        plugin: plugin.id,
        version: version.to_owned(),
    }
}
