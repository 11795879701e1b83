use std::time::Instant;

use super::migration_step::{AppliedBy, Done, MigrationStep};
use super::rust_migration::RustMigrationConnection;
use super::{in_transaction, rust_migration, unfinished, without_transaction};
use crate::errors::{MigrateError, UnfinishedEffect};
use crate::report::PostgresNotice;
use crate::session::{Options, Session, SessionError};
use crate::sources::{LoadedPlugin, MigrationBody};

/// Applies, reverts or redoes migrations of one plugin together with their history rows, and reports the progress.
/// `done` is called for each one that is applied. The first failure ends it.
pub(super) fn apply_steps<S: Session>(
    session: &mut S,
    mut steps: &[MigrationStep<'_>],
    plugin: &LoadedPlugin,
    options: &Options,
    done: &mut Done<'_>,
) -> Result<(), MigrateError> {
    while let [step, ..] = steps {
        let in_transaction = steps.iter().take_while(|step| step.is_sql_in_transaction());
        let (group, later) = steps.split_at(in_transaction.count().max(1));
        let mut finished = 0;
        let mut count = |step: MigrationStep<'_>, by, notices| {
            finished += 1;
            done(step, by, notices);
        };
        let outcome = if options.interrupt.is_stopped() {
            Err(step.session_failed(SessionError::Interrupted))
        } else if step.is_sql_in_transaction() {
            in_transaction::apply(session, group, options, &mut count)
        } else {
            let mut notices = Vec::new();
            let applied = apply_alone(session, *step, plugin, options, &mut notices);
            applied.map(|by| count(*step, by, notices))
        };
        match outcome {
            Err(MigrateError::Unfinished(unfinished)) if unfinished.is_unsettled() => {
                unfinished::settle(session, plugin, &group[finished..], unfinished, done)?;
            }
            outcome => outcome?,
        }
        steps = later;
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
    apply_steps(session, &[step], plugin, options, &mut |_, _, _| ())
}

fn apply_alone<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    plugin: &LoadedPlugin,
    options: &Options,
    notices: &mut Vec<PostgresNotice>,
) -> Result<AppliedBy, MigrateError> {
    step.require_session(session)?;
    step.report_started(options);
    let start = Instant::now();
    let outcome = match &step.migration.body {
        MigrationBody::Rust => apply_rust(session, step, plugin, options),
        MigrationBody::Sql { .. } => without_transaction::apply(session, step, options, notices),
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
    match outcome.map_err(|error| step.session_failed(error))? {
        // Diesel's error does not say whether it was cancelled.
        Err(MigrateError::RustMigration {
            in_transaction: true,
            ..
        }) if session.is_interrupted() => Err(step.unfinished(UnfinishedEffect::Unknown, None)),
        outcome => outcome,
    }
}
