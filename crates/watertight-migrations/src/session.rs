use diesel::connection::LoadConnection;
use diesel::deserialize::QueryableByName;
use diesel::pg::Pg;
use diesel::result::Error as DieselError;
use diesel::{Connection, RunQueryDsl, sql_query};

use crate::lock::Holder;

/// A Diesel connection to PostgreSQL, whoever makes it: `PgConnection`, or diesel-async's
/// `AsyncConnectionWrapper<AsyncPgConnection>`.
pub trait PgSession: Connection<Backend = Pg> + LoadConnection + 'static {}

impl<C> PgSession for C where C: Connection<Backend = Pg> + LoadConnection + 'static {}

/// Why something that was sent did not work.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQL of ours stopped it.
    Stopped(Stop),
    /// PostgreSQL refused it; the connection is usable.
    Database(DieselError),
    /// The connection is gone, and what became of the message is not known.
    Lost(DieselError),
    /// Somebody else held the lock for too long.
    LockTimeout(Option<Holder>),
}

/// Why SQL of ours stopped a message. Diesel hides SQLSTATE, so each is known by the constraint's name that it
/// raises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    LockHeld,
    AlreadyApplied,
    NotApplied,
    NotNewest,
    TransactionEnded,
}

impl Stop {
    const ALL: [Self; 5] = [
        Self::LockHeld,
        Self::AlreadyApplied,
        Self::NotApplied,
        Self::NotNewest,
        Self::TransactionEnded,
    ];

    pub(crate) fn constraint(self) -> &'static str {
        match self {
            Self::LockHeld => "watertight_lock_held",
            Self::AlreadyApplied => "watertight_already_applied",
            Self::NotApplied => "watertight_not_applied",
            Self::NotNewest => "watertight_not_newest",
            Self::TransactionEnded => "watertight_transaction_ended",
        }
    }

    pub(crate) fn of(error: &DieselError) -> Option<Self> {
        let DieselError::DatabaseError(_, information) = error else {
            return None;
        };
        let constraint = information.constraint_name()?;
        Self::ALL
            .into_iter()
            .find(|stop| stop.constraint() == constraint)
    }
}

/// Sends a message that no answer is expected to.
pub(crate) fn send<C: PgSession>(connection: &mut C, sql: &str) -> Result<(), Fault> {
    let sent = connection.batch_execute(sql);
    sent.map_err(|error| after_failure(connection, error))
}

/// Runs a query outside of any transaction.
pub(crate) fn load<C: PgSession, Row>(connection: &mut C, sql: &str) -> Result<Vec<Row>, Fault>
where
    Row: QueryableByName<Pg> + 'static,
{
    let loaded = sql_query(sql).load(connection);
    loaded.map_err(|error| after_failure(connection, error))
}

/// Leaves the transaction that a failed message may have left open: Diesel's transaction manager, which did not
/// open it, does not know.
fn after_failure<C: PgSession>(connection: &mut C, error: DieselError) -> Fault {
    if connection.batch_execute("ROLLBACK").is_err() {
        return Fault::Lost(error);
    }
    match Stop::of(&error) {
        Some(stop) => Fault::Stopped(stop),
        None => Fault::Database(error),
    }
}
