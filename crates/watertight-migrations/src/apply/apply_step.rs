use std::time::Instant;

use super::migration_step::{AppliedBy, MigrationStep};
use super::rust_migration::RustMigrationConnection;
use super::{in_transaction, rust_migration, without_transaction};
use crate::errors::MigrateError;
use crate::session::{Options, Session};
use crate::sources::{LoadedPlugin, MigrationBody};

/// Applies, reverts or redoes migrations of one plugin together with their history rows, and reports the progress.
/// `done` is called for each one that is applied. The first failure ends it.
pub(super) fn apply_steps<S: Session>(
    session: &mut S,
    mut steps: &[MigrationStep<'_>],
    plugin: &LoadedPlugin,
    options: &Options,
    done: &mut dyn FnMut(MigrationStep<'_>, AppliedBy),
) -> Result<(), MigrateError> {
    while let [step, ..] = steps {
        let in_message = steps.iter().take_while(|step| step.is_sql_in_transaction());
        let count = in_message.count();
        if count > 0 {
            in_transaction::apply(session, &steps[..count], options, done)?;
        } else {
            let applied_by = apply_alone(session, *step, plugin, options)?;
            done(*step, applied_by);
        }
        steps = &steps[count.max(1)..];
    }
    Ok(())
}

/// Applies, reverts or redoes one migration.
pub(super) fn apply_step<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    plugin: &LoadedPlugin,
    options: &Options,
) -> Result<(), MigrateError> {
    apply_steps(session, &[step], plugin, options, &mut |_, _| ())
}

fn apply_alone<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    plugin: &LoadedPlugin,
    options: &Options,
) -> Result<AppliedBy, MigrateError> {
    step.require_session(session)?;
    step.report_started(options);
    let start = Instant::now();
    let outcome = match &step.migration.body {
        MigrationBody::Rust => apply_rust(session, step, plugin, options),
        MigrationBody::Sql { .. } => without_transaction::apply(session, step, options),
    };
    match &outcome {
        Ok(by) => step.report_finished(options, start.elapsed(), *by),
        Err(_) => step.report_failed(options),
    }
    outcome
}

fn apply_rust<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    plugin: &LoadedPlugin,
    options: &Options,
) -> Result<AppliedBy, MigrateError> {
    let migration = plugin
        .rust_migration(step.migration)
        .map_err(|source| step.rust_failed(source))?;
    let outcome = session.with_diesel(|connection| {
        rust_migration::apply(
            connection,
            step,
            migration.as_ref(),
            RustMigrationConnection::Direct,
            options,
        )
    });
    outcome.map_err(|error| step.session_failed(error))?
}
