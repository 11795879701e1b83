//! `cargo xtask schema`, and how `migrate` refreshes schema.rs.

use insta::assert_snapshot;

use crate::shop::{SCHEMA_FILE, Shop};

#[test]
fn schema_rs_is_written_from_the_migrations() {
    let shop = Shop::with_items();
    let clean = shop.workspace.read(SCHEMA_FILE);
    assert_snapshot!(shop.run(&["schema", "shop"]).succeeded(), @"Nothing to do: all schema.rs files are up to date.");
    let price = "ALTER TABLE \"plugin_shop\".\"items\" ADD COLUMN \"price\" numeric;
        COMMENT ON COLUMN \"plugin_shop\".\"items\".\"price\" IS 'In euros.';";
    shop.migration("shop", "2_price", price);
    shop.workspace.write(
        "plugins/shop/migrations/2_price/down.sql",
        "ALTER TABLE \"plugin_shop\".\"items\" DROP COLUMN \"price\";",
    );
    let stale = shop.run(&["schema", "shop", "--check"]);
    assert_eq!(stale.code, Some(3));
    assert_snapshot!(stale.stdout, @"
    Outdated; run `cargo xtask schema`:
      edit   plugins/shop/src/schema.rs

    --- plugins/shop/src/schema.rs
    +++ plugins/shop/src/schema.rs
    @@ -5,6 +5,8 @@
             plugin_shop.items (id) {
                 id -> Uuid,
                 name -> Text,
    +            /// In euros.
    +            price -> Nullable<Numeric>,
             }
         }
     }
    ");
    assert_eq!(shop.workspace.read(SCHEMA_FILE), clean);

    let ran = shop.run(&["migrate"]);
    assert!(
        ran.stderr.contains("wrote plugins/shop/src/schema.rs"),
        "{}",
        ran.stderr
    );
    assert_snapshot!(shop.workspace.read(SCHEMA_FILE), @"
    // @generated automatically by Diesel CLI.

    pub mod plugin_shop {
        diesel::table! {
            plugin_shop.items (id) {
                id -> Uuid,
                name -> Text,
                /// In euros.
                price -> Nullable<Numeric>,
            }
        }
    }
    ");
    // It has the tables of all migrations in the folder, also of the reverted one.
    let with_price = shop.workspace.read(SCHEMA_FILE);
    shop.run(&["migrate", "revert", "--plugin", "shop"])
        .succeeded();
    assert_eq!(shop.workspace.read(SCHEMA_FILE), with_price);
    shop.workspace.write(SCHEMA_FILE, &clean);
    shop.run(&["migrate", "--no-schema"]).succeeded();
    assert_eq!(shop.workspace.read(SCHEMA_FILE), clean);
    shop.run(&["schema", "shop", "--from-database"]).succeeded();
    assert_ne!(shop.workspace.read(SCHEMA_FILE), clean);
}

#[test]
fn a_setting_disables_refreshing() {
    let shop = Shop::with_items();
    shop.write_schema(&["id -> Uuid"]);
    let manifest = shop.workspace.read("Cargo.toml");
    let settings = "[workspace.metadata.watertight]\nrefresh_schema = ";
    let written = shop.workspace.read(SCHEMA_FILE);
    shop.workspace
        .write("Cargo.toml", &format!("{manifest}\n{settings}1\n"));
    assert_snapshot!(shop.run(&["migrate"]).failed().replace(shop.workspace.root().to_str().unwrap(), "[root]"), @"error: failed to read [root]/Cargo.toml: `refresh_schema` in `[workspace.metadata.watertight]` is neither true nor false");
    shop.workspace
        .write("Cargo.toml", &format!("{manifest}\n{settings}false\n"));
    shop.run(&["migrate"]).succeeded();
    assert_eq!(shop.workspace.read(SCHEMA_FILE), written);
}

#[test]
fn migrate_does_not_overwrite_edits_without_a_migration() {
    let shop = Shop::with_items();
    shop.write_schema(&["id -> Uuid", "name -> Text", "price -> Nullable<Numeric>"]);
    let written = shop.workspace.read(SCHEMA_FILE);
    let ran = shop.run(&["migrate"]);
    assert_snapshot!(ran.stderr.lines().find(|line| line.contains("was not refreshed")).unwrap_or_default(), @"plugins/shop/src/schema.rs was not refreshed: it has changes that no migration makes. `cargo xtask generate shop` writes the migration; `cargo xtask schema shop` overwrites the file");
    assert_eq!(shop.workspace.read(SCHEMA_FILE), written);
    // `schema` overwrites them.
    shop.run(&["schema", "shop"]).succeeded();
    assert_ne!(shop.workspace.read(SCHEMA_FILE), written);
}

#[test]
fn concurrent_runs_refresh_one_file() {
    if crate::shop::has_one_connection() {
        return;
    }
    let shop = Shop::with_items();
    shop.write_schema(&["id -> Uuid"]);
    let start = || shop.command(&["migrate"]).spawn().unwrap();
    let runs = [start(), start(), start()];
    for mut run in runs {
        assert!(run.wait().unwrap().success());
    }
    assert!(shop.workspace.read(SCHEMA_FILE).contains("name -> Text"));
}

#[test]
fn the_examples_schema_rs_are_up_to_date() {
    let shop = Shop::new();
    let mut command = shop.command(&["schema", "--check"]);
    let output = command
        .current_dir(crate::test_workspace::REPOSITORY)
        .output()
        .unwrap();
    let ran = crate::test_workspace::Outcome::new(output);
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
}

