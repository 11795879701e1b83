use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::Error;
use watertight_connection::{ConnectError, Connection, DatabaseUrl};
use watertight_diagnostics::PostgresError;

use super::idle_connection;
use super::interrupt::{Interrupt, RESPONSE_LIMIT};
use super::lock_monitor::LockMonitor;
use super::messages::{MessageEvent, Session, SettingsSource, load_bool, send};
use super::open_connection::{OpenConnection, Received};
use super::pooler::{Pooler, Pooling};
use super::session_error::SessionError;
use super::session_settings::RESET;
use crate::errors::MigrateError;

/// As on Diesel's connections.
const SETUP: &str = "SET TIME ZONE 'UTC'";

/// How long to try to find out what became of a lost connection.
const REOPEN_LIMIT: Duration = Duration::from_secs(5);
const REOPEN_PAUSE: Duration = Duration::from_millis(20);

/// A connection that speaks the protocol, as a [`Session`].
///
/// The thread that uses it drives it: notices and responses arrive in the order in which PostgreSQL sent them.
pub(crate) struct ProtocolSession {
    url: DatabaseUrl,
    interrupt: Interrupt,
    is_cancellable: bool,
    pooling: Arc<Pooling>,
    runtime: Runtime,
    monitor: LockMonitor,
    /// `None` while a Diesel connection is used on a server that serves one, and after a connection was given up.
    open: Option<OpenConnection>,
    /// The identity of the connection that was given up.
    given_up: Option<String>,
}

impl ProtocolSession {
    /// Opens a connection. What runs on it is cancelled when the run is interrupted.
    ///
    /// The connections of a run share what they know about a pooler.
    pub(crate) fn connect(
        url: &DatabaseUrl,
        pooling: &Arc<Pooling>,
        interrupt: &Interrupt,
    ) -> Result<Self, MigrateError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the operating system has a file descriptor left");
        let mut session = Self {
            url: url.clone(),
            interrupt: interrupt.clone(),
            is_cancellable: true,
            pooling: Arc::clone(pooling),
            runtime,
            monitor: LockMonitor::new(url),
            open: None,
            given_up: None,
        };
        session.reconnect(None)?;
        Ok(session)
    }

    /// Opens a connection. With a limit, also after the run was interrupted.
    fn reconnect(&mut self, limit: Option<Duration>) -> Result<(), MigrateError> {
        let connecting = Box::pin(self.url.connect_protocol());
        let connected = self.runtime.block_on(async {
            match limit {
                Some(limit) => timeout(limit, connecting).await.ok(),
                None => self.interrupt.unless_stopped(connecting).await,
            }
        });
        let connection = connected.ok_or(MigrateError::Interrupted)??;
        // Nobody shares a server that serves one connection.
        let pid = (!self.url.serves_one_connection())
            .then(|| connection.backend_pid())
            .flatten();
        self.open = Some(OpenConnection::new(connection, pid, &self.pooling));
        Ok(())
    }

    /// Finds out whether there is a pooler, which is known after the first query of a run.
    fn find_pooler(&mut self) -> Result<(), PostgresError> {
        match self.pooling.pooler.get() {
            Some(_) => Ok(()),
            None => self.exchange(&[], &mut |_| ()),
        }
    }

    /// Sends messages, the first time together with the setup, which costs no round trip.
    fn exchange(
        &mut self,
        messages: &[&str],
        receive: &mut dyn FnMut(Received),
    ) -> Result<(), PostgresError> {
        let Some(open) = &mut self.open else {
            return Err(PostgresError::from_message("the connection is closed"));
        };
        let was_idle = std::mem::take(&mut open.was_idle);
        let mut exchanged = self.respond(messages, receive)?;
        if was_idle && matches!(&exchanged, Err(error) if idle_connection::was_not_read(error)) {
            let reopened = self.reconnect(None);
            reopened.map_err(|error| PostgresError::from_message(error.to_string()))?;
            exchanged = self.respond(messages, receive)?;
        }
        Ok(exchanged?)
    }

    /// Gives the connection up if the run is interrupted and PostgreSQL does not respond in time.
    fn respond(
        &mut self,
        messages: &[&str],
        receive: &mut dyn FnMut(Received),
    ) -> Result<Result<(), Error>, PostgresError> {
        let Some(open) = &mut self.open else {
            return Err(PostgresError::from_message("the connection is closed"));
        };
        let canceller = open.connection.canceller().clone();
        let canceller = self.is_cancellable.then_some(&canceller);
        // A pooler has keys of its own.
        let pid = open.pid.filter(|_| self.pooling.pooler().is_none());
        let progress = Cell::new(Instant::now());
        let receive = RefCell::new(receive);
        let receive_next = &mut |received| {
            progress.set(Instant::now());
            receive.borrow_mut()(received);
        };
        let report = &mut |wait| receive.borrow_mut()(Received::Event(MessageEvent::Waits(wait)));
        let exchange = open.exchange(messages, receive_next);
        let exchange = self.monitor.watch(pid, exchange, &progress, report);
        let response = self.interrupt.respond(canceller, exchange);
        let response = self.runtime.block_on(response);
        open.last_used = Instant::now();
        response.ok_or_else(|| {
            self.given_up = self.open.take().and_then(|open| open.identity);
            PostgresError::from_message("PostgreSQL does not respond")
        })
    }

    /// Opens a new connection, as soon as the server is back.
    fn reconnect_until(&mut self, deadline: Instant) -> Result<(), MigrateError> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.reconnect(Some(left)) {
                Err(MigrateError::Connect(_)) if !left.is_zero() => thread::sleep(REOPEN_PAUSE),
                connected => return connected,
            }
        }
    }
}

