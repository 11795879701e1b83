//! Names and comments that try to inject SQL or Rust.

use std::cell::RefCell;

use diesel::connection::SimpleConnection as _;
use postgres_protocol::escape::escape_identifier;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use watertight_diagnostics::ErrorReport;
use watertight_schema::{GeneratedMigration, RenameAnswers, Schema};

use crate::scratch::{SCHEMA, Scratch};

/// Returns strings that try to end the literal, the name or the comment that they are in, in SQL and in Rust.
fn hostile_string() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(vec![
        "\"",
        "'",
        "\\",
        ";",
        "--",
        "/*",
        "*/",
        "//",
        "\n",
        "\r",
        "\r\n",
        "{",
        "}",
        "(",
        ")",
        "]",
        "#",
        "r#\"",
        "\"#",
        "!",
        "$$",
        "$a$",
        "`",
        "\u{202e}",
        "\u{2066}",
        "\u{feff}",
        "ä",
        "😀",
        " ",
        "\t",
        "; DROP TABLE x; --",
        "} } fn main() {}",
        "self",
        "type",
        "1",
        "_",
        "\u{b}",
        "\u{85}",
        "\u{2028}",
        "%",
        "\\n",
        "\\u{22}",
    ]);
    let parts = prop::collection::vec(
        prop_oneof![3 => hostile.prop_map(str::to_owned), 1 => "[a-zA-Z0-9_]{1,6}"],
        1..7,
    );
    parts.prop_map(|parts| parts.concat())
}

/// PostgreSQL truncates names at 63 bytes. Tables whose names begin with two underscores are hidden, and types whose names
/// begin with one are taken for arrays.
fn name() -> impl Strategy<Value = String> {
    hostile_string()
        .prop_map(|name| name[..name.floor_char_boundary(60)].to_owned())
        .prop_filter("hidden", |name| !name.starts_with('_'))
}

#[test]
fn names_and_comments_cannot_inject_rust_or_sql() {
    check(10);
}

#[test]
#[ignore = "slow; CI runs it"]
fn names_and_comments_cannot_inject_rust_or_sql_in_many_cases() {
    check(60);
}

fn check(cases: u32) {
    let scratch = RefCell::new(Scratch::new(""));
    let mut runner = TestRunner::new(Config::with_cases(cases));
    let names = (name(), name(), name(), name(), hostile_string());
    let checked = runner.run(&names, |(table, column, other, enumeration, comment)| {
        let scratch = &mut *scratch.borrow_mut();
        prop_assume!(column != other && column != "id" && other != "id" && table != enumeration);
        let sql = format!(
            "DROP SCHEMA {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA};
            CREATE TYPE {SCHEMA}.{enumeration} AS ENUM ('a');
            CREATE TABLE {SCHEMA}.{table} (id int PRIMARY KEY, {column} {SCHEMA}.{enumeration}, {other} text[] NOT NULL);
            COMMENT ON TABLE {SCHEMA}.{table} IS E'{}';",
            comment.replace('\\', "\\\\").replace('\'', "\\'"),
            table = escape_identifier(&table),
            column = escape_identifier(&column),
            other = escape_identifier(&other),
            enumeration = escape_identifier(&enumeration),
        );
        scratch.connection.batch_execute(&sql).unwrap();
        let original = scratch.catalog();
        let tables = scratch.tables();
        let source = tables.schema.to_rust();

        // The source is parsed to the same schema.
        let read = Schema::from_rust(&source, SCHEMA, "schema.rs")
            .map_err(|error| TestCaseError::fail(format!("{}\n{source}", ErrorReport::new(&error))))?;
        prop_assert!(tables.contain(&read), "{source}");
        prop_assert_eq!(&read.tables[0].name, &table);
        let names: Vec<_> = read.tables[0].columns.iter().map(|column| &column.name).collect();
        prop_assert_eq!(names, ["id", &column, &other]);
        // It has one module, with nothing but the table and the module of its types.
        let file = syn_of_diesel::parse_file(&source).unwrap();
        let [syn_of_diesel::Item::Mod(module)] = file.items.as_slice() else {
            return Err(TestCaseError::fail(source));
        };
        prop_assert!(module.content.as_ref().unwrap().1.len() <= 2, "{source}");

        // Migrations that drop everything and create it again can be generated.
        let empty = Schema { name: SCHEMA.to_owned(), ..Schema::default() };
        for wanted in [&empty, &read] {
            let migration = GeneratedMigration::generate(&mut scratch.connection, wanted, &RenameAnswers::default());
            let migration = migration.map_err(|error| TestCaseError::fail(ErrorReport::new(&error).to_string()))?;
            scratch.connection.batch_execute(&migration.unwrap().up).unwrap();
        }
        let left: Vec<_> = original.differences(&scratch.catalog()).iter().map(ToString::to_string).collect();
        // A doc comment does not keep all white space, and the new primary key is an identity column.
        let is_expected = |difference: &String| {
            difference.starts_with("comment on table ") || difference.contains(".id was `integer NOT NULL`")
        };
        prop_assert!(left.iter().all(is_expected), "{left:?}");
        Ok(())
    });
    checked.unwrap();
}
