//! Sending messages over a connection, and receiving the responses.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use futures_util::Stream;
use tokio_postgres::error::{DbError, Severity};
use tokio_postgres::{AsyncMessage, Error, SimpleQueryMessage};
use watertight_connection::ProtocolConnection;

use super::messages::MessageEvent;
use super::pooler::{Pooler, Pooling};
use crate::report::PostgresNotice;

/// A connection that is open, or was when it was last used.
pub(super) struct OpenConnection {
    /// The process id in the connection's key, if it can tell whether there is a pooler.
    pub(super) pid: Option<i32>,
    pooling: Arc<Pooling>,
    pub(super) connection: ProtocolConnection,
    is_set_up: bool,
    /// The condition for its session in `pg_stat_activity`. A later session may have the same process id.
    pub(super) identity: Option<String>,
    pub(super) last_used: Instant,
    /// Whether nothing was sent since it waited for a plugin.
    pub(super) was_idle: bool,
}

/// What arrives on a connection.
pub(super) enum Received {
    Row(Option<String>),
    Event(MessageEvent),
}

impl OpenConnection {
    pub(super) fn new(
        connection: ProtocolConnection,
        pid: Option<i32>,
        pooling: &Arc<Pooling>,
    ) -> Self {
        Self {
            pid,
            pooling: Arc::clone(pooling),
            connection,
            is_set_up: false,
            identity: None,
            last_used: Instant::now(),
            was_idle: false,
        }
    }

    /// Returns a query that sets the time zone as Diesel does and returns the identity of the session, only if the session has
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