impl Session for ProtocolSession {
    type Diesel = Connection;

    const REPORTS_COMPLETIONS: bool = true;

    fn send_raw(
        &mut self,
        messages: &[&str],
        watch: &mut dyn FnMut(MessageEvent),
    ) -> Result<(), PostgresError> {
        self.find_pooler()?;
        // If this process is killed, a pooler may give responses that are still to come to another client.
        let at_once = if self.is_pooled() { 1 } else { messages.len() };
        for messages in messages.chunks(at_once.max(1)) {
            self.exchange(messages, &mut |received| match received {
                Received::Event(event) => watch(event),
                Received::Row(_) => {}
            })?;
        }
        Ok(())
    }

    fn report_waits_within(&mut self, time: Duration) {
        self.monitor.report_within(time);
    }

    fn texts(&mut self, sql: &str) -> Result<Vec<String>, PostgresError> {
        let mut texts = Vec::new();
        self.exchange(&[sql], &mut |received| match received {
            Received::Row(text) => texts.extend(text),
            Received::Event(_) => {}
        })?;
        Ok(texts)
    }

    fn reopen_if_closed(&mut self) -> Result<(), MigrateError> {
        if let Some(open) = &mut self.open
            && !self.runtime.block_on(idle_connection::is_closed(open))
        {
            open.was_idle = true;
            return Ok(());
        }
        self.reconnect(None)
    }

    /// Nobody else uses the connection.
    fn has_callers_transaction(&mut self) -> Result<bool, SessionError> {
        Ok(false)
    }

    fn is_interrupted(&self) -> bool {
        self.interrupt.is_stopped()
    }

    fn set_cancellable(&mut self, cancellable: bool) {
        self.is_cancellable = cancellable;
    }

    fn reopen(&mut self, is_held: &str) -> bool {
        let lost = self.open.take().and_then(|open| open.identity);
        let lost = lost.or_else(|| self.given_up.take());
        let lost = lost.unwrap_or_else(|| "false".to_owned());
        let lost = format!(
            "FROM pg_catalog.pg_stat_activity WHERE {lost} AND pid <> pg_catalog.pg_backend_pid()"
        );
        let deadline = Instant::now() + REOPEN_LIMIT;
        if self.reconnect_until(deadline).is_err() {
            return false;
        }
        // A role that may not end it waits until it has ended.
        let _ = send(
            self,
            &format!("SELECT pg_catalog.pg_terminate_backend(pid) {lost}"),
        );
        let is_left = format!("EXISTS (SELECT {lost}) OR {is_held}");
        loop {
            match load_bool(self, &format!("({is_left})")) {
                Ok(true) if Instant::now() < deadline => thread::sleep(REOPEN_PAUSE),
                is_left => return is_left.is_ok_and(|is_left| !is_left),
            }
        }
    }

    fn clean_up(&self) -> String {
        if self.is_pooled() {
            Pooler::SET_TIME_ZONE.to_owned()
        } else if self.url.serves_one_connection() {
            // Nobody has logged in on PGlite, so it does not know which role to go back to.
            "DISCARD TEMP;\n".to_owned()
        } else {
            format!("{RESET}DISCARD TEMP;\n")
        }
    }

    fn settings_source(&self) -> SettingsSource {
        if self.url.serves_one_connection() {
            return SettingsSource::Query;
        }
        self.pooling
            .pooler()
            .cloned()
            .map_or(SettingsSource::NewConnection, SettingsSource::Pooler)
    }

    fn is_pooled(&self) -> bool {
        self.pooling.pooler().is_some()
    }

    fn has_own_session(&mut self) -> Result<bool, ConnectError> {
        // An error is reported again by what follows.
        let _ = self.find_pooler();
        let Some(open) = self
            .open
            .as_mut()
            .filter(|_| self.pooling.pooler().is_some())
        else {
            return Ok(true);
        };
        if self.pooling.has_own_sessions.get().is_none() {
            let proven = self.url.has_own_session(&mut open.connection);
            let _ = self
                .pooling
                .has_own_sessions
                .set(self.runtime.block_on(proven)?);
        }
        let has_own_session = self.pooling.has_own_sessions.get() == Some(&true);
        if has_own_session {
            let _ = self.exchange(&[SETUP], &mut |_| ());
        }
        Ok(has_own_session)
    }

    fn with_diesel<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> T,
    ) -> Result<T, SessionError> {
        let failed = |error: ConnectError| {
            SessionError::Database(PostgresError::from_message(error.to_string()))
        };
        let serves_one = self.url.serves_one_connection();
        if serves_one {
            self.open = None;
        }
        let stopped = self.interrupt.clone().stopped();
        let connection = self.url.connect_cancellable(stopped, RESPONSE_LIMIT);
        let mut connection = connection.map_err(failed)?;
        let result = work(&mut connection);
        drop(connection);
        if serves_one {
            self.reconnect(None).map_err(|error| {
                SessionError::Database(PostgresError::from_message(error.to_string()))
            })?;
        }
        Ok(result)
    }
}
