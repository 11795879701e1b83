//! Notices and warnings of PostgreSQL while migrations run.

use std::sync::{Arc, Mutex};

use watertight_migrations::MigrationProgress;

use crate::plugin_folders::PluginFolders;
use crate::runner::run_at;
use crate::test_database::TestDatabase;

#[test]
fn notices_are_reported_with_their_migration() {
    let plugins = PluginFolders::shop(&[
        (
            "1_a/up.sql",
            "DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'careful' USING DETAIL = 'three rows', HINT = 'look'; END $$",
        ),
        ("2_b/up.sql", "SELECT 1"),
        (
            "3_c/up.sql",
            "CREATE TABLE plugin_shop.t (a int); CREATE TABLE IF NOT EXISTS plugin_shop.t (a int)",
        ),
        (
            "4_d/up.sql",
            "SET LOCAL lock_timeout = '1s'; DO $$ BEGIN RAISE NOTICE 'four'; END $$",
        ),
        ("4_d/metadata.toml", "run_in_transaction = false"),
        (
            "5_e/up.sql",
            "SET LOCAL client_min_messages = 'warning'; DO $$ BEGIN RAISE NOTICE 'hidden'; END $$",
        ),
        ("6_f/up.sql", "DO $$ BEGIN RAISE NOTICE 'six'; END $$"),
        (
            "7_g/up.sql",
            "DO $$ BEGIN RAISE NOTICE 'seven'; END $$; SELECT 1/0",
        ),
    ]);
    let lines = Arc::new(Mutex::new(Vec::new()));
    let reported = Arc::clone(&lines);
    let migrator = plugins.migrator().on_progress(move |progress| {
        if let MigrationProgress::Notice {
            migration, notice, ..
        } = progress
        {
            let line = format!("{migration} {}: {}", notice.severity, notice.message);
            reported.lock().unwrap().push(line);
        }
    });
    let database = TestDatabase::new();
    let report = run_at(&migrator, database.database_url()).unwrap();
    insta::assert_snapshot!(lines.lock().unwrap().join("\n"), @r#"
    1_a NOTICE: one
    1_a WARNING: careful
    3_c NOTICE: relation "t" already exists, skipping
    4_d WARNING: SET LOCAL can only be used in transaction blocks
    4_d NOTICE: four
    6_f NOTICE: six
    7_g NOTICE: seven
    "#);

    let applied = &report.plugins[0].applied;
    let counts: Vec<_> = applied.iter().map(|it| it.notices.len()).collect();
    assert_eq!(counts, [2, 0, 1, 2, 0, 1]);
    insta::assert_snapshot!(report.to_json()["plugins"][0]["applied"][0]["notices"], @r#"[{"detail":null,"hint":null,"message":"one","severity":"NOTICE"},{"detail":"three rows","hint":"look","message":"careful","severity":"WARNING"}]"#);
}
