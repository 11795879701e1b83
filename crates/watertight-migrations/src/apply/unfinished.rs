//! Migrations that did not end, because the run was interrupted or the connection was lost.

use postgres_protocol::escape::escape_literal;
use serde::Deserialize;

use super::migration_step::{AppliedBy, MigrationStep};
use super::selected_plugin::SelectedPlugin;
use crate::direction::Direction;
use crate::errors::{MigrateError, UnfinishedEffect, UnfinishedMigration};
use crate::session::{Lock, Session, load};
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
    done: &mut dyn FnMut(MigrationStep<'_>, AppliedBy),
) -> Result<(), MigrateError> {
    if session.is_interrupted() {
        unfinished.connection_lost = None;
    }
    let selected = if session.reopen(Lock::of_plugin(plugin.id)) {
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
        done(*step, AppliedBy::ThisRun);
    }
    Ok(())
}

/// Adds the invalid indexes in the plugin's schema.
pub(super) fn with_invalid_indexes<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    effect: UnfinishedEffect,
) -> UnfinishedEffect {
    #[derive(Deserialize)]
    struct Row {
        name: String,
    }
    let UnfinishedEffect::StatementsKept {
        count,
        next_is_unknown,
        ..
    } = effect
    else {
        return effect;
    };
    let query = format!(
        "SELECT pg_catalog.format('%I.%I', n.nspname, c.relname) AS name FROM pg_catalog.pg_index AS i \
         JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid AND c.relkind = 'i' \
         JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace \
         WHERE NOT i.indisvalid AND n.nspname = {} ORDER BY name",
        escape_literal(step.plugin.schema_name())
    );
    let rows: Vec<Row> = load(session, &query).unwrap_or_default();
    UnfinishedEffect::StatementsKept {
        count,
        next_is_unknown,
        invalid_indexes: rows.into_iter().map(|row| row.name).collect(),
    }
}
