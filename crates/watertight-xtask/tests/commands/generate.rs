//! `cargo xtask generate`.

use std::fs;
use std::process::{Command, Stdio};

use diesel::RunQueryDsl as _;
use diesel::dsl::sql;
use diesel::sql_types::BigInt;
use insta::assert_snapshot;
use serde_json::Value;
use tempfile::TempDir;
use watertight_embedded::EmbeddedServer;

use crate::shop::{SCHEMA_FILE, Shop};
use crate::test_workspace::Outcome;

/// A server for one test, on which no other test creates databases.
struct OwnServer {
    server: EmbeddedServer,
    folder: TempDir,
}

impl OwnServer {
    fn start() -> Self {
        let folder = TempDir::new().unwrap();
        Self {
            server: EmbeddedServer::acquire(folder.path()).unwrap(),
            folder,
        }
    }

    fn command(&self, shop: &Shop, arguments: &[&str]) -> Command {
        let mut command = shop.command(arguments);
        command.env("DATABASE_URL", self.server.url().expose_secret());
        command
    }

    fn count(&self, query: &str) -> i64 {
        let mut connection = self.server.url().connect().unwrap();
        sql::<BigInt>(query).get_result(&mut connection).unwrap()
    }

    /// Returns the number of scratch databases. With a PGlite, each is a folder.
    fn scratch_databases(&self) -> i64 {
        if self.server.url().serves_one_connection() {
            let scratch = self.folder.path().join(".watertight/pglite/server/scratch");
            return fs::read_dir(scratch).map_or(0, |entries| entries.count().try_into().unwrap());
        }
        self.count("SELECT count(*) FROM pg_database WHERE datname LIKE 'watertight\\_scratch\\_%'")
    }
}

const AT: [&str; 2] = ["--timestamp", "2026-02-01-000000"];

fn generate(shop: &Shop, arguments: &[&str]) -> Outcome {
    shop.run(&[&["generate", "shop"], arguments, &AT].concat())
}

