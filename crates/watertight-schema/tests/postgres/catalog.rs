use diesel::connection::SimpleConnection as _;

use crate::scratch::Scratch;

/// Returns how a database differs after some SQL.
fn differences(before: &str, sql: &str) -> Vec<String> {
    let mut scratch = Scratch::new(before);
    let catalog = scratch.catalog();
    let sql = format!("SET search_path TO plugin_shop, public; {sql}; RESET search_path");
    scratch.connection.batch_execute(&sql).unwrap();
    let differences = catalog.differences(&scratch.catalog());
    differences.iter().map(ToString::to_string).collect()
}

/// Pairs of SQL and the difference that it makes.
const CASES: &[(&str, &str)] = &[
    (
        "CREATE TABLE t (id int)",
        "table plugin_shop.t is left over",
    ),
    (
        "CREATE TABLE public.t (id int)",
        "table public.t is left over",
    ),
    (
        "CREATE VIEW v AS SELECT 1 AS one",
        "view plugin_shop.v is left over",
    ),
    (
        "CREATE MATERIALIZED VIEW v AS SELECT 1 AS one",
        "materialized view plugin_shop.v is left over",
    ),
    (
        "CREATE TYPE mood AS ENUM ('a')",
        "type plugin_shop.mood is left over",
    ),
    (
        "CREATE TYPE pair AS (a int)",
        "type plugin_shop.pair is left over",
    ),
    ("CREATE DOMAIN d AS int", "type plugin_shop.d is left over"),
    (
        "CREATE FUNCTION f(x int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "function plugin_shop.f(x integer) is left over",
    ),
    (
        "CREATE PROCEDURE p() LANGUAGE sql AS 'SELECT 1'",
        "procedure plugin_shop.p() is left over",
    ),
    (
        "CREATE AGGREGATE a(int) (sfunc = int4pl, stype = int)",
        "aggregate plugin_shop.a(integer) is left over",
    ),
    ("CREATE SEQUENCE s", "sequence plugin_shop.s is left over"),
    ("CREATE SCHEMA other", "schema other is left over"),
    ("CREATE EXTENSION pg_trgm", "extension pg_trgm is left over"),
    (
        "CREATE INDEX i ON base (n)",
        "index i on plugin_shop.base is left over",
    ),
    (
        "ALTER TABLE base ADD CHECK (n > 0)",
        "constraint base_n_check on plugin_shop.base is left over",
    ),
    (
        "ALTER TABLE base ADD COLUMN c int",
        "column plugin_shop.base.c is left over",
    ),
    (
        "ALTER TABLE base DROP COLUMN n",
        "column plugin_shop.base.n is missing",
    ),
    (
        "ALTER TABLE base ALTER n SET DEFAULT 1",
        "column plugin_shop.base.n was `integer` and is `integer DEFAULT 1`",
    ),
    (
        "ALTER TABLE base ENABLE ROW LEVEL SECURITY",
        "table plugin_shop.base was ordinary and is `ROW LEVEL SECURITY`",
    ),
    (
        "CREATE POLICY p ON base",
        "policy p on plugin_shop.base is left over",
    ),
    (
        "CREATE RULE r AS ON DELETE TO base DO INSTEAD NOTHING",
        "rule r on plugin_shop.base is left over",
    ),
    (
        "CREATE TRIGGER t BEFORE UPDATE ON base FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "trigger t on plugin_shop.base is left over",
    ),
    (
        "COMMENT ON TABLE base IS 'x'",
        "comment on table plugin_shop.base is left over",
    ),
    (
        "CREATE STATISTICS st ON n, id FROM base",
        "statistics plugin_shop.st is left over",
    ),
    (
        "CREATE COLLATION co FROM \"C\"",
        "collation plugin_shop.co is left over",
    ),
    (
        "CREATE OPERATOR === (leftarg = int, rightarg = int, function = int4eq)",
        "operator plugin_shop.===(integer,integer) is left over",
    ),
    (
        "ALTER DEFAULT PRIVILEGES IN SCHEMA plugin_shop GRANT SELECT ON TABLES TO PUBLIC",
        "default acl for role",
    ),
];

#[test]
fn every_kind_of_object_is_found_by_name() {
    for (sql, expected) in CASES {
        let found = differences("CREATE TABLE base (id int PRIMARY KEY, n int)", sql);
        assert!(
            found
                .iter()
                .any(|difference| difference.starts_with(expected)),
            "{sql}: {found:?}"
        );
    }
}

#[test]
fn rows_dropped_objects_and_the_order_of_columns_are_no_difference() {
    let before = "CREATE TABLE base (id int PRIMARY KEY, n int, last int)";
    for sql in [
        "INSERT INTO base VALUES (1, 2)",
        "CREATE TABLE t (id serial); DROP TABLE t",
        "CREATE EXTENSION pg_trgm; DROP EXTENSION pg_trgm",
        // It is added again as the last column.
        "ALTER TABLE base DROP COLUMN n; ALTER TABLE base ADD COLUMN n int",
    ] {
        assert_eq!(differences(before, sql), Vec::<String>::new(), "{sql}");
    }
}
