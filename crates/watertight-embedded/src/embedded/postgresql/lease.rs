//! Who uses the server, and how it stops when nobody does.
//!
//! A user holds a lease: a connection to the database `postgres` with a shared advisory lock. The kernel
//! closes the connection however the user's process ends. The supervisor is a session inside the server. It
//! outlives the client that began it, because a server does not look at a client's socket while it runs a
//! statement. When it has been the only client for some seconds it takes the users' lock for itself and
//! stops the server; whoever fails to get the lock then knows that the server is going.

use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::Bool;
use diesel_async::SimpleAsyncConnection as _;

use super::{EmbeddedError, EmbeddedKind};
use watertight_connection::{Connection, DatabaseUrl, SharedRuntime};

const SUPERVISE: &str = r"
DO $$
DECLARE
    rounds_alone int := 0;
BEGIN
    IF NOT pg_try_advisory_lock(1463894338, 2) THEN
        RETURN;
    END IF;
    LOOP
        -- Each round is a transaction of its own, so that no snapshot grows old.
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
            -- One more round follows with the lock held: a newcomer who came before it shows up there.
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

/// Sessions other than the asking one and the supervisor's.
pub(crate) const SESSIONS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        AND pid NOT IN (
            SELECT pid FROM pg_locks
            WHERE locktype = 'advisory' AND granted AND classid = 1463894338 AND objid = 2
        )";

/// Keeps the server up while it lives.
pub(crate) struct Lease {
    connection: Connection,
}

impl Lease {
    /// Takes a lease on the server of `url`, a URL of its database `postgres`. None: the server is not
    /// answering, or is about to stop; try again, or start it.
    pub(crate) fn take(url: &DatabaseUrl) -> Result<Option<Self>, EmbeddedError> {
        let Ok(mut connection) = url.with_application_name("watertight lease").connect() else {
            return Ok(None);
        };
        match sql::<Bool>(TRY_LEASE).get_result(&mut connection) {
            Ok(true) => {}
            // Going, or gone while we asked.
            Ok(false) | Err(_) => return Ok(None),
        }
        let mut lease = Self { connection };
        lease.ensure_supervisor(url)?;
        Ok(Some(lease))
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    fn ensure_supervisor(&mut self, url: &DatabaseUrl) -> Result<(), EmbeddedError> {
        if self.is_supervised()? {
            return Ok(());
        }
        let url = url.with_application_name("watertight supervisor");
        SharedRuntime::spawn(async move {
            if let Ok(mut connection) = url.connect_async().await {
                // The server would log the whole block as the statement that it ended.
                let quiet = "SET log_min_error_statement = panic";
                let _ = connection.batch_execute(quiet).await;
                // Returns when another supervisor was faster, or when the server stops.
                let _ = connection.batch_execute(SUPERVISE).await;
            }
        });
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.is_supervised()? {
            if Instant::now() > deadline {
                return Err(EmbeddedError::Start {
                    kind: EmbeddedKind::Postgresql,
                    reason: "the session that stops the server later cannot be begun".to_owned(),
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
