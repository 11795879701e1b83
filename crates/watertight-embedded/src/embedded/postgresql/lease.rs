//! Leases on the server, and stopping it when there are none.
//!
//! A lease is a connection to the database `postgres` with a shared advisory lock. The kernel closes the connection however
//! the user's process ends. The supervisor is a session inside the server. It outlives the client that started it, because
//! a server does not check a client's socket while it runs a statement. When it has been the only client for some seconds,
//! it takes the users' lock itself and stops the server. A client that cannot get the lock knows that the server is
//! stopping.

use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel_async::SimpleAsyncConnection as _;

use watertight_connection::{Connection, DatabaseUrl, SharedRuntime};

use crate::embedded::state::embedded_error::EmbeddedError;
use crate::embedded::state::embedded_kind::EmbeddedKind;

const SUPERVISOR_TIMEOUT: Duration = Duration::from_secs(20);

const SUPERVISE: &str = r"
DO $$
DECLARE
    rounds_alone int := 0;
BEGIN
    IF NOT pg_try_advisory_lock(1463894338, 2) THEN
        RETURN;
    END IF;
    LOOP
        -- A transaction for each round, so that no snapshot grows old.
        COMMIT;
        PERFORM pg_sleep(0.5);
        COMMIT;
        IF EXISTS (
            SELECT FROM pg_stat_activity
            WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        ) THEN
            rounds_alone := 0;
            PERFORM pg_advisory_unlock(1463894338, 1)
            FROM pg_locks
            WHERE pid = pg_backend_pid() AND locktype = 'advisory'
                AND classid = 1463894338 AND objid = 1;
            CONTINUE;
        END IF;
        rounds_alone := rounds_alone + 1;
        IF rounds_alone = 10 THEN
            -- Another round follows with the lock held, to see clients that connected before.
            IF NOT pg_try_advisory_lock(1463894338, 1) THEN
                rounds_alone := 0;
            END IF;
        ELSIF rounds_alone > 10 THEN
            EXECUTE format(
                'COPY (SELECT 1) TO PROGRAM %L',
                'kill -INT ' || split_part(pg_read_file('postmaster.pid'), E'\n', 1)
            );
            PERFORM pg_sleep(60);
        END IF;
    END LOOP;
END
$$";

const TRY_LEASE: &str = "SELECT pg_try_advisory_lock_shared(1463894338, 1)";

const IS_SUPERVISED: &str = "SELECT EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND classid = 1463894338 AND objid = 2
)";

/// Counts the sessions other than the current one and the supervisor's.
pub(super) const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        AND pid NOT IN (
            SELECT pid FROM pg_locks
            WHERE locktype = 'advisory' AND granted AND classid = 1463894338 AND objid = 2
        )";

/// Keeps the server running until it is dropped.
pub(super) struct Lease {
    connection: Connection,
}

impl Lease {
    /// Takes a lease on the server of `url`, a URL of its database `postgres`. Returns `None` if the server does not accept
    /// connections or is stopping.
    pub(super) fn take(url: &DatabaseUrl) -> Result<Option<Self>, EmbeddedError> {
        let Ok(mut connection) = url.with_application_name("watertight lease").connect() else {
            return Ok(None);
        };
        match sql::<Bool>(TRY_LEASE).get_result(&mut connection) {
            Ok(true) => {}
            // The server is stopping, or has just stopped.
            Ok(false) | Err(_) => return Ok(None),
        }
        let mut lease = Self { connection };
        lease.ensure_supervisor(url)?;
        Ok(Some(lease))
    }

    pub(super) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn ensure_supervisor(&mut self, url: &DatabaseUrl) -> Result<(), EmbeddedError> {
        if self.is_supervised()? {
            return Ok(());
        }
        let url = url.with_application_name("watertight supervisor");
        SharedRuntime::spawn(async move {
            if let Ok(mut connection) = url.connect_async().await {
                // When the server stops, it would log the whole statement.
                let quiet = "SET log_min_error_statement = panic";
                let _ = connection.batch_execute(quiet).await;
                // Returns when there is another supervisor, or when the server stops.
                let _ = connection.batch_execute(SUPERVISE).await;
            }
        });
        let deadline = Instant::now() + SUPERVISOR_TIMEOUT;
        while !self.is_supervised()? {
            if Instant::now() > deadline {
                return Err(EmbeddedError::Start {
                    kind: EmbeddedKind::Postgresql,
                    reason: "the session that later stops the server cannot be started".to_owned(),
                });
            }
            sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    fn is_supervised(&mut self) -> Result<bool, EmbeddedError> {
        Ok(sql::<Bool>(IS_SUPERVISED).get_result(&mut self.connection)?)
    }
}
