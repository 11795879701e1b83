//! The history row of a migration without a transaction, which is written after its SQL.

use std::time::Duration;

use watertight_diagnostics::PostgresError;

use super::message::{history_changes, stop_if};
use super::migration_step::MigrationStep;
use crate::errors::{MigrateError, UnrecordedReason};
use crate::session::{Session, SessionError, SessionLock, StopReason, send};

/// Writes the row, unless the migration has lost the plugin's lock or its effect is not complete. `restored` is the result
/// of restoring the settings that it changed.
pub(super) fn write<S: Session>(
    session: &mut S,
    step: MigrationStep<'_>,
    lock: &SessionLock,
    restored: Result<(), SessionError>,
    invalid_indexes: Vec<String>,
) -> Result<(), MigrateError> {
    if !invalid_indexes.is_empty() {
        return Err(step.unrecorded(UnrecordedReason::InvalidIndexes(invalid_indexes)));
    }
    restored.map_err(|error| not_written(step, error, UnrecordedReason::RestoreSettings))?;
    let is_lost = (
        StopReason::LockLost,
        format!("NOT {}", lock.0.is_held_here()),
    );
    let message = stop_if(&[is_lost]) + &history_changes(step);
    send(session, &message).map_err(|error| not_written(step, error, UnrecordedReason::History))
}

fn not_written(
    step: MigrationStep<'_>,
    error: SessionError,
    reason: fn(PostgresError) -> UnrecordedReason,
) -> MigrateError {
    match error {
        SessionError::Database(source) => step.unrecorded(reason(source)),
        SessionError::Stopped(StopReason::LockLost) => step.unrecorded(UnrecordedReason::LockLost),
        error => step.session_failed(error, Duration::ZERO),
    }
}
