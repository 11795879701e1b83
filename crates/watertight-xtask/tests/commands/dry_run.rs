//! The script of `cargo xtask migrate --dry-run`.

use std::fs;
use std::process::{Command, Stdio};

use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::{Nullable, Text};
use insta::assert_snapshot;
use watertight_connection::DatabaseUrl;
use watertight_schema::Catalog;
use watertight_testing::TestDatabase;

use crate::shop::{Shop, has_one_connection};
use crate::test_workspace::Outcome;

/// Runs a script with psql, or returns `None` if there is no psql.
fn psql(url: &DatabaseUrl, script: &str) -> Option<Outcome> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(&file, script).unwrap();
    let mut command = Command::new("psql");
    command
        .args(["-X", "-q", "-v", "size=0", "-f"])
        .arg(file.path());
    for (name, value) in url.pg_environment() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let ran = command
        .env("PGTZ", "Asia/Tokyo")
        .stdin(Stdio::null())
        .output();
    if ran.is_err() {
        eprintln!("skipped: there is no psql");
    }
    ran.ok().map(Outcome::new)
}

/// Returns the rows of a plugin's history.
fn history(database: &TestDatabase, plugin: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let columns = "\"version\"::text, \"name\", \"checksum\"";
    let query =
        format!("SELECT {columns} FROM plugin_{plugin}.__diesel_schema_migrations ORDER BY 1");
    diesel::sql_query(query)
        .load::<Row>(&mut database.connect())
        .unwrap()
        .into_iter()
        .map(|row| (row.version, row.name, row.checksum))
        .collect()
}

#[derive(diesel::QueryableByName)]
struct Row {
    #[diesel(sql_type = Text)]
    version: String,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    checksum: Option<String>,
}

/// Adds migrations of every kind to a shop.
fn write_migrations(shop: &Shop) {
    let up = [
        // A line break and a semicolon are missing.
        (
            "2_no_end",
            "CREATE TABLE plugin_shop.no_end (id int) -- the end;",
        ),
        (
            "3_crlf",
            "CREATE TABLE plugin_shop.crlf (\r\n  id int\r\n);\r\nCOMMENT ON TABLE plugin_shop.crlf IS 'a\r\nb';\r\n",
        ),
        (
            "4_settings",
            "SET search_path = plugin_shop;\nSET LOCAL search_path = plugin_shop, public;\nSET app.tenant = 'x';\n\
             SET ROLE pg_monitor;\nRESET ROLE;\nCREATE TABLE settings (id int);\nSET standard_conforming_strings = off;\n\
             COMMENT ON TABLE settings IS 'it''s';\n",
        ),
        (
            "5_after",
            "CREATE TABLE plugin_shop.after AS SELECT current_setting('search_path') || \
             current_setting('TimeZone') AS path, coalesce(current_setting('app.tenant', true), '') AS tenant, '\\' AS backslash;",
        ),
        (
            "6_psql",
            "CREATE FUNCTION plugin_shop.slice(list int[], size int) RETURNS int[] LANGUAGE sql RETURN list[1:size];\n\
             CREATE TABLE plugin_shop.psql AS SELECT ':size\n\\set size 1\n\\q\n' AS text, $$\n\\! exit\n:'size'$$ AS other;\n",
        ),
        (
            "7_outside",
            "CREATE INDEX CONCURRENTLY no_end_id ON plugin_shop.no_end (id);\nSET search_path = plugin_shop;\n\
             CREATE INDEX CONCURRENTLY crlf_id ON crlf (id)",
        ),
        (
            "8_last",
            "CREATE TABLE plugin_shop.last AS SELECT current_setting('search_path') AS path;",
        ),
        ("9_it's \"quoted\"", "SELECT 1; /* \\ */"),
    ];
    for (name, sql) in up {
        shop.migration("shop", name, sql);
    }
    shop.workspace.write(
        "plugins/shop/migrations/7_outside/metadata.toml",
        "run_in_transaction = false\n",
    );
}

