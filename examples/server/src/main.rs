//! A server made of plugins: it migrates its database with the migrations that it has embedded.

mod plugins;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use watertight_database::{Database, workspace_root};
use watertight_migrations::{Migrator, PluginStatus, statuses_text};

/// A server made of plugins.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the pending migrations of all plugins.
    Migrate {
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Show which migrations are applied and which are pending.
    Status {
        /// Print one JSON document.
        #[arg(long)]
        json: bool,
    },
}

fn main() -> Result<ExitCode> {
    let cli = Cli::parse();
    let migrator = Migrator::new(plugins::plugins())?;
    let database = Database::find(&workspace_root()?)?;
    match cli.command {
        Command::Migrate { json } => migrate(&migrator, &database, json),
        Command::Status { json } => status(&migrator, &database, json),
    }
}

fn migrate(migrator: &Migrator, database: &Database, json: bool) -> Result<ExitCode> {
    let report = migrator.run(&mut database.url().connect()?, &[])?;
    for error in report.errors() {
        eprintln!("error: {error}");
    }
    if json {
        println!("{:#}", report.to_json());
    } else {
        println!("{report}");
    }
    Ok(if report.is_success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn status(migrator: &Migrator, database: &Database, json: bool) -> Result<ExitCode> {
    let plugins = migrator.status(&mut database.url().connect()?)?;
    if json {
        let plugins: Value = plugins.iter().map(PluginStatus::to_json).collect();
        println!("{:#}", json!({ "plugins": plugins }));
    } else {
        print!("{}", statuses_text(&plugins));
    }
    Ok(ExitCode::SUCCESS)
}
