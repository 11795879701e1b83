//! Rust migrations, and sources that cannot be used.

use std::num::NonZeroUsize;

use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion, Result,
};
use diesel::pg::Pg;
use diesel::{Connection as _, RunQueryDsl, sql_query};
use watertight_diagnostics::ErrorReport;
use watertight_metadata::PluginMetadata;
use watertight_migrations::{LoadError, Migrator, PluginMigrations};

use crate::plugin_folders::{ONE, PluginFolders, id};
use crate::test_database::{Connection, TestDatabase, execute, history, query_one};

const SHOP: PluginMetadata = PluginMetadata::new("shop");

/// A migration that uses the connection like only Rust can.
struct RustMigration {
    version: &'static str,
    in_transaction: bool,
    fails: bool,
}

impl std::fmt::Display for RustMigration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_rust", self.version)
    }
}

impl MigrationName for RustMigration {
    fn version(&self) -> MigrationVersion<'_> {
        self.version.into()
    }
}

impl MigrationMetadata for RustMigration {
    fn run_in_transaction(&self) -> bool {
        self.in_transaction
    }
}

impl Migration<Pg> for RustMigration {
    fn run(&self, connection: &mut dyn BoxableConnection<Pg>) -> Result<()> {
        let connection = connection
            .downcast_mut::<Connection>()
            .ok_or("another connection")?;
        connection.transaction(|connection| {
            sql_query("CREATE TABLE IF NOT EXISTS plugin_shop.log (line text)")
                .execute(connection)?;
            sql_query(format!(
                "INSERT INTO plugin_shop.log VALUES ('{}')",
                self.version
            ))
            .execute(connection)
        })?;
        execute(connection, "SET search_path = plugin_shop");
        if self.fails {
            Err("it was told to fail".into())
        } else {
            Ok(())
        }
    }

    fn revert(&self, connection: &mut dyn BoxableConnection<Pg>) -> Result<()> {
        Ok(connection.batch_execute(&format!(
            "DELETE FROM plugin_shop.log WHERE line = '{}'",
            self.version
        ))?)
    }

    fn metadata(&self) -> &dyn MigrationMetadata {
        self
    }

    fn name(&self) -> &dyn MigrationName {
        self
    }
}

#[derive(Clone, Copy)]
struct RustMigrations {
    fails: bool,
}

impl MigrationSource<Pg> for RustMigrations {
    fn migrations(&self) -> Result<Vec<Box<dyn Migration<Pg>>>> {
        let migration = |version, in_transaction, fails| {
            Box::new(RustMigration {
                version,
                in_transaction,
                fails,
            })
        };
        Ok(vec![
            migration("2", false, self.fails),
            migration("1", true, false),
            migration("3", true, self.fails),
        ])
    }
}

fn migrator(fails: bool) -> Migrator {
    Migrator::new(vec![PluginMigrations::new(SHOP, RustMigrations { fails })]).unwrap()
}

#[test]
fn rust_migrations_run_revert_and_redo() {
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let before = query_one(connection, "SELECT current_setting('search_path')");
    let report = migrator(false).run(connection, &[]).unwrap();
    assert!(
        report.is_success(),
        "{:?}",
        report.errors().map(ToString::to_string).collect::<Vec<_>>()
    );
    assert_eq!(history(connection, "plugin_shop"), ["1", "2", "3"]);
    migrator(false).redo(connection, &id("shop")).unwrap();
    migrator(false)
        .revert(connection, &id("shop"), NonZeroUsize::new(2).unwrap())
        .unwrap();
    assert_eq!(history(connection, "plugin_shop"), ["1"]);
    assert_eq!(
        query_one(connection, "SELECT line FROM plugin_shop.log"),
        "1"
    );
    assert_eq!(
        query_one(connection, "SELECT current_setting('search_path')"),
        before
    );
}

