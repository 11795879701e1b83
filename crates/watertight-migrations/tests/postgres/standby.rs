//! A server that is a standby, which is read-only.

use std::fs;
use std::path::Path;

use watertight_diagnostics::ErrorReport;
use watertight_embedded::{EmbeddedKind, EmbeddedServer};

use crate::plugin_folders::{ONE, PluginFolders, id};
use crate::runner::run_at;
use crate::test_database::query_one;

#[test]
fn a_standby_reports_the_status_and_refuses_to_migrate() {
    let workspace = tempfile::tempdir().unwrap();
    let workspace = workspace.path();
    if EmbeddedServer::status(workspace).unwrap().kind == EmbeddedKind::Pglite {
        eprintln!("skipped: PGlite has no standby");
        return;
    }
    let plugins = PluginFolders::shop(&[("1_a/up.sql", "SELECT 1"), ("1_a/down.sql", "SELECT 1")]);
    let server = EmbeddedServer::acquire(workspace).unwrap();
    assert!(
        run_at(&plugins.migrator(), server.url())
            .unwrap()
            .is_success()
    );
    let data = query_one(
        &mut server.url().connect().unwrap(),
        "SELECT current_setting('data_directory')",
    );
    drop(server);
    EmbeddedServer::stop(workspace).unwrap();
    fs::write(Path::new(&data).join("standby.signal"), "").unwrap();

    let server = EmbeddedServer::acquire(workspace).unwrap();
    let connection = &mut server.url().connect().unwrap();
    let up_to_date = plugins.migrator().run(connection, &[]).unwrap();
    assert!(up_to_date.is_success() && up_to_date.applied_count() == 0);
    plugins.write("shop", &[("2_b/up.sql", "SELECT 1")]);
    assert_eq!(
        plugins.migrator().status(connection).unwrap()[0]
            .pending()
            .count(),
        1
    );
    let error = run_at(&plugins.migrator(), server.url()).unwrap_err();
    insta::assert_snapshot!(ErrorReport::new(&error), @"
    error: failed to write to the database: the server is a standby
    hint: connect to the primary server, which `target_session_attrs=read-write` finds among several hosts
    ");
    let error = plugins
        .migrator()
        .revert(connection, &id("shop"), ONE)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to write to the database: the server is a standby"
    );
    drop(server);
    EmbeddedServer::stop(workspace).unwrap();
}
