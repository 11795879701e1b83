use std::num::NonZeroUsize;

use super::apply_step::apply_step;
use super::migration_step::MigrationStep;
use super::provision::provision;
use super::rights;
use super::selected_plugin::SelectedPlugin;
use crate::direction::Direction;
use crate::errors::MigrateError;
use crate::session::{Options, Session};
use crate::sources::{LoadedPlugin, Migration, MigrationBody};

/// Reverts the newest `steps` migrations, or all if fewer are applied, and returns their names, newest first.
pub(crate) fn revert<S: Session>(
    session: &mut S,
    plugin: &LoadedPlugin,
    steps: NonZeroUsize,
    options: &Options,
) -> Result<Vec<String>, MigrateError> {
    let selected = SelectedPlugin::read_one(session, plugin)?;
    let steps = newest(&selected, steps.get())?
        .into_iter()
        .map(|migration| selected.step(migration, Direction::Down))
        .collect::<Vec<_>>();
    for step in &steps {
        rights::check_step(*step, &selected.state)?;
        step.scripts()?;
        step.require_session(session)?;
    }
    for step in &steps {
        apply_step(session, *step, plugin, options)?;
    }
    Ok(steps
        .iter()
        .map(|step| step.migration.name.clone())
        .collect())
}

/// Reverts the newest migration, runs it again and returns its name.
///
/// Both happen in one transaction, except for an SQL migration that runs without one.
pub(crate) fn redo<S: Session>(
    session: &mut S,
    plugin: &LoadedPlugin,
    options: &Options,
) -> Result<String, MigrateError> {
    let selected = SelectedPlugin::read_one(session, plugin)?;
    let Some(migration) = newest(&selected, 1)?.pop() else {
        return Err(MigrateError::NothingApplied { plugin: plugin.id });
    };
    let step = selected.step(migration, Direction::Redo);
    rights::check_step(step, &selected.state)?;
    step.scripts()?;
    step.require_session(session)?;
    add_history_columns(session, &selected, options)?;
    if migration.in_transaction || matches!(migration.body, MigrationBody::Rust) {
        apply_step(session, step, plugin, options)?;
    } else {
        for direction in [Direction::Down, Direction::Up] {
            let step = MigrationStep { direction, ..step };
            apply_step(session, step, plugin, options)?;
        }
    }
    Ok(migration.name.clone())
}

/// Returns the newest applied migrations, newest first.
fn newest<'a>(
    selected: &SelectedPlugin<'a>,
    count: usize,
) -> Result<Vec<&'a Migration>, MigrateError> {
    let versions = selected.state.applied.keys().rev().take(count);
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

/// Adds Watertight's columns, which a redo writes, to a history that Diesel created.
fn add_history_columns<S: Session>(
    session: &mut S,
    selected: &SelectedPlugin<'_>,
    options: &Options,
) -> Result<(), MigrateError> {
    if !selected.state.has_history() {
        return Ok(());
    }
    provision(session, selected.plugin.id, &selected.state, options)
}
