//! The command line of a server. Nothing else in this crate prints.

mod cli_error;
mod database;
mod interruptible_run;
mod listen_address;
mod logging;
mod migrate;
mod migration_progress;
mod output;
mod serve;
mod status;

use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Parser, Subcommand};
use watertight_diagnostics::ErrorReport;

use crate::server::Server;

/// A server made of plugins.
///
/// The database is that of DATABASE_URL, from the environment or from .env. Without it, a development build uses the
/// workspace's embedded database.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve requests until Ctrl-C or SIGTERM.
    Serve {
        /// Run the pending migrations of all plugins first. Several servers can do so at the same time.
        #[arg(long)]
        migrate: bool,
        /// Give up when another run holds a lock for this long [default: wait as long as it is alive].
        #[arg(long, value_name = "SECONDS", requires = "migrate")]
        lock_timeout: Option<u64>,
        /// The address to listen on [default: 0.0.0.0 and the port in PORT, or 127.0.0.1:3000 without PORT].
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
    /// Run the pending migrations of all plugins.
    Migrate {
        /// Print a JSON document.
        #[arg(long)]
        json: bool,
        /// Most connections to migrate over, each with one plugin at a time [default: 4].
        #[arg(long, value_name = "N")]
        jobs: Option<NonZeroUsize>,
        /// Give up when another run holds a lock for this long [default: wait as long as it is alive].
        #[arg(long, value_name = "SECONDS")]
        lock_timeout: Option<u64>,
    },
    /// Show the applied and the pending migrations.
    Status {
        /// Print a JSON document.
        #[arg(long)]
        json: bool,
    },
}

impl Command {
    /// Returns the command's name if it prints JSON.
    fn json_name(&self) -> Option<&'static str> {
        match self {
            Self::Migrate { json: true, .. } => Some("migrate"),
            Self::Status { json: true } => Some("status"),
            _ => None,
        }
    }
}

impl Server {
    /// Sets how long migrations wait for another run.
    fn lock_timeout(mut self, seconds: Option<u64>) -> Self {
        self.lock_timeout = seconds.map(Duration::from_secs);
        self
    }

    /// The `main` function of a server: parses the command line (`serve`, `migrate` or `status`), runs the command,
    /// prints its result and returns its [exit code](watertight_diagnostics::ExitCode).
    ///
    /// This is the only function of this crate that prints.
    pub fn main(self) -> std::process::ExitCode {
        let command = Cli::parse().command;
        let json_name = command.json_name();
        let code = match command {
            Command::Serve {
                migrate,
                lock_timeout,
                listen,
            } => serve::run(self.lock_timeout(lock_timeout), migrate, listen),
            Command::Migrate {
                json,
                jobs,
                lock_timeout,
            } => migrate::run(self.lock_timeout(lock_timeout), json, jobs),
            Command::Status { json } => status::run(self, json),
        };
        let code = code.unwrap_or_else(|error| {
            let code = error.exit_code();
            let report = ErrorReport::new(&error);
            output::print_error(&report);
            if let Some(name) = json_name {
                // If this fails too, the exit code is the same.
                let _ = output::print_failure(name, &report);
            }
            code
        });
        code.into()
    }
}
