//! Migrations that are code, and sources that cannot be used.

use std::num::NonZeroUsize;

use diesel::connection::BoxableConnection;
use diesel::migration::{
    Migration, MigrationMetadata, MigrationName, MigrationSource, MigrationVersion, Result,
};
use diesel::pg::Pg;
use diesel::{Connection as _, RunQueryDsl, sql_query};
use watertight_metadata::PluginMetadata;
use watertight_migrations::{LoadError, Migrator, Plugin};

use crate::plugins::{ONE, Plugins, id};
use crate::server::{Connection, Database, execute, history, text};

const SHOP: PluginMetadata = PluginMetadata::new("shop");

/// A migration that does with the connection what only code can.
struct Code {
    version: &'static str,
    in_transaction: bool,
    fails: bool,
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_code", self.version)
    }
}

impl MigrationName for Code {
    fn version(&self) -> MigrationVersion<'_> {
        self.version.into()
    }
}

impl MigrationMetadata for Code {
    fn run_in_transaction(&self) -> bool {
        self.in_transaction
    }
}

impl Migration<Pg> for Code {
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
            Err("it was told to".into())
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
struct Source {
    fails: bool,
}

impl MigrationSource<Pg> for Source {
    fn migrations(&self) -> Result<Vec<Box<dyn Migration<Pg>>>> {
        let code = |version, in_transaction, fails| {
            Box::new(Code {
                version,
                in_transaction,
                fails,
            })
        };
        Ok(vec![
            code("2", false, self.fails),
            code("1", true, false),
            code("3", true, self.fails),
        ])
    }
}

fn migrator(fails: bool) -> Migrator {
    Migrator::new(vec![Plugin::new(SHOP, Source { fails })]).unwrap()
}

#[test]
fn migrations_that_are_code_run_revert_and_redo() {
    let database = Database::new();
    let connection = &mut database.connect();
    let before = text(connection, "SELECT current_setting('search_path')");
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
    assert_eq!(text(connection, "SELECT line FROM plugin_shop.log"), "1");
    assert_eq!(
        text(connection, "SELECT current_setting('search_path')"),
        before
    );
}

#[test]
fn code_that_fails_says_so_and_leaves_nothing_in_a_transaction() {
    let database = Database::new();
    let connection = &mut database.connect();
    let report = migrator(true).run(connection, &[]).unwrap();
    insta::assert_snapshot!(report.errors().next().unwrap(), @"failed to run migration 2_code of plugin shop: it was told to; what it did before that stays applied, because it runs without a transaction");
    assert_eq!(history(connection, "plugin_shop"), ["1"]);
    assert_eq!(
        text(
            connection,
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        ),
        "0"
    );
}

fn load_error(files: &[(&str, &str)]) -> String {
    let plugins = Plugins::shop(files);
    plugins.without_path(&Migrator::new(plugins.plugins()).err().unwrap())
}

#[test]
fn versions_that_cannot_be_told_apart_or_kept_are_refused() {
    insta::assert_snapshot!(load_error(&[("2026-01_a/up.sql", "SELECT 1"), ("20-2601_b/up.sql", "SELECT 1")]), @"failed to read the migrations of plugin `shop`: `shop/20-2601_b` and `shop/2026-01_a` have the same version, `202601`, which is what stands before the first `_`, without dashes; rename one of them");
    let long = format!("{}_a/up.sql", "1".repeat(51));
    insta::assert_snapshot!(load_error(&[(&long, "SELECT 1")]), @"failed to read the migrations of plugin `shop`: the version of `shop/111111111111111111111111111111111111111111111111111_a` (what stands before the first `_`, without dashes) has 51 characters, and the history has room for 50; rename it");
    insta::assert_snapshot!(load_error(&[("_a/up.sql", "SELECT 1")]), @"failed to read the migrations of plugin `shop`: `shop/_a` has no version; put one before its first `_`, such as 2026-01-02-030405");
    insta::assert_snapshot!(load_error(&[("1_a/up.sql", " \n")]), @"failed to read the migrations of plugin `shop`: shop/1_a/up.sql is empty; write its SQL, or remove the migration");
}

#[test]
fn plugins_without_an_order_are_refused() {
    let plugins = Plugins::new(&[("a", &["b"]), ("b", &["a"])]);
    assert!(matches!(
        Migrator::new(plugins.plugins()),
        Err(LoadError::Dependencies(_))
    ));
}

#[test]
fn a_plugin_that_is_not_there_is_named() {
    let database = Database::new();
    let connection = &mut database.connect();
    let migrator = Plugins::shop(&[]).migrator();
    insta::assert_snapshot!(migrator.run(connection, &[id("shoes")]).unwrap_err(), @"failed to find plugin `shoes`: there is none with that id; the plugins are shop");
}

#[test]
fn what_cannot_be_reverted_is_refused_before_anything_is() {
    let plugins = Plugins::shop(&[
        ("1_a/up.sql", "SELECT 1"),
        ("2_b/up.sql", "SELECT 1"),
        ("2_b/down.sql", ""),
        ("3_c/up.sql", "SELECT 1"),
        ("3_c/down.sql", "SELECT 1"),
    ]);
    let database = Database::new();
    let connection = &mut database.connect();
    plugins.migrator().run(connection, &[]).unwrap();
    let two = NonZeroUsize::new(2).unwrap();
    insta::assert_snapshot!(plugins.migrator().revert(connection, &id("shop"), two).unwrap_err(), @"failed to revert migration 2_b of plugin shop: it has an empty down.sql; write one, or undo it with a new migration");
    assert_eq!(history(connection, "plugin_shop"), ["1", "2", "3"]);
    std::fs::remove_dir_all(plugins.path().join("shop/3_c")).unwrap();
    insta::assert_snapshot!(plugins.migrator().revert(connection, &id("shop"), ONE).unwrap_err(), @"failed to revert plugin shop: version 3 is applied, but there is no such migration here; bring its folder back, or revert it from the code that has it");
    std::fs::remove_dir_all(plugins.path().join("shop/2_b")).unwrap();
    insta::assert_snapshot!(plugins.migrator().redo(connection, &id("shop")).unwrap_err(), @"failed to revert plugin shop: version 3 is applied, but there is no such migration here; bring its folder back, or revert it from the code that has it");
    assert!(
        plugins
            .migrator()
            .run(connection, &[])
            .unwrap()
            .is_success(),
        "ahead stops nothing"
    );
}
