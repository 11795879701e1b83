//! What is said when a migration fails, and that nothing is left behind.

use crate::plugins::Plugins;
use crate::server::Database;

/// The error of a plugin `shop` whose only migration is this SQL, and the connection afterwards.
fn error(sql: &str) -> String {
    let plugins = Plugins::shop(&[("1_a/up.sql", sql)]);
    let report = plugins
        .migrator()
        .run(&mut Database::new().connect(), &[])
        .unwrap();
    plugins.error(&report)
}

#[test]
fn an_error_with_a_position_shows_the_column() {
    insta::assert_snapshot!(error("CREATE TABLE plugin_shop.t (a int);\n\nSELECT a,\n  ü.price FROM plugin_shop.t AS ü;\n"), @"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:4:3
      |
    4 |   ü.price FROM plugin_shop.t AS ü;
      |   ^
    ERROR: column ü.price does not exist
    nothing of this migration was applied; mend the SQL and run it again
    ");
}

#[test]
fn an_error_without_a_position_shows_the_statement() {
    insta::assert_snapshot!(error("SELECT 1;\n-- twice\nCREATE TABLE plugin_shop.t (a int); CREATE TABLE plugin_shop.t (b int);\n"), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:3
      |
    3 | CREATE TABLE plugin_shop.t (a int); CREATE TABLE plugin_shop.t (b int);
      |
    ERROR: relation "t" already exists
    nothing of this migration was applied; mend the SQL and run it again
    "#);
}

#[test]
fn a_position_inside_a_body_is_not_believed() {
    insta::assert_snapshot!(error("SELECT 1;\n\nDO $$\nBEGIN\n  PERFORM 1;\n  PERFORM nothing FROM pg_class;\nEND $$;\n"), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql:3
      |
    3 | DO $$
      |
    ERROR: column "nothing" does not exist
    nothing of this migration was applied; mend the SQL and run it again
    "#);
}

#[test]
fn a_deferred_constraint_fails_at_the_end() {
    insta::assert_snapshot!(error(
        "CREATE TABLE plugin_shop.a (id int PRIMARY KEY);
CREATE TABLE plugin_shop.b (id int REFERENCES plugin_shop.a DEFERRABLE INITIALLY DEFERRED);
INSERT INTO plugin_shop.b VALUES (1);"), @r#"
    failed to run migration 1_a of plugin shop
     --> shop/1_a/up.sql
    no statement failed, but a deferred constraint at the end
    ERROR: insert or update on table "b" violates foreign key constraint "b_id_fkey"
    DETAIL: Key (id)=(1) is not present in table "a".
    nothing of this migration was applied; mend the SQL and run it again
    "#);
}

#[test]
fn transaction_control_is_refused_with_its_line() {
    insta::assert_snapshot!(error("SELECT 1;\n  COMMIT;\n"), @"
    failed to run migration 1_a of plugin shop: `COMMIT` would end the transaction that the migration and its history row share; remove it, or set `run_in_transaction = false` in the migration's metadata.toml
     --> shop/1_a/up.sql:2:3
      |
    2 |   COMMIT;
      |   ^
    nothing of this migration was sent
    ");
}
