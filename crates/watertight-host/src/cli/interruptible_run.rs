use std::process;

use tokio::runtime::Runtime;
use watertight_connection::DatabaseUrl;
use watertight_diagnostics::ExitCode;
use watertight_migrations::{Migrator, RunReport};

use crate::cli::cli_error::CliError;
use crate::server::serve::ShutdownSignals;

/// Runs the pending migrations of all plugins. The first signal that asks to shut down stops the run, the second exits at
/// once.
pub(super) fn run(
    runtime: &Runtime,
    migrator: &Migrator,
    url: &DatabaseUrl,
) -> Result<RunReport, CliError> {
    let interrupt = migrator.interrupt();
    let mut signals = {
        let _inside = runtime.enter();
        ShutdownSignals::new()?
    };
    let handler = runtime.spawn(async move {
        signals.recv().await;
        interrupt.stop();
        signals.recv().await;
        process::exit(ExitCode::Interrupted.number().into());
    });
    let report = migrator.run_on(url, &[]);
    handler.abort();
    Ok(report?)
}

/// Returns the exit code of a run.
pub(super) fn exit_code(report: &RunReport) -> ExitCode {
    if report.is_success() {
        ExitCode::Success
    } else if report.is_interrupted() {
        ExitCode::Interrupted
    } else {
        ExitCode::Failure
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::{Command, Stdio};
    use std::thread::sleep;
    use std::time::Duration;

    use diesel::RunQueryDsl as _;
    use diesel::dsl::sql;
    use diesel::sql_types::Bool;
    use diesel_migrations::{EmbeddedMigrations, embed_migrations};
    use watertight_metadata::PluginMetadata;
    use watertight_testing::{TestDatabase, serves_one_connection};

    use super::*;
    use crate::cli::{migrate, serve};
    use crate::{Plugin, Server};

    const COMMAND: &str = "WATERTIGHT_TEST_COMMAND";
    const SLOW: PluginMetadata = PluginMetadata::new("slow");
    const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/slow_migrations");

    #[test]
    #[ignore = "started by the test of signals"]
    fn run_in_child_process() {
        let Ok(command) = env::var(COMMAND) else {
            return;
        };
        let server = Server::new(vec![Plugin::new(SLOW, MIGRATIONS)]);
        let code = match command.as_str() {
            "migrate" => migrate::run(server, false, None),
            _ => serve::run(server, true, None),
        };
        process::exit(code.unwrap().number().into());
    }

    #[test]
    fn signals_roll_the_running_migration_back() {
        if serves_one_connection() {
            return;
        }
        for (command, signal) in [
            ("migrate", "-INT"),
            ("migrate", "-TERM"),
            ("serve", "-TERM"),
        ] {
            let database = TestDatabase::new(Vec::new());
            let mut server = Command::new(env::current_exe().unwrap())
                .args(["cli::interruptible_run::tests::run_in_child_process"])
                .args(["--exact", "--ignored", "--nocapture"])
                .env(COMMAND, command)
                .env("DATABASE_URL", database.url().expose_secret())
                .stderr(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let sleeps = "SELECT count(*) > 0 FROM pg_stat_activity \
                          WHERE datname = current_database() AND wait_event = 'PgSleep'";
            let connection = &mut database.connect();
            while !sql::<Bool>(sleeps).get_result::<bool>(connection).unwrap() {
                assert!(server.try_wait().unwrap().is_none(), "{command}");
                sleep(Duration::from_millis(10));
            }
            let id = server.id().to_string();
            let sent = Command::new("kill").args([signal, &id]).status();
            assert!(sent.unwrap().success());
            let output = server.wait_with_output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(130), "{command}: {stderr}");
            let rolled_back =
                "interrupted: migration 2026-01-01-000000_sleep of plugin `slow` was rolled back";
            assert!(stderr.contains(rolled_back), "{command}: {stderr}");
            assert!(!sql::<Bool>(sleeps).get_result::<bool>(connection).unwrap());
        }
    }
}
