//! Migrations that PostgreSQL reads in its own way are applied as psql applies them.

use crate::plugin_folders::PluginFolders;
use crate::test_database::{TestDatabase, query_all, query_one};

const CREATE: &str = "CREATE TABLE plugin_shop.seen (value text);";

/// Applies the migration, and returns the values that it has inserted.
fn values(sql: &str, in_transaction: bool) -> Vec<String> {
    let plugins = PluginFolders::shop(&[
        ("1_a/up.sql", &format!("{CREATE}\n{sql}")),
        (
            "1_a/metadata.toml",
            &format!("run_in_transaction = {in_transaction}"),
        ),
    ]);
    let database = TestDatabase::new();
    let connection = &mut database.connect();
    let report = plugins.migrator().run(connection, &[]).unwrap();
    let errors: Vec<_> = report.errors().map(ToString::to_string).collect();
    assert!(report.is_success(), "{sql}: {errors:?}");
    query_all(connection, "SELECT value FROM plugin_shop.seen")
}

#[test]
fn strings_end_where_postgresql_ends_them() {
    for in_transaction in [true, false] {
        assert_eq!(
            values(
                "INSERT INTO plugin_shop.seen VALUES (E'a'\n'it\\'s; ok');;\nINSERT INTO plugin_shop.seen VALUES ('a' -- it's\n ';b')",
                in_transaction
            ),
            ["ait's; ok", "a;b"]
        );
    }
}

#[test]
fn a_script_that_turns_standard_conforming_strings_off_is_read_accordingly() {
    assert_eq!(
        values(
            "SET standard_conforming_strings = off;\nINSERT INTO plugin_shop.seen VALUES ('it\\'s; ok');\n\
             RESET standard_conforming_strings; INSERT INTO plugin_shop.seen VALUES ('\\'); SELECT 1",
            false
        ),
        ["it's; ok", "\\"]
    );
}

#[test]
fn a_body_may_have_a_label_that_is_a_keyword() {
    let is_old = "SELECT current_setting('server_version_num')::int < 140000";
    if query_one(&mut TestDatabase::new().connect(), is_old) == "true" {
        return;
    }
    for in_transaction in [true, false] {
        assert_eq!(
            values(
                "CREATE FUNCTION plugin_shop.f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1 end; END;\n\
                 INSERT INTO plugin_shop.seen SELECT plugin_shop.f()",
                in_transaction
            ),
            ["1"]
        );
    }
}
