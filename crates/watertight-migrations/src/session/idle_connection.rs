//! Finding out whether a connection is still open that was idle: PostgreSQL closes such ones after
//! `idle_session_timeout`, and proxies and firewalls do, some without a word.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::timeout;
use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use super::open_connection::OpenConnection;

/// Nothing closes a connection without a word sooner.
const SHORT: Duration = Duration::from_secs(1);

/// A connection that PostgreSQL does not answer on for so long is replaced.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns whether the connection is closed. After more than a short while, PostgreSQL is asked, which costs a round
/// trip.
pub(super) async fn is_closed(open: &mut OpenConnection) -> bool {
    if has_end(open).await {
        return true;
    }
    if open.last_used.elapsed() < SHORT {
        return false;
    }
    let answer = timeout(PATIENCE, open.exchange(&[""], &mut |_| ())).await;
    !matches!(answer, Ok(Ok(())))
}

/// Returns whether the end of the connection was received.
async fn has_end(open: &mut OpenConnection) -> bool {
    // The runtime looks for received bytes when the task yields.
    yield_now().await;
    loop {
        let next = poll_fn(|context| Poll::Ready(open.connection.poll_message(context))).await;
        match next {
            Poll::Pending => return false,
            // A notice, such as that of a setting which was reloaded.
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_)) | None) => return true,
        }
    }
}

/// Returns whether PostgreSQL closed the connection for being idle, before it read what was sent.
pub(super) fn was_not_read(error: &Error) -> bool {
    error.code() == Some(&SqlState::IDLE_SESSION_TIMEOUT)
}