#[test]
fn psql_runs_the_script_with_the_effect_of_a_run() {
    if has_one_connection() {
        return;
    }
    let shop = Shop::new();
    write_migrations(&shop);
    let script = shop.run(&["migrate", "--dry-run"]).succeeded();
    assert_eq!(shop.tables(), 0);
    let by_psql = TestDatabase::new(vec![]);
    let Some(ran) = psql(by_psql.url(), &script) else {
        return;
    };
    assert_eq!((ran.code, ran.stderr.as_str()), (Some(0), ""));
    shop.run(&["migrate"]).succeeded();

    let catalog = |database: &TestDatabase| Catalog::read(&mut database.connect()).unwrap();
    let differences = catalog(&shop.database).differences(&catalog(&by_psql));
    assert!(differences.is_empty(), "{differences:?}");
    for plugin in ["auth", "shop"] {
        assert_eq!(history(&by_psql, plugin), history(&shop.database, plugin));
    }
    for query in [
        "SELECT path || tenant || backslash FROM plugin_shop.after",
        "SELECT text || other FROM plugin_shop.psql",
        "SELECT path FROM plugin_shop.last",
        "SELECT plugin_shop.slice(ARRAY[1, 2, 3], 2)::text",
        "SELECT obj_description('plugin_shop.crlf'::regclass)",
    ] {
        let value = |database: &TestDatabase| {
            sql::<Text>(&format!("SELECT ({query})"))
                .get_result::<String>(&mut database.connect())
                .unwrap()
        };
        assert_eq!(value(&by_psql), value(&shop.database), "{query}");
    }

    let again = psql(by_psql.url(), &script).unwrap();
    assert_eq!(again.code, Some(3), "{}", again.stderr);
    let error = again
        .stderr
        .lines()
        .find(|line| line.contains("ERROR"))
        .unwrap();
    assert!(
        error.ends_with("ERROR:  migration 1_users of plugin `auth` is already applied"),
        "{error}"
    );
    assert!(
        again
            .stderr
            .contains("HINT:  write a new script with `cargo xtask migrate --dry-run`"),
        "{}",
        again.stderr
    );
}

#[test]
fn the_script_stops_at_a_failed_migration_which_leaves_nothing_behind() {
    let shop = Shop::new();
    shop.migration(
        "shop",
        "2_bad",
        "CREATE TABLE plugin_shop.bad (id int); SELECT nonsense;",
    );
    shop.migration(
        "shop",
        "3_after",
        "CREATE TABLE plugin_shop.after (id int);",
    );
    let script = shop.run(&["migrate", "--dry-run"]).succeeded();
    let Some(ran) = psql(shop.database.url(), &script) else {
        return;
    };
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert_eq!(history(&shop.database, "shop").len(), 1);
    assert_eq!(shop.tables(), 4);
    // A run continues where the script has stopped.
    shop.migration("shop", "2_bad", "CREATE TABLE plugin_shop.bad (id int);");
    assert_snapshot!(shop.run(&["migrate"]).succeeded(), @"
    shop: 2 migrations applied
    Applied 2 migrations; 2 plugins up to date.
    ");
}

#[test]
fn the_script_stops_while_another_run_migrates_the_plugin() {
    if has_one_connection() {
        return;
    }
    let shop = Shop::new();
    shop.run(&["migrate", "--plugin", "auth"]).succeeded();
    let script = shop.run(&["migrate", "--dry-run"]).succeeded();
    shop.migration("shop", "1_items", "SELECT pg_sleep(600);");
    let mut run = shop.command(&["migrate"]).spawn().unwrap();
    shop.wait_until_it_sleeps(&mut run);
    let ran = psql(shop.database.url(), &script);
    run.kill().unwrap();
    run.wait().unwrap();
    let Some(ran) = ran else { return };
    assert_eq!(ran.code, Some(3), "{}", ran.stderr);
    assert!(
        ran.stderr
            .contains("another run is migrating plugin `shop`"),
        "{}",
        ran.stderr
    );
}
