//! The command line of a server. Nothing else in this crate prints.

use std::env;
use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tracing_subscriber::EnvFilter;
use watertight_migrations::{Migrator, PluginStatus, statuses_text};

use crate::server::Assembled;
use crate::server_database::ServerDatabase;
use crate::{Server, serve};

const PORT: u16 = 3000;

/// A server made of plugins.
///
/// The database is the one of DATABASE_URL, from the environment or from .env. Without it, a development build uses the
/// workspace's embedded database.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Answer requests until Ctrl-C or SIGTERM.
    Serve {
        /// Run the pending migrations of all plugins first. Several servers may do so at once.
        #[arg(long)]
        migrate: bool,
        /// The address to listen on. Without it 0.0.0.0 and the port in the environment's PORT, else
        /// 127.0.0.1:3000.
        #[arg(long, value_name = "ADDR")]
        listen: Option<SocketAddr>,
    },
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

type Result<T> = std::result::Result<T, Box<dyn Error>>;

pub(crate) fn main(server: Server) -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Serve { migrate, listen } => serve(server, migrate, listen),
        Command::Migrate { json } => migrate(server, json),
        Command::Status { json } => status(server, json),
    };
    done.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn serve(server: Server, migrate_first: bool, listen: Option<SocketAddr>) -> Result<ExitCode> {
    start_log()?;
    let address = address(listen, env::var("PORT").ok())?;
    let database = find_database()?;
    tracing::info!(
        "using the database {} ({})",
        database.url(),
        database.origin()
    );
    let mut assembled = server.assemble(database.url())?;
    if migrate_first {
        let report = assembled
            .migrator
            .run(&mut database.url().connect()?, &[])?;
        for error in report.errors() {
            eprintln!("error: {error}");
        }
        if !report.is_success() {
            return Ok(ExitCode::FAILURE);
        }
        tracing::info!("{report}");
    }
    // `database` lives until the end: an embedded server stays up as long as it does.
    Runtime::new()?.block_on(async {
        let stop = serve::told_to_stop()?;
        let listener = serve::listen(address).await?;
        assembled.start().await?;
        warn_of_pending(&assembled).await;
        println!("Listening on http://{}", listener.local_addr()?);
        io::stdout().flush()?;
        serve::serve(listener, assembled.into_router(), stop).await?;
        Ok(ExitCode::SUCCESS)
    })
}

/// Where to listen. Who sets `PORT` runs the server where others have to reach it.
fn address(listen: Option<SocketAddr>, port: Option<String>) -> Result<SocketAddr> {
    if let Some(address) = listen {
        return Ok(address);
    }
    match port.filter(|port| !port.is_empty()) {
        None => Ok((Ipv4Addr::LOCALHOST, PORT).into()),
        Some(port) => match port.parse::<u16>() {
            Ok(port) => Ok((Ipv4Addr::UNSPECIFIED, port).into()),
            Err(error) => Err(format!(
                "failed to read PORT in the environment: {port:?} is no port: {error}; set it to a number, or unset it"
            )
            .into()),
        },
    }
}

/// The server starts all the same: `/readyz` says it too, and the migrations may come from elsewhere.
async fn warn_of_pending(assembled: &Assembled) {
    match assembled.readiness.pending().await {
        Ok(pending) => {
            for status in pending {
                let count = status.pending().count();
                tracing::warn!(plugin = %status.plugin, count, "migrations are pending; run `migrate`");
            }
        }
        Err(error) => tracing::warn!("the database does not answer: {error}"),
    }
}

fn migrate(server: Server, json: bool) -> Result<ExitCode> {
    let (migrator, database) = open(server)?;
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

fn status(server: Server, json: bool) -> Result<ExitCode> {
    let (migrator, database) = open(server)?;
    let plugins = migrator.status(&mut database.url().connect()?)?;
    if json {
        let plugins: Value = plugins.iter().map(PluginStatus::to_json).collect();
        println!("{:#}", json!({ "plugins": plugins }));
    } else {
        print!("{}", statuses_text(&plugins));
    }
    Ok(ExitCode::SUCCESS)
}

fn open(server: Server) -> Result<(Migrator, ServerDatabase)> {
    // The plugins are checked before the database is looked for.
    let migrator = server.into_migrator()?;
    Ok((migrator, find_database()?))
}

/// Finds the database, and prints what takes long to stderr.
fn find_database() -> Result<ServerDatabase> {
    Ok(ServerDatabase::find_with(&|status| eprintln!("{status}"))?)
}

/// Logs to stderr what `RUST_LOG` asks for; without it, what an operator wants to see.
fn start_log() -> Result<()> {
    let filter = match env::var("RUST_LOG") {
        Ok(filter) if !filter.is_empty() => filter.parse::<EnvFilter>().map_err(|error| {
            format!("failed to read RUST_LOG in the environment: {error}; write it like `info,tower_http=debug`")
        })?,
        _ => EnvFilter::new("info"),
    };
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal() && env::var_os("NO_COLOR").is_none())
        .with_writer(io::stderr)
        .init();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_that_of_listen_then_of_port_then_the_default() {
        let given = Some("127.0.0.1:1".parse().unwrap());
        let text = |listen, port: Option<&str>| {
            address(listen, port.map(str::to_owned))
                .map_or_else(|error| error.to_string(), |address| address.to_string())
        };
        assert_eq!(text(given, Some("2")), "127.0.0.1:1");
        assert_eq!(text(None, Some("2")), "0.0.0.0:2");
        assert_eq!(text(None, Some("")), "127.0.0.1:3000");
        assert_eq!(text(None, None), "127.0.0.1:3000");
        insta::assert_snapshot!(text(None, Some("70000")), @r#"failed to read PORT in the environment: "70000" is no port: number too large to fit in target type; set it to a number, or unset it"#);
    }
}