#[test]
fn a_failed_rust_migration_is_reported_and_leaves_nothing_in_a_transaction() {
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = migrator(true).run(connection, &[]).unwrap();
    insta::assert_snapshot!(ErrorReport::new(report.errors().next().unwrap()), @"
    error: failed to apply migration 2_rust of plugin `shop`: it was told to fail
    hint: what it did before the error stays applied, because it runs without a transaction
    ");
    assert_eq!(history(connection, "plugin_shop"), ["1"]);
    assert_eq!(
        query_one(
            connection,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        ),
        "0"
    );
}

fn load_error(files: &[(&str, &str)]) -> String {
    let plugins = PluginFolders::shop(files);
    plugins.error_report(&Migrator::new(plugins.plugins()).err().unwrap())
}

#[test]
fn duplicate_missing_and_long_versions_are_refused() {
    insta::assert_snapshot!(load_error(&[("2026-01_a/up.sql", "SELECT 1"), ("20-2601_b/up.sql", "SELECT 1")]), @"
    error: failed to read the migrations of plugin `shop`: `shop/20-2601_b` and `shop/2026-01_a` have the same version, `202601`
    hint: rename one of them; the version is the part of the name before the first `_`, without dashes
    ");
    let long = format!("{}_a/up.sql", "1".repeat(51));
    insta::assert_snapshot!(load_error(&[(&long, "SELECT 1")]), @"
    error: failed to read the migrations of plugin `shop`: the version of `shop/111111111111111111111111111111111111111111111111111_a` has 51 characters, more than the 50 that the history can store
    hint: rename it; the version is the part of the name before the first `_`, without dashes
    ");
    insta::assert_snapshot!(load_error(&[("_a/up.sql", "SELECT 1")]), @"
    error: failed to read the migrations of plugin `shop`: `shop/_a` has no version
    hint: put a version before the first `_` of its name, such as 2026-01-02-030405
    ");
    insta::assert_snapshot!(load_error(&[("1_a/up.sql", " \n")]), @"
    error: failed to read the migrations of plugin `shop`: shop/1_a/up.sql is empty
    hint: write its SQL, or remove the migration
    ");
}

#[test]
fn plugins_in_a_cycle_are_refused() {
    let plugins = PluginFolders::new(&[("a", &["b"]), ("b", &["a"])]);
    assert!(matches!(
        Migrator::new(plugins.plugins()),
        Err(LoadError::Dependencies(_))
    ));
}

#[test]
fn an_unknown_plugin_is_reported() {
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let migrator = PluginFolders::shop(&[]).migrator();
    insta::assert_snapshot!(ErrorReport::new(&migrator.run(connection, &[id("shoes")]).unwrap_err()), @"
    error: failed to find plugin `shoes`: no plugin has this id
    hint: the plugins are shop
    ");
}

#[test]
fn a_migration_that_cannot_be_reverted_is_refused_before_anything_is_reverted() {
    let plugins = PluginFolders::shop(&[
        ("1_a/up.sql", "SELECT 1"),
        ("2_b/up.sql", "SELECT 1"),
        ("2_b/down.sql", ""),
        ("3_c/up.sql", "SELECT 1"),
        ("3_c/down.sql", "SELECT 1"),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    let two = NonZeroUsize::new(2).unwrap();
    insta::assert_snapshot!(ErrorReport::new(&plugins.migrator().revert(connection, &id("shop"), two).unwrap_err()), @"
    error: failed to revert migration 2_b of plugin `shop`: it has an empty down.sql
    hint: write one, or undo it with a new migration
    ");
    assert_eq!(history(connection, "plugin_shop"), ["1", "2", "3"]);
    std::fs::remove_dir_all(plugins.path().join("shop/3_c")).unwrap();
    insta::assert_snapshot!(ErrorReport::new(&plugins.migrator().revert(connection, &id("shop"), ONE).unwrap_err()), @"
    error: failed to revert plugin `shop`: version 3 is applied, but no migration here has this version
    hint: restore its folder, or revert it from the version of the code that has it
    ");
    std::fs::remove_dir_all(plugins.path().join("shop/2_b")).unwrap();
    insta::assert_snapshot!(ErrorReport::new(&plugins.migrator().redo(connection, &id("shop")).unwrap_err()), @"
    error: failed to revert plugin `shop`: version 3 is applied, but no migration here has this version
    hint: restore its folder, or revert it from the version of the code that has it
    ");
    assert!(
        plugins
            .migrator()
            .run(connection, &[])
            .unwrap()
            .is_success(),
        "versions that are ahead are ignored"
    );
}
