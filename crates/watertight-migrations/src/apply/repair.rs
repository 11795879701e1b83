//! Making a plugin's history describe the migrations in the code as applied.

use std::fmt::Write as _;

use super::provision::missing;
use super::rights::HistoryChange;
use super::selected_plugin::SelectedPlugin;
use super::{message, rights};
use crate::errors::MigrateError;
use crate::report::{Repair, RepairChange, RepairReason};
use crate::session::{Lock, Options, Session, SessionError, StopReason, send};
use crate::sources::{LoadedPlugin, Migration};
use crate::sql::history_sql;

/// Returns what a repair would change.
pub(crate) fn plan<S: Session>(
    session: &mut S,
    plugin: &LoadedPlugin,
) -> Result<Repair, MigrateError> {
    let selected = SelectedPlugin::read_one(session, plugin)?;
    let renumbered = selected.renumbered();
    let change = |migration: &Migration, applied_version: &str, reason| RepairChange {
        name: migration.name.clone(),
        version: migration.version.clone(),
        applied_version: applied_version.to_owned(),
        reason,
        applied_checksum: selected.state.applied[applied_version].checksum.clone(),
        checksum: migration.checksum(),
    };
    let mut changes = Vec::new();
    for migration in &plugin.migrations {
        let version = migration.version.as_str();
        if let Some(moved) = renumbered.iter().find(|moved| moved.version == version) {
            let reason = RepairReason::Renumbered;
            changes.push(change(migration, &moved.applied_version, reason));
        } else if renumbered.iter().all(|it| it.applied_version != version)
            && let Some(reason) = reason(&selected, migration)
        {
            changes.push(change(migration, version, reason));
        }
    }
    Ok(Repair {
        plugin: plugin.id,
        changes,
    })
}

/// Returns what is wrong with the row of a migration that was not renumbered.
fn reason(selected: &SelectedPlugin<'_>, migration: &Migration) -> Option<RepairReason> {
    let row = selected.state.applied.get(&migration.version)?;
    if selected.is_drifted(migration) {
        return Some(RepairReason::Modified);
    }
    let checksum = migration.checksum();
    match &row.name {
        None => Some(RepairReason::Incomplete),
        Some(_) if row.checksum.is_none() && checksum.is_some() => Some(RepairReason::Incomplete),
        Some(name) if *name != migration.name => Some(RepairReason::Renamed(name.clone())),
        Some(_) if checksum.is_some() && row.checksum != checksum => {
            Some(RepairReason::OutdatedChecksum)
        }
        Some(_) => None,
    }
}

/// Changes the history as planned, in one transaction under the plugin's lock.
pub(crate) fn apply<S: Session>(
    session: &mut S,
    plugin: &LoadedPlugin,
    repair: &Repair,
    options: &Options,
) -> Result<(), MigrateError> {
    if repair.changes.is_empty() {
        return Ok(());
    }
    let id = plugin.id;
    let state = SelectedPlugin::read_one(session, plugin)?.state;
    rights::check_writable(&state)?;
    rights::check_create(id, &state)?;
    rights::check_history(id, &state, HistoryChange::Update)?;
    let lock = Lock::of_plugin(id);
    let mut sql = message::begin(lock, &[]);
    for statement in missing(id, &state) {
        let _ = writeln!(sql, "{statement};");
    }
    let is_changed = |change: &RepairChange| {
        let checksum = change.applied_checksum.as_deref();
        let row = history_sql::is_recorded(id, &change.applied_version, checksum);
        (StopReason::NotApplied, format!("NOT {row}"))
    };
    let conditions: Vec<_> = repair.changes.iter().map(is_changed).collect();
    sql += &message::stop_if("", &conditions);
    sql += &updates(repair);
    sql += "COMMIT";
    let sent = lock.retry_while_held(session, options, |session| send(session, &sql));
    sent.map_err(|error| match error {
        SessionError::Stopped(StopReason::NotApplied) => {
            MigrateError::HistoryChangedBeforeRepair { plugin: id }
        }
        error => error.into_migrate_error(format!("repair the history of plugin `{id}`")),
    })
}

/// Returns the statements that change the rows. Renumbered ones get a version of their own in between, because the new
/// version of one may be the old version of another.
fn updates(repair: &Repair) -> String {
    let id = repair.plugin;
    let is_moved = |change: &&RepairChange| change.version != change.applied_version;
    let mut sql = String::new();
    for (index, change) in repair.changes.iter().filter(is_moved).enumerate() {
        let between = format!("~{index}");
        sql += &history_sql::set_version(id, &change.applied_version, &between);
        sql += ";\n";
    }
    for (index, change) in repair.changes.iter().filter(is_moved).enumerate() {
        let between = format!("~{index}");
        sql += &history_sql::set_version(id, &between, &change.version);
        sql += ";\n";
    }
    for change in &repair.changes {
        let checksum = change.checksum.as_deref();
        sql += &history_sql::describe(id, &change.version, &change.name, checksum);
        sql += ";\n";
    }
    sql
}
