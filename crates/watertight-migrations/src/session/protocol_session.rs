use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::Stream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{AsyncMessage, Error, SimpleQueryMessage};
use watertight_connection::{ConnectError, Connection, DatabaseUrl, ProtocolConnection};
use watertight_diagnostics::PostgresError;

use super::advisory_lock::Lock;
use super::idle_connection;
use super::interrupt::{Interrupt, RESPONSE_LIMIT};
use super::lock_monitor::LockMonitor;
use super::messages::{MessageEvent, Session, load_bool, send};
use super::pooler::{Pooler, Pooling};
use super::session_error::SessionError;
use super::session_settings::{RESET, SessionSettings};
use crate::errors::MigrateError;
use crate::report::PostgresNotice;
use crate::sql::MentionedNames;

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
    open: Option<Open>,
    /// The identity of the connection that was given up.
    given_up: Option<String>,
}

pub(super) struct Open {
    /// The process id in the connection's key, if it can tell whether there is a pooler.
    pid: Option<i32>,
    pooling: Arc<Pooling>,
    pub(super) connection: ProtocolConnection,
    is_set_up: bool,
    /// The condition for its session in `pg_stat_activity`. A later session may have the same process id.
    identity: Option<String>,
    pub(super) last_used: Instant,
    /// Whether nothing was sent since it waited for a plugin.
    was_idle: bool,
}

pub(super) enum Received {
    Row(Option<String>),
    Event(MessageEvent),
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
        self.open = Some(Open {
            // Nobody shares a server that serves one connection.
            pid: (!self.url.serves_one_connection())
                .then(|| connection.backend_pid())
                .flatten(),
            pooling: Arc::clone(&self.pooling),
            connection,
            is_set_up: false,
            identity: None,
            last_used: Instant::now(),
            was_idle: false,
        });
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

impl Open {
    /// Returns [`SETUP`] as a query that returns the identity of the session, and has an effect only if the session has
    /// the key of the connection. A pooler has keys of its own, and what is set in one of its sessions may reach other
    /// clients.
    fn setup(&self) -> String {
        let set = "pg_catalog.set_config('TimeZone', 'UTC', false)";
        match self.pid {
            Some(pid) => format!(
                "SELECT pg_catalog.format('pid = {pid} AND backend_start <= %L', \
                 pg_catalog.to_json(pg_catalog.now()) #>> '{{}}'), {set} WHERE pg_catalog.pg_backend_pid() = {pid}"
            ),
            None => format!("SELECT 'false', {set}"),
        }
    }

    /// Sends messages, the first time together with [`setup`](Self::setup). It is a message of its own if there is no
    /// pooler, and else joined with the message, which must be a query or none then: nothing must be sent to a pooler
    /// before the response to the message before.
    pub(super) async fn exchange(
        &mut self,
        messages: &[&str],
        receive: &mut dyn FnMut(Received),
    ) -> Result<(), Error> {
        if self.is_set_up || self.pooling.pooler().is_some() {
            return self.send(messages, receive).await;
        }
        let setup = self.setup();
        let messages = [&[setup.as_str()], messages].concat();
        let joined = messages.join(";\n");
        let is_direct = self.pooling.pooler.get().is_some();
        let mut identity = None;
        let mut is_set_up = false;
        let receive = &mut |received| {
            if is_set_up {
                return receive(received);
            }
            match received {
                Received::Row(row) => identity = row,
                Received::Event(MessageEvent::Completed) => is_set_up = !is_direct,
                Received::Event(MessageEvent::Ended) => is_set_up = true,
                Received::Event(MessageEvent::Notice(_) | MessageEvent::Waits(_)) => {}
            }
        };
        let sent = if is_direct {
            self.send(&messages, receive).await
        } else {
            self.send(&[&joined], receive).await
        };
        if is_direct || sent.is_ok() {
            let pooler = || identity.is_none().then(|| Pooler::of(&self.connection));
            self.pooling.pooler.get_or_init(pooler);
            self.identity = identity;
            self.is_set_up = is_set_up;
        }
        sent
    }

