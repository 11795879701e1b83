use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use watertight_connection::{ConnectError, Connection, DatabaseUrl};

use crate::terminal;

/// What a shell says of a program that Ctrl-C has ended.
const INTERRUPTED: i32 = 130;

/// The sessions that run migrations. Ctrl-C ends them: PostgreSQL would not notice that this process is gone
/// before the statement at hand is done, and would then commit it.
pub(crate) struct Sessions {
    url: DatabaseUrl,
    interrupted: Arc<AtomicBool>,
}

impl Sessions {
    /// # Errors
    ///
    /// When Ctrl-C cannot be watched for.
    pub(crate) fn new(url: &DatabaseUrl) -> Result<Self> {
        let name = format!("cargo xtask migrate {}", process::id());
        let url = url.with_application_name(&name);
        let interrupted = Arc::new(AtomicBool::new(false));
        let (ours, flag) = (url.clone(), Arc::clone(&interrupted));
        ctrlc::set_handler(move || {
            flag.store(true, Ordering::Relaxed);
            interrupt(&ours, &name);
        })
        .context("failed to watch for Ctrl-C")?;
        Ok(Self { url, interrupted })
    }

    pub(crate) fn connect(&self) -> Result<Connection, ConnectError> {
        self.url.connect()
    }

    /// To be called when the work has ended. After Ctrl-C, what it ended with is of no interest.
    pub(crate) fn finish(&self) {
        while self.interrupted.load(Ordering::Relaxed) {
            thread::park();
        }
    }
}

fn interrupt(url: &DatabaseUrl, name: &str) {
    let ended = if url.serves_one_connection() {
        Ok(watertight_embedded::cancel_on_pglite(&url))
    } else {
        end(url, name)
    };
    let said = match ended {
        Ok(true) => {
            "interrupted: what was running was rolled back; `cargo xtask migrate status` shows what is applied"
        }
        Ok(false) | Err(_) => {
            "interrupted: PostgreSQL may still finish what was running; `cargo xtask migrate status` shows what is applied"
        }
    };
    terminal::error(said);
    process::exit(INTERRUPTED);
}

/// Ends the sessions of this process, and waits until they are gone. Says whether they are.
fn end(url: &DatabaseUrl, name: &str) -> Result<bool> {
    let mut connection = url.with_application_name("cargo xtask migrate").connect()?;
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        let left = sql::<BigInt>(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = ",
        )
        .bind::<Text, _>(name)
        .get_result::<i64>(&mut connection)?;
        if left == 0 {
            return Ok(true);
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(false)
}
