use std::env;
use std::net::SocketAddr;

use tokio::runtime::Runtime;
use watertight_diagnostics::ExitCode;

use crate::cli::cli_error::CliError;
use crate::cli::interruptible_run::{self, exit_code};
use crate::cli::listen_address::listen_address;
use crate::cli::migrate::print_errors;
use crate::cli::{logging, migration_progress, output};
use crate::error_chain::error_chain;
use crate::server::Server;
use crate::server::assembled::Assembled;
use crate::server::serve::{self, ShutdownSignals};
use crate::server::server_error::ServerError;
use crate::server_database::ServerDatabase;

pub(super) fn run(
    mut server: Server,
    migrate: bool,
    listen: Option<SocketAddr>,
) -> Result<ExitCode, CliError> {
    logging::init()?;
    let address = listen_address(listen, env::var("PORT").ok())?;
    // An embedded database server stops when this is dropped.
    let database = ServerDatabase::find_with(&output::print_status)?;
    for warning in database.url().warnings() {
        tracing::warn!("{warning}");
    }
    tracing::info!(
        "using the database {} ({})",
        database.url(),
        database.origin()
    );
    server.report_progress = migration_progress::log;
    let mut assembled = server.assemble(database.url())?;
    let runtime = Runtime::new().map_err(ServerError::from)?;
    let mut signals = {
        let _inside = runtime.enter();
        ShutdownSignals::new()?
    };
    if migrate {
        let report = interruptible_run::run(&runtime, &assembled.migrator, database.url())?;
        print_errors(&report);
        if !report.is_success() {
            return Ok(exit_code(&report));
        }
        tracing::info!("{report}");
    }
    runtime.block_on(async {
        let listener = serve::listen(address).await?;
        assembled.run_hooks().await?;
        warn_of_differences(&assembled).await;
        let shutdown = async move {
            signals.recv().await;
            tracing::info!("shutting down after the open requests");
        };
        let address = listener.local_addr().map_err(ServerError::from)?;
        output::print(&format!("Listening on http://{address}\n"))?;
        serve::serve(listener, assembled.into_router_with_fallback(), shutdown).await?;
        Ok(ExitCode::Success)
    })
}

/// Warns of migrations that are pending or ahead, which do not prevent the start: another process may run the pending
/// ones later, and those that are ahead are of a newer version of the server, beside which this one still runs.
async fn warn_of_differences(assembled: &Assembled) {
    match assembled.readiness.statuses().await {
        Ok(statuses) => {
            for status in statuses {
                let (pending, ahead) = (status.pending().count(), status.ahead().count());
                if pending > 0 {
                    tracing::warn!(
                        plugin = %status.plugin, count = pending, "migrations are pending; run `migrate`"
                    );
                }
                if ahead > 0 {
                    tracing::warn!(
                        plugin = %status.plugin,
                        count = ahead,
                        "the history is ahead of this server: a newer version has migrated the database"
                    );
                }
            }
        }
        Err(error) => {
            tracing::warn!(
                error = error_chain(error.as_ref()),
                "the database is unavailable"
            );
        }
    }
}
