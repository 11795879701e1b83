//! Compares Watertight's runner with other runners of migrations, in time and in round trips. `docs/performance.md` has
//! the results of one run.

mod growth;
mod measurement;
mod peers;
mod proxy;
mod report;
mod scenarios;
mod seed;
mod server;
mod workload;

use std::env;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use anyhow::{Context as _, Result, bail};

use report::Table;
use scenarios::SCENARIOS;
use server::Server;

const USAGE: &str = "usage: cargo run --release -p benchmarks -- [NAME]... [--write FILE]";

fn main() -> Result<ExitCode> {
    if let Some(code) = peers::xtask::command() {
        return Ok(code);
    }
    let Arguments { names, write } = Arguments::parse(env::args().skip(1))?;
    let server = Server::start()?;
    let mut measurements = format!(
        "{}, {} processors.\n",
        server.version()?,
        thread::available_parallelism()?
    );
    println!("{measurements}");
    for name in names {
        eprintln!("measuring {name}");
        let table = measure(name, &server)?;
        println!("{table}");
        let _ = write!(measurements, "\n{table}");
    }
    if let Some(page) = write {
        report::write(&page, &measurements)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(name: &str, server: &Server) -> Result<Table> {
    match name {
        growth::GROWTH => growth::growth(server),
        growth::OWN_TIME => growth::own_time(server),
        seed::SEED => seed::seed(server),
        _ => {
            let scenario = SCENARIOS.iter().find(|scenario| scenario.name == name);
            let scenario = scenario.context("failed to find the scenario")?;
            Ok(Table::of_scenario(scenario, &scenario.run(server)?))
        }
    }
}

struct Arguments {
    /// The measurements to make.
    names: Vec<&'static str>,
    /// The page to write them to.
    write: Option<PathBuf>,
}

impl Arguments {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let others = [growth::GROWTH, growth::OWN_TIME, seed::SEED];
        let all: Vec<_> = SCENARIOS
            .iter()
            .map(|scenario| scenario.name)
            .chain(others)
            .collect();
        let (mut names, mut write) = (Vec::new(), None);
        while let Some(argument) = arguments.next() {
            if argument == "--write" {
                write = Some(arguments.next().context(USAGE)?.into());
                continue;
            }
            // A part of the name is enough.
            let matching = all.iter().filter(|name| name.contains(&argument));
            let before = names.len();
            names.extend(matching);
            if names.len() == before {
                bail!("{USAGE}\nnames: {}", all.join(", "));
            }
        }
        if names.is_empty() {
            names = all;
        }
        Ok(Self { names, write })
    }
}
