//! What a session waits for, asked over a second connection while nothing happens on the first.

use std::cell::Cell;
use std::pin::pin;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use serde::Deserialize;
use tokio::time::sleep;
use tokio_postgres::Error;
use watertight_connection::{DatabaseUrl, ProtocolConnection};

use crate::errors::{LockHolder, LockWait};

/// Asks PostgreSQL what a session waits for. Its connection is opened when it is first needed, and kept.
pub(super) struct LockMonitor {
    url: DatabaseUrl,
    /// How long nothing happens before PostgreSQL is asked, and how long until it is asked again.
    interval: Duration,
    connection: Option<ProtocolConnection>,
}

impl LockMonitor {
    pub(super) fn new(url: &DatabaseUrl) -> Self {
        Self {
            url: url.clone(),
            interval: Duration::from_secs(1),
            connection: None,
        }
    }

    /// Makes reports come in time for waits that end after this time.
    pub(super) fn report_within(&mut self, time: Duration) {
        self.interval = self.interval.min(time / 2);
    }

    /// Awaits `work`. While it makes no progress, reports what the server process `pid` waits for, once for each holder.
    pub(super) async fn watch<T>(
        &mut self,
        pid: Option<i32>,
        work: impl Future<Output = T>,
        progress: &Cell<Instant>,
        report: &mut dyn FnMut(LockWait),
    ) -> T {
        let Some(pid) = pid.filter(|_| !self.url.serves_one_connection()) else {
            return work.await;
        };
        let reports = self.report_waits(pid, progress, report);
        match select(pin!(work), pin!(reports)).await {
            Either::Left((output, _)) => output,
            Either::Right(((), work)) => work.await,
        }
    }

    /// Ends when no connection can be opened.
    async fn report_waits(
        &mut self,
        pid: i32,
        progress: &Cell<Instant>,
        report: &mut dyn FnMut(LockWait),
    ) {
        let mut reported: Option<LockWait> = None;
        loop {
            sleep(self.interval.saturating_sub(progress.get().elapsed())).await;
            if progress.get().elapsed() < self.interval {
                continue;
            }
            let connection = match self.connection.take() {
                Some(connection) => connection,
                None => match self.url.connect_protocol().await {
                    Ok(connection) => connection,
                    Err(_) => return,
                },
            };
            let connection = self.connection.insert(connection);
            match lock_wait(connection, pid).await {
                Ok(Some(wait)) if reported.as_ref().is_none_or(|it| !it.is_same(&wait)) => {
                    report(wait.clone());
                    reported = Some(wait);
                }
                Ok(_) => {}
                // PostgreSQL may have closed it for being idle.
                Err(_) => self.connection = None,
            }
            sleep(self.interval).await;
        }
    }
}

#[derive(Deserialize)]
struct Row {
    relation: Option<String>,
    #[serde(flatten)]
    holder: LockHolder,
}

/// Returns what a server process waits for, if it does.
async fn lock_wait(
    connection: &mut ProtocolConnection,
    pid: i32,
) -> Result<Option<LockWait>, Error> {
    let Some(json) = connection.simple_value(&query(pid)).await? else {
        return Ok(None);
    };
    let rows: Vec<Row> = serde_json::from_str(&json).unwrap_or_default();
    let relation = rows.first().and_then(|row| row.relation.clone());
    let holders: Vec<_> = rows.into_iter().map(|row| row.holder).collect();
    Ok((!holders.is_empty()).then_some(LockWait { relation, holders }))
}

fn query(pid: i32) -> String {
    format!(
        "SELECT pg_catalog.json_agg(holder) FROM (SELECT blocking.pid, {}, \
         (SELECT pg_catalog.format('%I.%I', namespace.nspname, relation.relname) \
           FROM pg_catalog.pg_locks AS waiting \
           JOIN pg_catalog.pg_class AS relation ON relation.oid = waiting.relation \
           JOIN pg_catalog.pg_namespace AS namespace ON namespace.oid = relation.relnamespace \
           WHERE waiting.pid = {pid} AND NOT waiting.granted LIMIT 1) AS relation \
         FROM (SELECT DISTINCT pg_catalog.unnest(pg_catalog.pg_blocking_pids({pid}))) AS blocking (pid) \
         LEFT JOIN pg_catalog.pg_stat_activity AS activity ON activity.pid = blocking.pid \
         ORDER BY blocking.pid) AS holder",
        LockHolder::COLUMNS
    )
}