/// Returns the names of the plugin's migrations.
fn migrations(shop: &Shop) -> Vec<String> {
    let folders = fs::read_dir(shop.workspace.path("plugins/shop/migrations")).unwrap();
    let mut names: Vec<_> = folders
        .map(|folder| folder.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_column_in_schema_rs_becomes_a_migration() {
    let shop = Shop::with_items();
    shop.write_schema(&["id -> Uuid", "name -> Text", "price -> Nullable<Numeric>"]);
    assert_snapshot!(generate(&shop, &[]).succeeded(), @"
    Wrote a migration of plugin `shop`, tested up, down and up again:
      create plugins/shop/migrations/2026-02-01-000000_add_price_to_items/down.sql
      create plugins/shop/migrations/2026-02-01-000000_add_price_to_items/up.sql

    Changes:
      add items.price

    Next:
      review its SQL, and add what schema.rs cannot express
      cargo xtask migrate --plugin shop
    ");
    let folder = "plugins/shop/migrations/2026-02-01-000000_add_price_to_items";
    assert_snapshot!(shop.workspace.read(&format!("{folder}/up.sql")), @r#"ALTER TABLE "plugin_shop"."items" ADD COLUMN "price" numeric;"#);
    assert_snapshot!(shop.workspace.read(&format!("{folder}/down.sql")), @r#"ALTER TABLE "plugin_shop"."items" DROP COLUMN "price";"#);
    assert_snapshot!(generate(&shop, &[]).succeeded(), @"Nothing to do: the migrations of plugin `shop` match its schema.rs.");
    let before = shop.workspace.read(SCHEMA_FILE);
    shop.run(&["migrate"]).succeeded();
    assert_eq!(shop.workspace.read(SCHEMA_FILE), before);
}

#[test]
fn check_and_dry_run_write_nothing() {
    let shop = Shop::with_items();
    assert_snapshot!(generate(&shop, &["--check"]).succeeded(), @"Nothing to do: the migrations of plugin `shop` match its schema.rs.");
    shop.write_schema(&["id -> Uuid", "name -> Text", "price -> Nullable<Numeric>"]);
    let before = shop.workspace.tree();
    let missing = generate(&shop, &["--check"]);
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
    assert_snapshot!(missing.stdout, @"
    A migration of plugin `shop` is missing: add items.price.
    Run `cargo xtask generate shop`.
    ");
    assert_snapshot!(generate(&shop, &["--dry-run"]).succeeded(), @r#"
    Would write a migration of plugin `shop`:
      create plugins/shop/migrations/2026-02-01-000000_add_price_to_items/down.sql
      create plugins/shop/migrations/2026-02-01-000000_add_price_to_items/up.sql

    -- up.sql
    ALTER TABLE "plugin_shop"."items" ADD COLUMN "price" numeric;

    -- down.sql
    ALTER TABLE "plugin_shop"."items" DROP COLUMN "price";
    "#);
    shop.write_schema(&["id -> Uuid", "title -> Text"]);
    let missing = generate(&shop, &["--check"]);
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
    assert_snapshot!(missing.stdout, @"
    A migration of plugin `shop` is missing: `items.name` is no longer in schema.rs and `title` is new, so it may have been renamed.
    Run `cargo xtask generate shop`.
    ");
    shop.write_schema(&["id -> Uuid", "name -> Text", "price -> Nullable<Numeric>"]);
    assert!(shop.workspace.tree() == before);
}

#[test]
fn a_possible_rename_is_not_dropped_without_asking() {
    let shop = Shop::with_items();
    shop.write_schema(&["id -> Uuid", "title -> Text"]);
    let before = shop.workspace.tree();
    assert_snapshot!(generate(&shop, &[]).failed(), @"
    error: failed to distinguish renamed from dropped tables and columns:
      `items.name` is no longer in schema.rs and `title` is new, so it may have been renamed
    hint: run the command again with `--rename items.name=title` or `--drop items.name`
    ");
    assert_snapshot!(generate(&shop, &["--rename", "items.nam=title"]).failed(), @r#"
    error: failed to rename or drop "items.nam": schema.rs still has it, or the migrations do not create it
    hint: removed from schema.rs: items.name
    "#);
    assert_snapshot!(generate(&shop, &["--rename", "items"]).usage_error(), @"
    error: invalid value 'items' for '--rename <OLD=NEW>': it is not OLD=NEW
    hint: write `items=products` for a table, or `items.name=title` for a column

    For more information, try '--help'.
    ");
    let lossy = generate(&shop, &["--drop", "items.name"]);
    assert_eq!(lossy.code, Some(3));
    assert_snapshot!(lossy.stderr, @"
    error: failed to write the migration: it loses data:
      drops the column items.name
    hint: if this is intended, run the command again with `--allow-data-loss`
    ");
    assert!(shop.workspace.tree() == before);
    generate(&shop, &["--rename", "items.name=title"]).succeeded();
    assert_eq!(
        migrations(&shop),
        ["1_items", "2026-02-01-000000_rename_name_to_title_in_items"]
    );
}

#[test]
fn a_rename_is_asked_for_on_a_terminal() {
    let shop = Shop::with_items();
    shop.write_schema(&["id -> Uuid", "title -> Text"]);
    // Enter chooses the first answer.
    let mut terminal = shop
        .command_on_terminal(&[&["generate", "shop"][..], &AT].concat())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(terminal.stdin.as_mut().unwrap(), b"\r").unwrap();
    let output = terminal.wait_with_output().unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("items.name is gone. It was"),
        "{printed}"
    );
    assert_eq!(
        migrations(&shop),
        ["1_items", "2026-02-01-000000_rename_name_to_title_in_items"]
    );
}

#[test]
fn data_is_lost_only_when_that_is_allowed() {
    let shop = Shop::with_items();
    shop.write_schema(&["id -> Uuid"]);
    let lossy = generate(&shop, &[]);
    assert_eq!(lossy.code, Some(3));
    assert_snapshot!(lossy.stderr, @"
    error: failed to write the migration: it loses data:
      drops the column items.name
    hint: if this is intended, run the command again with `--allow-data-loss`
    ");
    generate(&shop, &["--allow-data-loss", "--name", "forget_names"]).succeeded();
    assert_snapshot!(shop.workspace.read("plugins/shop/migrations/2026-02-01-000000_forget_names/up.sql"), @r#"
    -- Loses data: drops the column items.name.
    ALTER TABLE "plugin_shop"."items" DROP COLUMN "name";
    "#);
}

#[test]
fn json_describes_the_migration() {
    let shop = Shop::with_items();
    shop.write_schema(&["id -> Uuid", "name -> Text", "price -> Nullable<Numeric>"]);
    let written: Value = serde_json::from_str(&generate(&shop, &["--json"]).succeeded()).unwrap();
    assert_eq!(written["status"], "written");
    assert_eq!(written["changes"][0], "add items.price");
    assert_eq!(written["version"], "20260201000000");
    let unchanged: Value = serde_json::from_str(&generate(&shop, &["--json"]).succeeded()).unwrap();
    assert_eq!(unchanged["status"], "unchanged");
}

#[test]
fn an_error_in_schema_rs_is_shown_at_its_position() {
    let shop = Shop::with_items();
    let error = |text: &str| {
        shop.workspace.write(SCHEMA_FILE, text);
        generate(&shop, &[]).failed()
    };
    assert_snapshot!(error("diesel::table! {\n    plugin_shop.items {\n        id => Uuid,\n    }\n}\n"), @"
    error: failed to parse plugins/shop/src/schema.rs: expected `->`
     --> plugins/shop/src/schema.rs:3:12
      |
    3 |         id => Uuid,
      |            ^
    ");
    assert_snapshot!(error("diesel::table! {\n    items {\n        id -> Uuid,\n    }\n}\n"), @"
    error: failed to parse plugins/shop/src/schema.rs: table `items` is in the schema `public`, but this plugin owns `plugin_shop`
     --> plugins/shop/src/schema.rs:2:5
      |
    2 |     items {
      |     ^^^^^
    hint: write `plugin_shop.items`
    ");
    assert_snapshot!(error("diesel::table! {\n    plugin_auth.items {\n        id -> Uuid,\n    }\n}\n"), @"
    error: failed to parse plugins/shop/src/schema.rs: table `items` is in the schema `plugin_auth`, but this plugin owns `plugin_shop`
     --> plugins/shop/src/schema.rs:2:17
      |
    2 |     plugin_auth.items {
      |                 ^^^^^
    hint: write `plugin_shop.items`
    ");
    assert_snapshot!(error("diesel::table! {\n    plugin_shop.items {\n        id -> Uuidd,\n    }\n}\n"), @r#"
    error: failed to parse plugins/shop/src/schema.rs: `Uuidd` is neither one of Diesel's PostgreSQL types nor defined in this file
     --> plugins/shop/src/schema.rs:3:15
      |
    3 |         id -> Uuidd,
      |               ^^^^^
    hint: for a type of the plugin, add `#[diesel(postgres_type(name = "…", schema = "…"))] pub struct Uuidd;` to the module `sql_types`
    "#);
    assert_snapshot!(error("diesel::table! { plugin_shop.items { id -> Uuid, } }\ndiesel::joinable!(items -> users (user_id));"), @"
    error: failed to parse plugins/shop/src/schema.rs: this file has no table `users`
     --> plugins/shop/src/schema.rs:2:28
      |
    2 | diesel::joinable!(items -> users (user_id));
      |                            ^^^^^
    hint: remove the `joinable!`
    ");
    assert_snapshot!(error("fn broken("), @"
    error: failed to parse plugins/shop/src/schema.rs: cannot parse string into token stream
     --> plugins/shop/src/schema.rs:1:10
      |
    1 | fn broken(
      |          ^
    ");
    fs::remove_file(shop.workspace.path(SCHEMA_FILE)).unwrap();
    assert_snapshot!(generate(&shop, &[]).failed(), @"
    error: failed to read plugins/shop/src/schema.rs: it does not exist
    hint: write it with `cargo xtask schema shop`
    ");
    assert_snapshot!(shop.run(&["generate", "shpo"]).failed(), @"
    error: failed to find a plugin `shpo`
    hint: did you mean `shop`? The plugins are: auth, shop
    ");
    assert_eq!(migrations(&shop), ["1_items"]);
}

#[test]
fn a_failed_migration_is_shown_as_migrate_shows_it() {
    let shop = Shop::with_items();
    shop.migration("shop", "2_bad", &("-- \n".repeat(39) + "ALTER TABEL x;"));
    let server = OwnServer::start();
    let output = server
        .command(&shop, &["generate", "shop"])
        .output()
        .unwrap();
    assert_snapshot!(Outcome::new(output).failed(), @r#"
    error: failed to apply migration 2_bad of plugin `shop`: syntax error at or near "TABEL"
      --> plugins/shop/migrations/2_bad/up.sql:40:7
       |
    40 | ALTER TABEL x;
       |       ^^^^^
    hint: nothing of this migration was applied; fix the SQL and run it again
    error: failed to run the migrations in a scratch database; nothing was written
    "#);
    assert_eq!(server.scratch_databases(), 0);
}

#[test]
fn a_role_that_may_not_create_databases_is_an_error() {
    if watertight_testing::serves_one_connection() {
        eprintln!("skipped: roles do not log in to a PGlite");
        return;
    }
    let shop = Shop::with_items();
    let mut connection = shop.database.connect();
    let sql =
        "DROP ROLE IF EXISTS watertight_weak; CREATE ROLE watertight_weak LOGIN PASSWORD 'weak'";
    diesel::connection::SimpleConnection::batch_execute(&mut connection, sql).unwrap();
    let url = shop.database.url().expose_secret();
    let (scheme, rest) = url.split_once("://").unwrap();
    let (_, rest) = rest.split_once('@').unwrap();
    let mut command = shop.command(&["generate", "shop"]);
    command.env(
        "DATABASE_URL",
        format!("{scheme}://watertight_weak:weak@{rest}"),
    );
    let error = Outcome::new(command.output().unwrap()).failed();
    assert!(error.contains("CREATEDB"), "{error}");
    diesel::connection::SimpleConnection::batch_execute(
        &mut connection,
        "DROP ROLE watertight_weak",
    )
    .unwrap();
}

#[test]
fn ctrl_c_drops_the_scratch_database() {
    let shop = Shop::with_items();
    shop.migration("shop", "2_slow", "SELECT pg_sleep(60)");
    let server = OwnServer::start();
    let mut command = server.command(&shop, &["generate", "shop"]);
    let mut run = command.stderr(Stdio::piped()).spawn().unwrap();
    let sleeping = "SELECT count(*) FROM pg_stat_activity WHERE datname LIKE 'watertight\\_scratch\\_%' AND query LIKE '%pg_sleep(60)%'";
    let is_sleeping = || {
        if server.server.url().serves_one_connection() {
            // The migration runs soon after its database exists.
            server.scratch_databases() > 0
        } else {
            server.count(sleeping) > 0
        }
    };
    while !is_sleeping() {
        assert!(run.try_wait().unwrap().is_none(), "it ended too early");
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let pid = run.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-s", "INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let status = run.wait().unwrap();
    assert_eq!(status.code(), Some(130), "{status}");
    assert_eq!(server.scratch_databases(), 0);
    assert_eq!(migrations(&shop), ["1_items", "2_slow"]);
}

#[test]
fn check_without_a_plugin_checks_all_plugins_with_a_schema_rs() {
    let shop = Shop::with_items();
    assert_snapshot!(shop.run(&["generate", "--check"]).succeeded(), @"Nothing to do: the migrations of all plugins match their schema.rs.");
    shop.write_schema(&["id -> Uuid", "name -> Text", "price -> Nullable<Numeric>"]);
    let missing = shop.run(&["generate", "--check"]);
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
    assert_snapshot!(missing.stdout, @"
    A migration of plugin `shop` is missing: add items.price.
    Run `cargo xtask generate shop`.
    ");
    let missing = shop.run(&["generate", "--check", "--json"]);
    assert_eq!(missing.code, Some(3), "{}", missing.stderr);
    let document: Value = serde_json::from_str(&missing.stdout).unwrap();
    assert_eq!(document["status"], "missing");
    assert_eq!(document["plugins"][0]["plugin"], "shop");
    assert_eq!(document["plugins"][0]["what"], "add items.price");
    shop.run(&["generate"]).usage_error();
}
