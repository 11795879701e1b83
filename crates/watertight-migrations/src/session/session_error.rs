use std::time::Duration;

use diesel::result::Error as DieselError;
use watertight_diagnostics::PostgresError;

use crate::errors::{LockHolder, MigrateError};

/// Why a statement or message failed.
#[derive(Debug)]
pub(crate) enum SessionError {
    /// One of Watertight's own checks in it stopped it.
    Stopped(StopReason),
    /// PostgreSQL reported an error. The connection is usable.
    Database(PostgresError),
    /// The connection is lost, and it is unknown whether the message took effect.
    ConnectionLost(PostgresError),
    /// The run was interrupted, and what was sent was cancelled. The connection is usable.
    Cancelled,
    /// The run was interrupted before anything was sent.
    Interrupted,
    /// Another session held the lock for too long.
    LockTimeout {
        waited: Duration,
        holder: LockHolder,
    },
}

/// Why one of Watertight's own checks stopped a message.
///
/// The check raises an error with a constraint's name, because Diesel hides SQLSTATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopReason {
    LockHeld,
    AlreadyApplied,
    NotApplied,
    NotNewest,
    /// The migration that was sent before it failed, or was reverted by another run.
    PreviousNotApplied,
    TransactionEnded,
    /// The session no longer holds the lock that it took.
    LockLost,
}

impl StopReason {
    const ALL: [Self; 7] = [
        Self::LockHeld,
        Self::AlreadyApplied,
        Self::NotApplied,
        Self::NotNewest,
        Self::PreviousNotApplied,
        Self::TransactionEnded,
        Self::LockLost,
    ];

    pub(crate) fn constraint(self) -> &'static str {
        match self {
            Self::LockHeld => "watertight_lock_held",
            Self::AlreadyApplied => "watertight_already_applied",
            Self::NotApplied => "watertight_not_applied",
            Self::NotNewest => "watertight_not_newest",
            Self::PreviousNotApplied => "watertight_previous_not_applied",
            Self::TransactionEnded => "watertight_transaction_ended",
            Self::LockLost => "watertight_lock_lost",
        }
    }

    pub(crate) fn of(error: &PostgresError) -> Option<Self> {
        let constraint = error.constraint()?;
        Self::ALL
            .into_iter()
            .find(|reason| reason.constraint() == constraint)
    }
}

impl SessionError {
    /// Converts an error of one of Watertight's own statements, which was to do `doing`.
    pub(crate) fn into_migrate_error(self, doing: impl Into<String>) -> MigrateError {
        let doing = doing.into();
        match self {
            Self::ConnectionLost(source) => MigrateError::ConnectionLost {
                doing,
                source,
                next: "run it again when PostgreSQL is back",
            },
            Self::Cancelled | Self::Interrupted => MigrateError::Interrupted,
            Self::LockTimeout { waited, holder } => MigrateError::LockTimeout {
                doing,
                waited,
                holder,
            },
            Self::Database(source) => MigrateError::Database { doing, source },
            Self::Stopped(reason) => MigrateError::Database {
                doing,
                source: DieselError::QueryBuilderError(reason.constraint().into()).into(),
            },
        }
    }
}
