use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Result;
use diesel::RunQueryDsl;
use diesel::dsl::sql;
use diesel::sql_types::{BigInt, Text};
use watertight_connection::{ConnectError, Connection, DatabaseUrl};

use super::interrupt;
use crate::output::command_error::CommandError;
use crate::output::hint::hinted;
use crate::output::terminal;

/// The sessions that run migrations.
///
/// Ctrl-C terminates them: otherwise PostgreSQL would notice that this process is gone only after the running statement,
/// and would commit it.
pub(crate) struct Sessions {
    url: DatabaseUrl,
    interrupted: Arc<AtomicBool>,
}

impl Sessions {
    /// Prepares sessions on a database.
    ///
    /// # Errors
    ///
    /// When the handler for Ctrl-C cannot be installed.
    pub(crate) fn new(url: &DatabaseUrl) -> Result<Self> {
        let name = format!("cargo xtask migrate {}", process::id());
        let url = url.with_application_name(&name);
        let interrupted = Arc::new(AtomicBool::new(false));
        let (url_of_handler, flag) = (url.clone(), Arc::clone(&interrupted));
        interrupt::on_interrupt(move || {
            flag.store(true, Ordering::Relaxed);
            stop(&url_of_handler, &name);
        })?;
        Ok(Self { url, interrupted })
    }

    pub(crate) fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    pub(crate) fn connect(&self) -> Result<Connection, ConnectError> {
        self.url.connect_session()
    }

    /// Ends the work. After Ctrl-C this blocks until the process exits, because the result of the work is not valid.
    pub(crate) fn finish(&self) {
        while self.interrupted.load(Ordering::Relaxed) {
            thread::park();
        }
    }
}

fn stop(url: &DatabaseUrl, name: &str) {
    let stopped = if url.serves_one_connection() {
        Ok(watertight_embedded::cancel_on_pglite(url))
    } else {
        terminate(url, name)
    };
    let message = match stopped {
        Ok(true) => "interrupted: the running migration was rolled back",
        Ok(false) | Err(_) => "interrupted: PostgreSQL may still finish the running migration",
    };
    let hint = "`cargo xtask migrate status` lists the migrations that are applied";
    terminal::error(&CommandError::report(hinted(message, hint)));
    interrupt::exit();
}

/// Terminates the sessions of this process and waits until they have ended. Returns whether they have.
fn terminate(url: &DatabaseUrl, name: &str) -> Result<bool> {
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
