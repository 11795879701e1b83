//! Runs in which all runners are compared.

use std::time::Duration;

use anyhow::{Result, ensure};
use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use watertight_connection::DatabaseUrl;
use watertight_embedded::ScratchDatabase;

use crate::measurement::Measurement;
use crate::peers::{PEERS, Peer, Start};
use crate::proxy::Proxy;
use crate::server::Server;
use crate::workload::Workload;

pub struct Scenario {
    pub name: &'static str,
    start: Start,
    plugins: usize,
    migrations: usize,
    /// Zero is a server on the same machine, without a proxy.
    pub round_trip: Duration,
    /// How often each runner takes its turn. The fastest run counts.
    rounds: usize,
}

pub const SCENARIOS: [Scenario; 8] = [
    nothing_to_do("nothing-1", 1, 5),
    nothing_to_do("nothing-50", 50, 5),
    nothing_to_do("nothing-300", 300, 2),
    fresh("fresh-4x3-100ms", 4, 3, 100, 2),
    fresh("fresh-50x10-5ms", 50, 10, 5, 2),
    fresh("fresh-50x10", 50, 10, 0, 3),
    fresh("fresh-500x4", 500, 4, 0, 2),
    fresh("fresh-1000x1", 1000, 1, 0, 3),
];

const fn nothing_to_do(name: &'static str, plugins: usize, rounds: usize) -> Scenario {
    Scenario {
        name,
        start: Start::UpToDate,
        plugins,
        migrations: 1,
        round_trip: Duration::from_millis(5),
        rounds,
    }
}

const fn fresh(
    name: &'static str,
    plugins: usize,
    migrations: usize,
    round_trip: u64,
    rounds: usize,
) -> Scenario {
    Scenario {
        name,
        start: Start::Empty,
        plugins,
        migrations,
        round_trip: Duration::from_millis(round_trip),
        rounds,
    }
}

impl Scenario {
    pub fn title(&self) -> String {
        let plugins = match self.plugins {
            1 => "1 plugin".to_owned(),
            count => format!("{count} plugins"),
        };
        let network = match self.round_trip.as_millis() {
            0 => "on one machine".to_owned(),
            milliseconds => format!("{milliseconds} ms a round trip"),
        };
        match self.start {
            Start::UpToDate => format!("Nothing to do, {plugins}, {network}"),
            Start::Empty => format!(
                "Empty database, {plugins} × {} migrations, {network}",
                self.migrations
            ),
        }
    }

    /// Returns the fastest run of each runner.
    pub fn run(&self, server: &Server) -> Result<Vec<(&'static str, Measurement)>> {
        let workload = Workload::write(self.plugins, self.migrations)?;
        let proxy = if self.round_trip.is_zero() {
            None
        } else {
            Some(Proxy::start(&server.socket()?, self.round_trip)?)
        };
        let mut up_to_date = Vec::new();
        if self.start == Start::UpToDate {
            for peer in &PEERS {
                let database = server.create_database()?;
                (peer.migrate)(&workload, &server.url(&database, None)?, Start::Empty)?;
                up_to_date.push(database);
            }
        }
        let mut best: Vec<(&str, Measurement)> = Vec::new();
        for round in 0..self.rounds {
            for (index, peer) in PEERS.iter().enumerate() {
                let new;
                let database = if let Some(database) = up_to_date.get(index) {
                    database
                } else {
                    new = server.create_database()?;
                    &new
                };
                let url = server.url(database, proxy.as_ref())?;
                let measurement = self.measure(peer, &workload, database, &url, proxy.as_ref())?;
                if round == 0 {
                    best.push((peer.name, measurement));
                } else if measurement.time < best[index].1.time {
                    best[index].1 = measurement;
                }
            }
        }
        Ok(best)
    }

    fn measure(
        &self,
        peer: &Peer,
        workload: &Workload,
        database: &ScratchDatabase,
        url: &str,
        proxy: Option<&Proxy>,
    ) -> Result<Measurement> {
        let (measurement, ()) =
            Measurement::of(proxy, || (peer.migrate)(workload, url, self.start))?;
        let tables = count_tables(database.url())?;
        ensure!(
            usize::try_from(tables)? == workload.tables(),
            "{} has created {tables} tables",
            peer.name
        );
        Ok(measurement)
    }
}

/// Returns the number of tables that the migrations have created.
fn count_tables(url: &DatabaseUrl) -> Result<i64> {
    let count = "SELECT count(*) FROM pg_tables \
                 WHERE starts_with(schemaname, 'plugin_') AND tablename ~ '^t[0-9]+$'";
    // As an expression, in parentheses.
    let count = diesel::select(sql::<BigInt>(&format!("({count})")));
    Ok(count.get_result(&mut url.connect()?)?)
}
