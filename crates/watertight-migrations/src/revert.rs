use std::num::NonZeroUsize;

use crate::change::Change;
use crate::migrate_error::MigrateError;
use crate::migration::{Body, Migration};
use crate::options::Options;
use crate::plugin::LoadedPlugin;
use crate::progress::Direction;
use crate::provision;
use crate::run::{Selected, make};
use crate::session::PgSession;

/// Reverts the newest `steps` migrations, newest first, or all when fewer are applied. Answers their names.
pub(crate) fn revert<C: PgSession>(
    connection: &mut C,
    plugin: &LoadedPlugin,
    steps: NonZeroUsize,
    options: &Options,
) -> Result<Vec<String>, MigrateError> {
    let selected = Selected::read_one(connection, plugin)?;
    let changes = newest(&selected, steps.get())?
        .into_iter()
        .map(|migration| selected.change(migration, Direction::Down))
        .collect::<Vec<_>>();
    for change in &changes {
        change.scripts()?;
    }
    for change in &changes {
        make(connection, *change, plugin, options)?;
    }
    Ok(changes
        .iter()
        .map(|change| change.migration.name.clone())
        .collect())
}

/// Reverts the newest migration and runs it again. Answers its name.
///
/// In one transaction, unless it is SQL that runs without one.
pub(crate) fn redo<C: PgSession>(
    connection: &mut C,
    plugin: &LoadedPlugin,
    options: &Options,
) -> Result<String, MigrateError> {
    let selected = Selected::read_one(connection, plugin)?;
    let Some(migration) = newest(&selected, 1)?.pop() else {
        return Err(MigrateError::NothingApplied { plugin: plugin.id });
    };
    let change = selected.change(migration, Direction::Redo);
    change.scripts()?;
    add_columns(connection, &selected, options)?;
    if migration.in_transaction || matches!(migration.body, Body::Code) {
        make(connection, change, plugin, options)?;
    } else {
        for direction in [Direction::Down, Direction::Up] {
            make(
                connection,
                Change {
                    direction,
                    ..change
                },
                plugin,
                options,
            )?;
        }
    }
    Ok(migration.name.clone())
}

/// The newest applied migrations, newest first.
fn newest<'a>(selected: &Selected<'a>, steps: usize) -> Result<Vec<&'a Migration>, MigrateError> {
    let versions = selected.state.applied.keys().rev().take(steps);
    let plugin = selected.plugin;
    let migration = |version: &String| {
        plugin
            .migration(version)
            .ok_or_else(|| MigrateError::NoMigration {
                plugin: plugin.id,
                version: version.clone(),
            })
    };
    versions.map(migration).collect()
}

/// A redo writes our columns, and Diesel may have made the history without them.
fn add_columns<C: PgSession>(
    connection: &mut C,
    selected: &Selected<'_>,
    options: &Options,
) -> Result<(), MigrateError> {
    if !selected.state.has_history() {
        return Ok(());
    }
    provision::provision(connection, selected.plugin.id, &selected.state, options)
}
