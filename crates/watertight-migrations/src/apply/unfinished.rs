//! Migrations that did not end, because the run was interrupted or the connection was lost.

use super::invalid_indexes;
use super::migration_step::{AppliedBy, Done, MigrationStep};
use super::selected_plugin::SelectedPlugin;
use crate::direction::Direction;
use crate::errors::{MigrateError, UnfinishedEffect, UnfinishedMigration};
use crate::session::{Lock, Session};
use crate::sources::LoadedPlugin;

/// Asks the database what became of `steps`, the last of which was sent when the connection was lost. Calls `done` for
/// those that are applied.
///
/// # Errors
///
/// When not all of them are applied, or it stays unknown.
pub(super) fn settle<S: Session>(
    session: &mut S,
    plugin: &LoadedPlugin,
    steps: &[MigrationStep<'_>],
    mut unfinished: Box<UnfinishedMigration>,
    done: &mut Done<'_>,
) -> Result<(), MigrateError> {
    if session.is_interrupted() {
        unfinished.connection_lost = None;
    }
    let selected = if session.reopen(&Lock::of_plugin(plugin.id).is_held_elsewhere()) {
        SelectedPlugin::read_one(session, plugin).ok()
    } else {
        None
    };
    let Some(selected) = selected else {
        unfinished.effect = UnfinishedEffect::Unknown;
        return Err(MigrateError::Unfinished(unfinished));
    };
    for step in steps {
        let is_recorded = selected.state.applied.contains_key(&step.migration.version);
        let has_happened = match step.direction {
            Direction::Up => is_recorded,
            Direction::Down => !is_recorded,
            // The history looks the same before and after it.
            Direction::Redo => return Err(MigrateError::Unfinished(unfinished)),
        };
        if !has_happened {
            unfinished.migration.clone_from(&step.migration.name);
            unfinished.effect = match unfinished.effect {
                UnfinishedEffect::Unknown if step.migration.in_transaction => {
                    UnfinishedEffect::RolledBack
                }
                effect => with_invalid_indexes(session, *step, effect),
            };
            return Err(MigrateError::Unfinished(unfinished));
        }
        done(*step, AppliedBy::ThisRun, Vec::new());
    }
    Ok(())
}

/// Adds the invalid indexes in the plugin's schema.
pub(super) fn with_invalid_indexes<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    effect: UnfinishedEffect,
) -> UnfinishedEffect {
    let UnfinishedEffect::StatementsKept {
        count,
        next_is_unknown,
        ..
    } = effect
    else {
        return effect;
    };
    UnfinishedEffect::StatementsKept {
        count,
        next_is_unknown,
        invalid_indexes: invalid_indexes::in_schema(session, step.plugin),
    }
}