    async fn send(
        &mut self,
        messages: &[&str],
        receive: &mut dyn FnMut(Received),
    ) -> Result<(), Error> {
        let client = self.connection.client();
        let mut responses = Vec::new();
        for sql in messages {
            responses.push(client.simple_query_raw(sql).await?);
        }
        let mut notice = None;
        let mut first_error = None;
        for response in responses {
            if first_error.is_some() {
                // The connection is usable only when the responses to all messages are received.
                let ignore = &mut |_| ();
                let _ = receive_all(&mut self.connection, response, &mut notice, ignore).await;
                continue;
            }
            match receive_all(&mut self.connection, response, &mut notice, receive).await {
                Ok(()) => receive(Received::Event(MessageEvent::Ended)),
                Err(error) => first_error = Some(error),
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}

/// Drives the connection until the response is complete.
///
/// `notice` is one that came after what an earlier stream has received. It belongs to this response, unless that is already
/// complete.
async fn receive_all(
    connection: &mut ProtocolConnection,
    stream: impl Stream<Item = Result<SimpleQueryMessage, Error>>,
    notice: &mut Option<DbError>,
    receive: &mut dyn FnMut(Received),
) -> Result<(), Error> {
    let mut stream = pin!(stream);
    poll_fn(|context| {
        loop {
            // The responses that came before a notice are received before it.
            if let Poll::Ready(done) = drain(stream.as_mut(), context, receive) {
                return Poll::Ready(done);
            }
            if let Some(notice) = notice.take() {
                receive(Received::Event(MessageEvent::Notice(from_db_error(
                    &notice,
                ))));
            }
            match connection.poll_message(context) {
                Poll::Ready(Some(Ok(AsyncMessage::Notice(next)))) => *notice = Some(next),
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => {
                    // PostgreSQL's reason for closing the connection comes before its end.
                    let drained = drain(stream.as_mut(), context, receive);
                    return match drained {
                        Poll::Ready(Err(reason)) => Poll::Ready(Err(reason)),
                        _ => Poll::Ready(Err(error)),
                    };
                }
                // It may have passed on responses. The stream reports that the connection is closed.
                Poll::Ready(None) | Poll::Pending => {
                    return drain(stream.as_mut(), context, receive);
                }
            }
        }
    })
    .await
}

/// Receives the responses that are there.
fn drain(
    mut stream: Pin<&mut impl Stream<Item = Result<SimpleQueryMessage, Error>>>,
    context: &mut Context<'_>,
    receive: &mut dyn FnMut(Received),
) -> Poll<Result<(), Error>> {
    loop {
        match stream.as_mut().poll_next(context) {
            Poll::Ready(Some(Ok(SimpleQueryMessage::Row(row)))) => {
                receive(Received::Row(row.get(0).map(str::to_owned)));
            }
            Poll::Ready(Some(Ok(SimpleQueryMessage::CommandComplete(_)))) => {
                receive(Received::Event(MessageEvent::Completed));
            }
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
            Poll::Ready(None) => return Poll::Ready(Ok(())),
            Poll::Pending => return Poll::Pending,
        }
    }
}

fn from_db_error(notice: &DbError) -> PostgresNotice {
    let severity = match notice.parsed_severity() {
        Some(Severity::Warning) => "WARNING",
        Some(Severity::Notice) => "NOTICE",
        Some(Severity::Info) => "INFO",
        Some(Severity::Log) => "LOG",
        Some(Severity::Debug) => "DEBUG",
        _ => notice.severity(),
    };
    PostgresNotice {
        severity: severity.to_owned(),
        message: notice.message().to_owned(),
        detail: notice.detail().map(str::to_owned),
        hint: notice.hint().map(str::to_owned),
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

    fn reopen(&mut self, lock: Lock) -> bool {
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
        let is_left = format!("EXISTS (SELECT {lost}) OR {}", lock.is_held_elsewhere());
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

    fn settings(&mut self, mentioned: MentionedNames) -> Result<SessionSettings, SessionError> {
        if self.url.serves_one_connection() {
            return SessionSettings::read(self, mentioned);
        }
        Ok(match self.pooling.pooler() {
            Some(pooler) => SessionSettings::OfPooler(pooler.clone()),
            None => SessionSettings::OfNewConnection,
        })
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
