//! Names and comments are data, whatever they say.

use std::cell::RefCell;

use diesel::connection::SimpleConnection as _;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use watertight_schema::{Answers, Migration, Schema};

use crate::scratch::{SCHEMA, Scratch};

/// Text that tries to end what it stands in, in SQL and in Rust, and any other.
fn text() -> impl Strategy<Value = String> {
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

/// PostgreSQL cuts names at 63 bytes. Names that begin with two underscores are hidden, and those of types with one are
/// taken for arrays.
fn name() -> impl Strategy<Value = String> {
    text()
        .prop_map(|text| text[..text.floor_char_boundary(60)].to_owned())
        .prop_filter("hidden", |name| !name.starts_with('_'))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[test]
fn no_name_and_no_comment_becomes_rust_or_sql_of_its_own() {
    let scratch = RefCell::new(Scratch::new(""));
    let mut runner = TestRunner::new(Config::with_cases(60));
    let names = (name(), name(), name(), name(), text());
    let checked = runner.run(&names, |(table, column, other, enumeration, comment)| {
        let scratch = &mut *scratch.borrow_mut();
        prop_assume!(column != other && column != "id" && other != "id" && table != enumeration);
        let sql = format!(
            "DROP SCHEMA {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA};
            CREATE TYPE {SCHEMA}.{enumeration} AS ENUM ('a');
            CREATE TABLE {SCHEMA}.{table} (id int PRIMARY KEY, {column} {SCHEMA}.{enumeration}, {other} text[] NOT NULL);
            COMMENT ON TABLE {SCHEMA}.{table} IS E'{}';",
            comment.replace('\\', "\\\\").replace('\'', "\\'"),
            table = quoted(&table),
            column = quoted(&column),
            other = quoted(&other),
            enumeration = quoted(&enumeration),
        );
        scratch.connection.batch_execute(&sql).unwrap();
        let made = scratch.catalog();
        let tables = scratch.tables();
        let text = tables.schema.to_rust();

        // What is read says the same.
        let read = Schema::from_rust(&text, SCHEMA, "schema.rs")
            .map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert!(tables.have_all_of(&read), "{text}");
        prop_assert_eq!(&read.tables[0].name, &table);
        let names: Vec<_> = read.tables[0].columns.iter().map(|column| &column.name).collect();
        prop_assert_eq!(names, ["id", &column, &other]);
        // And nothing else: one module, with at most the types, and the table.
        let file = syn_of_diesel::parse_file(&text).unwrap();
        let [syn_of_diesel::Item::Mod(module)] = file.items.as_slice() else {
            return Err(TestCaseError::fail(text));
        };
        prop_assert!(module.content.as_ref().unwrap().1.len() <= 2, "{text}");

        // The migration that drops it, and back, and the one that makes it from schema.rs.
        let gone = Schema { name: SCHEMA.to_owned(), ..Schema::default() };
        for wanted in [&gone, &read] {
            let migration = Migration::write(&mut scratch.connection, wanted, &Answers::default());
            let migration = migration.map_err(|error| TestCaseError::fail(error.to_string()))?;
            scratch.connection.batch_execute(&migration.unwrap().up).unwrap();
        }
        let left: Vec<_> = made.differences(&scratch.catalog()).iter().map(ToString::to_string).collect();
        // What the comment was, its documentation cannot say to the letter; a key gets its identity.
        let is_expected = |difference: &String| {
            difference.starts_with("comment on table ") || difference.contains(".id was `integer NOT NULL`")
        };
        prop_assert!(left.iter().all(is_expected), "{left:?}");
        Ok(())
    });
    checked.unwrap();
}
