//! The history row of a migration without a transaction, which is written after its SQL.

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
) -> Result<(), NotWritten> {
    if !invalid_indexes.is_empty() {
        let reason = UnrecordedReason::InvalidIndexes(invalid_indexes);
        return Err(NotWritten::unrecorded(step, reason));
    }
    restored.map_err(|error| NotWritten::of(step, error, UnrecordedReason::RestoreSettings))?;
    let is_lost = (
        StopReason::LockLost,
        format!("NOT {}", lock.0.is_held_here()),
    );
    let message = stop_if("", &[is_lost]) + &history_changes(step);
    send(session, &message).map_err(|error| NotWritten::of(step, error, UnrecordedReason::History))
}

/// Why the row was not written.
pub(super) enum NotWritten {
    Session(SessionError),
    Unrecorded(Box<MigrateError>),
}

impl NotWritten {
    fn unrecorded(step: MigrationStep<'_>, reason: UnrecordedReason) -> Self {
        Self::Unrecorded(Box::new(step.unrecorded(reason)))
    }

    fn of(
        step: MigrationStep<'_>,
        error: SessionError,
        reason: fn(PostgresError) -> UnrecordedReason,
    ) -> Self {
        match error {
            SessionError::Database(source) => Self::unrecorded(step, reason(source)),
            SessionError::Stopped(StopReason::LockLost) => {
                Self::unrecorded(step, UnrecordedReason::LockLost)
            }
            error => Self::Session(error),
        }
    }
}
