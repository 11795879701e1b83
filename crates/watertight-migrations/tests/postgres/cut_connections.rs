//! Connections that are cut: the report says what happened, as far as it can be known.

use watertight_diagnostics::ErrorReport;
use watertight_migrations::{MigrateError, RunReport, UnfinishedEffect};

use crate::crashes::{
    assert_nothing_is_half_applied, assert_the_next_run_completes, drop_schemas, plugins,
};
use crate::proxy::{Fault, MOMENTS, Proxy};
use crate::rounds::rounds;
use crate::runner::run_at;
use crate::test_database::{TestDatabase, skip_on_one_connection};

/// In three rounds, each message has all moments.
const ROUNDS: usize = 1;

/// The migration that runs without a transaction.
const INDEX: &str = "3_a";

/// Checks that what a report calls applied is recorded, and that what it calls not applied is not.
fn assert_truthful(report: &RunReport, recorded: &[String], context: &str) {
    for plugin in &report.plugins {
        let is_recorded = |name: &str| {
            let version = name.split('_').next().unwrap();
            recorded.contains(&format!("{}/{version}", plugin.plugin))
        };
        for migration in &plugin.applied {
            assert!(
                is_recorded(&migration.name),
                "{context}: {}",
                migration.name
            );
        }
        for name in &plugin.not_run {
            assert!(!is_recorded(name), "{context}: {name}");
        }
    }
    // PostgreSQL is up, so it is known what the migration left.
    for error in report.errors() {
        let MigrateError::Unfinished(unfinished) = error else {
            panic!("{context}: {}", ErrorReport::new(error));
        };
        let is_known = match unfinished.effect {
            UnfinishedEffect::RolledBack => unfinished.migration != INDEX,
            UnfinishedEffect::StatementsKept { .. } => unfinished.migration == INDEX,
            _ => false,
        };
        assert!(is_known, "{context}: {}", ErrorReport::new(error));
    }
}

#[test]
#[ignore = "takes many seconds; CI runs it"]
fn a_run_whose_connection_is_cut_at_any_message_reports_what_was_applied() {
    if skip_on_one_connection() {
        return;
    }
    let plugins = plugins();
    let database = TestDatabase::new();
    for round in 0..rounds(ROUNDS) {
        for message in 0.. {
            let moment = MOMENTS[(message + round) % MOMENTS.len()];
            let proxy = Proxy::start(
                database.database_url(),
                Fault {
                    message,
                    moment,
                    action: Box::new(|| ()),
                },
            );
            let outcome = run_at(&plugins.migrator(), proxy.url());
            let context = format!("{moment:?} {message}");
            let recorded = assert_nothing_is_half_applied(&database, &context);
            match &outcome {
                Ok(report) => assert_truthful(report, &recorded, &context),
                // Nothing was run yet.
                Err(error) => assert!(
                    recorded.is_empty(),
                    "{context}: {}",
                    ErrorReport::new(error)
                ),
            }
            if !proxy.has_interfered() {
                assert!(outcome.unwrap().is_success(), "{context}");
                drop_schemas(&database);
                break;
            }
            assert_the_next_run_completes(&plugins, &database, &context);
            drop_schemas(&database);
        }
    }
}
