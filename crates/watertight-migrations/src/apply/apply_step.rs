use std::time::Instant;

use super::migration_step::{AppliedBy, MigrationStep};
use super::rust_migration::RustMigrationConnection;
use super::{one_message, rust_migration, without_transaction};
use crate::errors::MigrateError;
use crate::report::MigrationProgress;
use crate::session::{Options, PgSession};
use crate::sources::{LoadedPlugin, MigrationBody};

/// Applies, reverts or redoes a migration together with its history row, and reports the progress.
pub(super) fn apply_step<C: PgSession>(
    connection: &mut C,
    step: MigrationStep<'_>,
    plugin: &LoadedPlugin,
    options: &Options,
) -> Result<AppliedBy, MigrateError> {
    let MigrationStep {
        plugin: id,
        migration,
        direction,
    } = step;
    let name = migration.name.as_str();
    (options.progress)(&MigrationProgress::Started {
        plugin: id,
        migration: name,
        direction,
    });
    let start = Instant::now();
    let outcome = apply(connection, step, plugin, options);
    (options.progress)(&match &outcome {
        Ok(applied_by) => MigrationProgress::Finished {
            plugin: id,
            migration: name,
            direction,
            duration: start.elapsed(),
            by_another_run: *applied_by == AppliedBy::AnotherRun,
        },
        Err(_) => MigrationProgress::Failed {
            plugin: id,
            migration: name,
            direction,
        },
    });
    outcome
}

fn apply<C: PgSession>(
    connection: &mut C,
    step: MigrationStep<'_>,
    plugin: &LoadedPlugin,
    options: &Options,
) -> Result<AppliedBy, MigrateError> {
    match &step.migration.body {
        MigrationBody::Rust => {
            let migration = plugin
                .rust_migration(step.migration)
                .map_err(|source| step.rust_failed(source))?;
            rust_migration::apply(
                connection,
                step,
                migration.as_ref(),
                RustMigrationConnection::Direct,
                options,
            )
        }
        MigrationBody::Sql { .. } if step.migration.in_transaction => {
            one_message::apply(connection, step, options)
        }
        MigrationBody::Sql { .. } => without_transaction::apply(connection, step, options),
    }
}
