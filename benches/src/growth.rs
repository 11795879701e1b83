//! How the time grows with the number of plugins and migrations, and what Watertight itself takes of it.

use anyhow::{Context as _, Result};

use crate::measurement::Measurement;
use crate::peers::{FLOOR, Peer, Start, WATERTIGHT, watertight};
use crate::report::{Table, factor, seconds};
use crate::server::Server;
use crate::workload::Workload;

pub const GROWTH: &str = "growth";
pub const OWN_TIME: &str = "own-time";

/// Plugins and migrations of each, twice doubled.
const SIZES: [(usize, usize); 6] = [(125, 4), (250, 4), (500, 4), (250, 1), (500, 1), (1000, 1)];

/// The fastest run counts.
const ROUNDS: usize = 3;

/// Compares Watertight with the floor at several sizes.
pub fn growth(server: &Server) -> Result<Table> {
    let title = "Time by size, empty database, on one machine";
    let mut table = Table::new(
        title,
        &[
            "plugins × migrations",
            "Watertight",
            "its own processor time",
            "of the floor's time",
        ],
    );
    for (plugins, migrations) in SIZES {
        let workload = Workload::write(plugins, migrations)?;
        let best = |peer: &Peer| -> Result<Measurement> {
            let runs = (0..ROUNDS).map(|_| {
                let database = server.create_database()?;
                let url = server.url(&database, None)?;
                let run = || (peer.migrate)(&workload, &url, Start::Empty);
                Ok(Measurement::of(None, run)?.0)
            });
            let runs = runs.collect::<Result<Vec<_>>>()?;
            let best = runs.into_iter().min_by_key(|run| run.time);
            best.context("nothing was measured")
        };
        let (watertight, floor) = (best(&WATERTIGHT)?, best(&FLOOR)?);
        table.row(&[
            format!("{plugins} × {migrations}"),
            seconds(watertight.time),
            seconds(watertight.own_time),
            factor(watertight.time, floor.time),
        ]);
    }
    Ok(table)
}

/// Measures the steps of a run of 1,000 plugins with one migration each.
pub fn own_time(server: &Server) -> Result<Table> {
    let title = "Watertight's own time, 1,000 plugins × 1 migration, on one machine";
    let mut table = Table::new(title, &["step", "time", "its own processor time"]);
    let mut row = |step: &str, measurement: &Measurement| {
        table.row(&[
            step.to_owned(),
            seconds(measurement.time),
            seconds(measurement.own_time),
        ]);
    };
    let workload = Workload::write(1000, 1)?;
    let database = server.create_database()?;
    let url = server.url(&database, None)?;
    let (measurement, migrator) = Measurement::of(None, || watertight::read(&workload))?;
    row("reading the folders", &measurement);
    let (measurement, report) = Measurement::of(None, || watertight::run(&migrator, &url))?;
    row("migrating an empty database", &measurement);
    let print = || Ok((report.to_string(), report.to_json().to_string()));
    row(
        "reports, as text and JSON",
        &Measurement::of(None, print)?.0,
    );
    let (measurement, _) = Measurement::of(None, || watertight::run(&migrator, &url))?;
    row("reading the states: nothing to do", &measurement);
    Ok(table)
}