#[test]
fn a_file_is_not_refreshed_when_the_database_is_ahead_of_the_code() {
    let shop = Shop::with_items();
    let clean = shop.workspace.read(SCHEMA_FILE);
    let price = "ALTER TABLE \"plugin_shop\".\"items\" ADD COLUMN \"price\" numeric;";
    shop.migration("shop", "2_price", price);
    shop.run(&["migrate", "--no-schema"]).succeeded();
    // As on a branch without that migration, but with one of its own.
    std::fs::remove_dir_all(shop.workspace.path("plugins/shop/migrations/2_price")).unwrap();
    let title = "ALTER TABLE \"plugin_shop\".\"items\" ADD COLUMN \"title\" text;";
    shop.migration("shop", "3_title", title);
    let not_refreshed = "plugins/shop/src/schema.rs was not refreshed: the database has migrations that the code does \
                         not have (2_price)";
    for arguments in [&["migrate"][..], &["migrate", "redo", "--plugin", "shop"]] {
        let down = "ALTER TABLE \"plugin_shop\".\"items\" DROP COLUMN \"title\";";
        shop.workspace
            .write("plugins/shop/migrations/3_title/down.sql", down);
        let outcome = shop.run(arguments);
        assert!(outcome.stderr.contains(not_refreshed), "{}", outcome.stderr);
        outcome.succeeded();
        assert_eq!(shop.workspace.read(SCHEMA_FILE), clean);
    }
}

/// The folder of the files that record which schema.rs a run is going to write.
const MARKERS: &str = ".watertight/schema-refresh";

#[test]
fn a_file_is_refreshed_by_the_run_after_one_that_was_killed() {
    if crate::shop::has_one_connection() {
        return;
    }
    let shop = Shop::with_items();
    shop.run(&["migrate"]).succeeded();
    assert!(!shop.workspace.path(MARKERS).exists());
    let clean = shop.workspace.read(SCHEMA_FILE);
    let kill_after_drop = |column: &str, version: u32| {
        let drop = format!("ALTER TABLE \"plugin_shop\".\"items\" DROP COLUMN \"{column}\";");
        shop.migration("shop", &format!("{version}_drop"), &drop);
        // In another plugin, so that the first has ended.
        let slow = format!("{version}_slow");
        shop.migration("late", &slow, "SELECT pg_sleep(600);");
        let mut run = shop.command(&["migrate"]).spawn().unwrap();
        shop.wait_until_it_sleeps(&mut run);
        run.kill().unwrap();
        run.wait().unwrap();
        let slow = format!("plugins/late/migrations/{slow}");
        std::fs::remove_dir_all(shop.workspace.path(&slow)).unwrap();
    };
    shop.workspace.write_plugin("late", "late", "plugin-late");
    shop.workspace.replace(
        "plugins/late/src/plugin_metadata.rs",
        "\"late\")",
        "\"late\").depends_on(&[\"shop\"])",
    );
    shop.migration("late", "1_late", "CREATE TABLE plugin_late.late (id int);");
    kill_after_drop("name", 2);
    // The file has a column that the database no longer has, as an edit would.
    assert_eq!(shop.workspace.read(SCHEMA_FILE), clean);
    let ran = shop.run(&["migrate"]);
    assert_snapshot!(ran.stderr, @"wrote plugins/shop/src/schema.rs");
    assert_snapshot!(ran.succeeded(), @"Nothing to do: 3 plugins up to date.");
    assert!(!shop.workspace.read(SCHEMA_FILE).contains("name"));
    assert!(!shop.workspace.path(MARKERS).exists());
    assert_eq!(shop.run(&["migrate"]).stderr, "");
}

#[test]
fn a_file_that_was_edited_after_a_killed_run_is_not_overwritten() {
    let shop = Shop::with_items();
    shop.run(&["migrate"]).succeeded();
    let leave_marker = || {
        let record = serde_json::json!({
            "database": shop.database.url().to_string(),
            "unedited": { "shop": shop.workspace.read(SCHEMA_FILE) },
        });
        let marker = format!("{MARKERS}/1.json");
        shop.workspace.write(&marker, &record.to_string());
    };
    leave_marker();
    shop.write_schema(&["id -> Uuid", "name -> Text", "price -> Nullable<Numeric>"]);
    let edited = shop.workspace.read(SCHEMA_FILE);
    let ran = shop.run(&["migrate"]);
    assert!(
        ran.stderr
            .contains("it has changes that no migration makes"),
        "{}",
        ran.stderr
    );
    assert_eq!(shop.workspace.read(SCHEMA_FILE), edited);

    // Nor is one from a database that is ahead.
    shop.write_schema(&["id -> Uuid"]);
    let old = shop.workspace.read(SCHEMA_FILE);
    leave_marker();
    let folder = shop.workspace.path("plugins/shop/migrations/1_items");
    std::fs::remove_dir_all(folder).unwrap();
    let ran = shop.run(&["migrate"]);
    assert!(
        ran.stderr
            .contains("migrations that the code does not have"),
        "{}",
        ran.stderr
    );
    assert_eq!(shop.workspace.read(SCHEMA_FILE), old);
}

#[test]
fn migrations_run_in_a_workspace_that_is_read_only_when_no_file_changes() {
    let shop = Shop::with_items();
    // A file where the folder of the markers would be.
    shop.workspace.write(".watertight", "");
    assert_snapshot!(shop.run(&["migrate", "--plugin", "shop"]).succeeded(), @"
    auth: 1 migration applied
    shop: 1 migration applied
    Applied 2 migrations; 2 plugins up to date.
    ");
}
