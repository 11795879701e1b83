//! Tables in Markdown.

use std::fmt::{self, Write as _};
use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::measurement::Measurement;
use crate::peers::{DIESEL, FLOOR, Peer};
use crate::scenarios::Scenario;

const BEGIN: &str = "<!-- Written by `cargo run --release -p benchmarks -- --write`. -->\n";
const END: &str = "<!-- End of the measurements. -->\n";

/// A table with a title.
pub struct Table(String);

impl Table {
    pub fn new(title: &str, columns: &[&str]) -> Self {
        let mut table = Self(format!("### {title}\n\n"));
        table.row(columns);
        table.row(&vec!["---"; columns.len()]);
        table
    }

    pub fn row(&mut self, cells: &[impl AsRef<str>]) {
        for cell in cells {
            let _ = write!(self.0, "| {} ", cell.as_ref());
        }
        self.0 += "|\n";
    }

    /// Compares runners with Diesel's harness and with the floor.
    pub fn of_scenario(scenario: &Scenario, results: &[(&str, Measurement)]) -> Self {
        let last: &[&str] = if scenario.round_trip.is_zero() {
            &["its own processor time"]
        } else {
            &["round trips on all connections", "time in round trips"]
        };
        let columns = [
            &["runner", "time", "of Diesel's time", "of the floor's time"],
            last,
        ];
        let mut table = Self::new(&scenario.title(), &columns.concat());
        let time_of = |peer: &Peer| {
            let result = results.iter().find(|(name, _)| *name == peer.name);
            result.map_or(Duration::MAX, |(_, measurement)| measurement.time)
        };
        let (diesel, floor) = (time_of(&DIESEL), time_of(&FLOOR));
        for (name, measurement) in results {
            let time = measurement.time;
            let mut cells = vec![
                (*name).to_owned(),
                seconds(time),
                factor(time, diesel),
                factor(time, floor),
            ];
            match measurement.round_trips {
                Some(count) => {
                    let trips = time.div_duration_f64(scenario.round_trip);
                    cells.extend([count.to_string(), format!("{trips:.1}")]);
                }
                None => cells.push(seconds(measurement.own_time)),
            }
            table.row(&cells);
        }
        table
    }
}

impl fmt::Display for Table {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

pub fn seconds(time: Duration) -> String {
    format!("{:.3} s", time.as_secs_f64())
}

/// Returns how many times `other` a time is.
pub fn factor(time: Duration, other: Duration) -> String {
    format!("{:.3}", time.div_duration_f64(other))
}

/// Replaces the measurements in a page.
pub fn write(page: &Path, measurements: &str) -> Result<()> {
    let failed = || format!("failed to write the measurements to {}", page.display());
    let old = fs::read_to_string(page).with_context(failed)?;
    let new = replace(&old, measurements)
        .context("its markers are missing")
        .with_context(failed)?;
    fs::write(page, new).with_context(failed)
}

fn replace(page: &str, measurements: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{measurements}\n{END}{after}"))
}
