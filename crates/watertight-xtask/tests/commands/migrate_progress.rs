//! What `cargo xtask migrate` prints while it runs.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;

use diesel::connection::SimpleConnection as _;
use insta::assert_snapshot;
use serde_json::Value;

use crate::shop::Shop;

#[test]
fn a_run_that_is_blocked_prints_by_whom() {
    if crate::shop::has_one_connection() {
        return;
    }
    let shop = Shop::new();
    shop.run(&["migrate"]).succeeded();
    shop.migration(
        "shop",
        "2_late",
        "ALTER TABLE plugin_shop.items ADD late int;",
    );
    let mut reader = shop.database.connect();
    reader
        .batch_execute(
            "SET application_name = 'reader'; BEGIN; SELECT count(*) FROM plugin_shop.items",
        )
        .unwrap();
    let mut run = shop.command(&["migrate"]);
    let mut run = run.stderr(Stdio::piped()).spawn().unwrap();
    let line = BufReader::new(run.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap)
        .find(|line| line.contains("waits for"))
        .unwrap();
    assert!(
        line.starts_with("shop 2_late waits for a lock on plugin_shop.items held by process "),
        "{line}"
    );
    assert!(
        line.contains(" (reader, idle in transaction since "),
        "{line}"
    );
    reader.batch_execute("ROLLBACK").unwrap();
    assert!(run.wait().unwrap().success());
}

#[test]
fn notices_and_warnings_are_shown_with_their_migration() {
    let shop = Shop::new();
    shop.migration(
        "shop",
        "2_notices",
        "DO $$ BEGIN RAISE NOTICE 'backfilled 12 rows'; \
         RAISE WARNING 'careful' USING DETAIL = '3 rows skipped', HINT = 'look at them'; END $$;\n\
         CREATE TABLE IF NOT EXISTS plugin_shop.items (id int);",
    );
    let ran = shop.run(&["migrate", "--no-schema", "--json"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let lines: Vec<_> = ran
        .stderr
        .lines()
        .filter(|line| !line.contains(" applied in "))
        .collect();
    assert_snapshot!(lines.join("\n"), @r#"
    shop 2_notices: NOTICE: backfilled 12 rows
    warning: shop 2_notices: careful (3 rows skipped)
    hint: look at them
    shop 2_notices: NOTICE: relation "items" already exists, skipping
    "#);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    let applied = &report["plugins"][1]["applied"][1];
    let messages = applied["notices"].as_array().unwrap();
    let messages: Vec<_> = messages.iter().map(|notice| &notice["message"]).collect();
    assert_eq!(
        messages,
        [
            "backfilled 12 rows",
            "careful",
            "relation \"items\" already exists, skipping"
        ]
    );
}

#[test]
fn what_an_interrupted_migration_left_is_shown_and_how_to_go_on() {
    let shop = Shop::new();
    shop.migration(
        "shop",
        "2_index",
        "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS items_id ON plugin_shop.items (id);",
    );
    shop.workspace.write(
        "plugins/shop/migrations/2_index/metadata.toml",
        "run_in_transaction = false\n",
    );
    shop.migration(
        "shop",
        "1b_rows",
        "INSERT INTO plugin_shop.items VALUES (1), (1)",
    );
    shop.failure();
    assert_snapshot!(shop.failure(), @r#"
    warning: shop 2_index: an attempt that failed or was interrupted left the invalid index plugin_shop.items_id
    hint: unless its SQL drops what is left, run `DROP INDEX CONCURRENTLY plugin_shop.items_id`
    shop 2_index: NOTICE: relation "items_id" already exists, skipping
    error: failed to apply migration 2_index of plugin `shop`: its SQL ran and what it did stays, but the index plugin_shop.items_id is invalid, so it is not recorded
    hint: an attempt that failed or was interrupted left what `IF NOT EXISTS` keeps; run `DROP INDEX CONCURRENTLY plugin_shop.items_id`, and run the migration again
    ---
    shop: failed at 2_index
    Applied 0 migrations; 1 is still pending.
    "#);
    assert_eq!(
        shop.count("SELECT count(*) FROM plugin_shop.__diesel_schema_migrations"),
        2
    );
}
