use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use futures_util::Stream;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::error::DbError;
use tokio_postgres::{AsyncMessage, Error, SimpleQueryMessage};
use watertight_connection::{ConnectError, Connection, DatabaseUrl, ProtocolConnection};
use watertight_diagnostics::PostgresError;

use super::advisory_lock::Lock;
use super::interrupt::{Interrupt, RESPONSE_LIMIT};
use super::messages::{MessageEvent, Session, load_bool, send};
use super::session_error::SessionError;
use crate::errors::MigrateError;
use crate::report::PostgresNotice;

/// As on Diesel's connections.
const SETUP: &str = "SET TIME ZONE 'UTC'";
/// Returns a condition for the row of this session in `pg_stat_activity`. A later session may have the same process id.
const IDENTIFY: &str = "SELECT pg_catalog.format('pid = %s AND backend_start <= %L', pg_catalog.pg_backend_pid(), \
                        pg_catalog.to_json(pg_catalog.now()) #>> '{}')";

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
    runtime: Runtime,
    /// `None` while a Diesel connection is used on a server that serves one, and after a connection was given up.
    open: Option<Open>,
    /// The condition for the last session in `pg_stat_activity`.
    identity: Option<String>,
}

struct Open {
    connection: ProtocolConnection,
    is_set_up: bool,
}

enum Received {
    Row(Option<String>),
    Event(MessageEvent),
}

impl ProtocolSession {
    /// Opens a connection. What runs on it is cancelled when the run is interrupted.
    pub(crate) fn connect(url: &DatabaseUrl, interrupt: &Interrupt) -> Result<Self, MigrateError> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("the operating system has a file descriptor left");
        let mut session = Self {
            url: url.clone(),
            interrupt: interrupt.clone(),
            is_cancellable: true,
            runtime,
            open: None,
            identity: None,
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
            connection,
            is_set_up: false,
        });
        Ok(())
    }

    /// Sends messages, the first time together with a setup, which costs no round trip.
    fn exchange(
        &mut self,
        messages: &[&str],
        receive: &mut dyn FnMut(Received),
    ) -> Result<(), PostgresError> {
        let Some(open) = &mut self.open else {
            return Err(PostgresError::from_message("the connection is closed"));
        };
        let canceller = open.connection.canceller().clone();
        let canceller = self.is_cancellable.then_some(&canceller);
        let exchange = open.exchange(messages, receive, &mut self.identity);
        let response = self
            .runtime
            .block_on(self.interrupt.respond(canceller, exchange));
        let Some(response) = response else {
            self.open = None;
            return Err(PostgresError::from_message("PostgreSQL does not respond"));
        };
        Ok(response?)
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
    async fn exchange(
        &mut self,
        messages: &[&str],
        receive: &mut dyn FnMut(Received),
        identity: &mut Option<String>,
    ) -> Result<(), Error> {
        let client = self.connection.client();
        let setup = if self.is_set_up {
            None
        } else {
            let setup = format!("{SETUP}; {IDENTIFY}");
            Some(client.simple_query_raw(&setup).await?)
        };
        let mut responses = Vec::new();
        for sql in messages {
            responses.push(client.simple_query_raw(sql).await?);
        }
        if let Some(setup) = setup {
            let mut receive_condition = |received| {
                if let Received::Row(Some(condition)) = received {
                    *identity = Some(condition);
                }
            };
            receive_all(&mut self.connection, setup, &mut receive_condition).await?;
            self.is_set_up = true;
        }
        let mut first_error = None;
        for response in responses {
            if first_error.is_some() {
                // The connection is usable only when the responses to all messages are received.
                let _ = receive_all(&mut self.connection, response, &mut |_| ()).await;
                continue;
            }
            match receive_all(&mut self.connection, response, receive).await {
                Ok(()) => receive(Received::Event(MessageEvent::Ended)),
                Err(error) => first_error = Some(error),
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}

/// Drives the connection until the response is complete.
async fn receive_all(
    connection: &mut ProtocolConnection,
    stream: impl Stream<Item = Result<SimpleQueryMessage, Error>>,
    receive: &mut dyn FnMut(Received),
) -> Result<(), Error> {
    let mut stream = pin!(stream);
    poll_fn(|context| {
        loop {
            if let Poll::Ready(done) = drain(stream.as_mut(), context, receive) {
                return Poll::Ready(done);
            }
            match connection.poll_message(context) {
                Poll::Ready(Some(Ok(AsyncMessage::Notice(notice)))) => {
                    // The responses that came before it are received before it.
                    let drained = drain(stream.as_mut(), context, receive);
                    receive(Received::Event(MessageEvent::Notice(from_db_error(
                        &notice,
                    ))));
                    if drained.is_ready() {
                        return drained;
                    }
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error)),
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
    PostgresNotice {
        severity: notice.severity().to_owned(),
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
        self.exchange(messages, &mut |received| match received {
            Received::Event(event) => watch(event),
            Received::Row(_) => {}
        })
    }

    fn texts(&mut self, sql: &str) -> Result<Vec<String>, PostgresError> {
        let mut texts = Vec::new();
        self.exchange(&[sql], &mut |received| match received {
            Received::Row(text) => texts.extend(text),
            Received::Event(_) => {}
        })?;
        Ok(texts)
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
        self.open = None;
        let lost = self.identity.take().unwrap_or_else(|| "false".to_owned());
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
