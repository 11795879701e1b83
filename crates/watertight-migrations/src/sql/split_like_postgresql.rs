//! Compares how a script is split with how PostgreSQL splits it.

use std::cell::RefCell;
use std::env;
use std::fs;
use std::path::Path;

use diesel::connection::SimpleConnection;
use diesel::sql_types::Integer;
use diesel::{QueryableByName, RunQueryDsl, sql_query};
use proptest::prop_assert_eq;
use proptest::test_runner::{Config, TestRunner};
use watertight_connection::Connection;
use watertight_embedded::EmbeddedServer;

use super::split::split;
use super::strings::Strings;

/// Asks a server how it reads statements, without running them.
///
/// In a transaction that has failed, PostgreSQL parses what it gets and then refuses it. Its extended protocol takes one
/// statement at a time, and has an error of its own for more.
struct Parser {
    connection: Connection,
    version: i32,
    _server: EmbeddedServer,
    _folder: tempfile::TempDir,
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct Version {
    #[diesel(sql_type = Integer)]
    version: i32,
}

impl Parser {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let server = EmbeddedServer::acquire(folder.path()).unwrap();
        let mut connection = server.url().connect().unwrap();
        let version = sql_query(
            "SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS version",
        )
        .get_result::<Version>(&mut connection)
        .unwrap();
        let mut parser = Self {
            connection,
            version: version.version,
            _server: server,
            _folder: folder,
        };
        parser.fail_transaction();
        parser
    }

    fn fail_transaction(&mut self) {
        self.connection
            .batch_execute("BEGIN; SELECT 1 / 0")
            .unwrap_err();
    }

    /// Returns why `sql` is not exactly one statement.
    fn not_one_statement(&mut self, sql: &str) -> Option<String> {
        let message = match sql_query(sql).execute(&mut self.connection) {
            Ok(_) => "it ends the transaction".to_owned(),
            Err(error) => error.to_string(),
        };
        if message.contains("current transaction is aborted") {
            return None;
        }
        // One that ends a transaction is run.
        let _ = self.connection.batch_execute("ROLLBACK");
        self.fail_transaction();
        let is_one = [
            "it ends the transaction",
            "savepoint \"",
            // Refused with `standard_conforming_strings` off, whatever else is in the statement.
            "unsafe use of string constant with Unicode escapes",
        ]
        .iter()
        .any(|one| message.contains(one));
        let is_newer_syntax = self.version < 15 && !message.contains("multiple commands");
        (!is_one && !is_newer_syntax).then_some(message)
    }

    fn read_strings(&mut self, strings: Strings) {
        let value = match strings {
            Strings::Standard => "on",
            Strings::Escaped => "off",
        };
        self.connection
            .batch_execute(&format!(
                "ROLLBACK; SET standard_conforming_strings = {value}"
            ))
            .unwrap();
        self.fail_transaction();
    }

    /// Returns the statements that PostgreSQL does not read as exactly one. If it reads each as one, it reads as many
    /// in the script as there are, because what ends one ends it also in the script.
    fn misread(&mut self, sql: &str, strings: Strings) -> Vec<String> {
        self.read_strings(strings);
        let mut misread = Vec::new();
        for statement in split(sql, strings).unwrap() {
            let statement = &sql[statement.range];
            if let Some(reason) = self.not_one_statement(statement) {
                misread.push(format!("{reason}: {statement}"));
            }
            if statement.contains("standard_conforming_strings") {
                self.connection.batch_execute("ROLLBACK").unwrap();
                self.connection.batch_execute(statement).unwrap();
                self.fail_transaction();
            }
        }
        misread
    }
}

/// SQL that PostgreSQL accepts, with what ends a statement in all the tokens where it does not.
mod generated {
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::Strings;

    fn space() -> impl Strategy<Value = &'static str> {
        select(vec![
            " ",
            "\n",
            "\t\r\n",
            "\x0c",
            " -- it's; $$ /*\n",
            "/* ; ' /* \" */ $$ */",
            " --\r",
        ])
    }

    fn literal(strings: Strings) -> impl Strategy<Value = &'static str> {
        let mut literals = vec![
            "'a'",
            "''",
            "'it''s;'",
            "E'it\\'s; '",
            "e'\\\\'",
            "E'a'\n'it\\'s;'",
            "'a' -- it's;\n\r '--b;'",
            "B'01'",
            "x'1F'\n'0A'",
            "N'x;'",
            "$$;'\"\\$$",
            "$a$ $$;$b$; $a $a$",
            "$a1$;-- $a1$",
            "1.5e-3",
            ".5",
            "10",
        ];
        literals.extend(match strings {
            Strings::Standard => [
                "'it''s; \\'",
                "'\\'",
                "N'\\'",
                "U&'\\0061;'",
                "U&'d!0061;' UESCAPE '!'",
            ],
            // PostgreSQL refuses `U&'…'`.
            Strings::Escaped => [
                "'it\\'s; '''",
                "'\\\\'",
                "N'\\';'",
                "'a'\n'it\\'s;'",
                "'\\'' -- it\\'s\n ';\\';'",
            ],
        });
        select(literals)
    }

    fn name() -> impl Strategy<Value = &'static str> {
        select(vec![
            "\"a;\"\"b\"",
            "U&\"\\0061;'\"",
            "a$b$c",
            "é",
            "_e",
            "\"end\"",
            "\"--\"",
            "begin",
            "atomic",
        ])
    }

    fn expression(strings: Strings) -> impl Strategy<Value = String> {
        let leaf = literal(strings).prop_map(ToOwned::to_owned);
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                (space(), inner.clone(), space())
                    .prop_map(|(a, value, b)| format!("({a}{value}{b})")),
                (inner.clone(), inner.clone(), space()).prop_map(|(a, b, space)| format!(
                    "CASE{space} WHEN true THEN {a}{space} ELSE {b}{space} END"
                )),
                (inner.clone(), space(), inner.clone())
                    .prop_map(|(a, space, b)| format!("{a} ||{space}{b}")),
                (inner.clone(), inner, space())
                    .prop_map(|(a, b, space)| format!("ARRAY[{a},{space}{b}]")),
            ]
        })
    }

    fn query(strings: Strings) -> impl Strategy<Value = String> {
        let label = prop_oneof![
            Just(String::new()),
            Just("end".to_owned()),
            Just("case".to_owned()),
            name().prop_map(|name| format!("AS {name}")),
            Just("AS end".to_owned()),
        ];
        (space(), expression(strings), space(), label)
            .prop_map(|(a, value, b, label)| format!("SELECT{a} ({value}){b} {label}"))
    }

    fn body(strings: Strings) -> impl Strategy<Value = String> {
        let statement = prop_oneof![
            4 => query(strings),
            1 => Just(String::new()),
            1 => (name(), expression(strings)).prop_map(|(name, value)| format!("UPDATE t SET {name} = {value}")),
        ];
        (prop::collection::vec((statement, space()), 0..4), space()).prop_map(
            |(statements, space)| {
                let mut body = format!("BEGIN{space} ATOMIC{space} ");
                for (statement, space) in statements {
                    body.extend([space, statement.as_str(), space, ";"]);
                }
                body + space + " END"
            },
        )
    }

    fn routine(strings: Strings) -> impl Strategy<Value = String> {
        let head = select(vec![
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql",
            "create or replace procedure begin(atomic int)",
            "CREATE OR REPLACE FUNCTION \"f;\"(a int DEFAULT (CASE WHEN true THEN 1 END)) RETURNS begin",
        ]);
        (head, space(), body(strings))
            .prop_map(|(head, space, body)| format!("{head}{space} {body}"))
    }

    fn statement(strings: Strings) -> impl Strategy<Value = String> {
        prop_oneof![
            query(strings),
            routine(strings),
            (query(strings), query(strings), space()).prop_map(|(a, b, space)| format!(
                "CREATE RULE r AS ON INSERT TO t DO ALSO ({a};{space};{b};)"
            )),
            name().prop_map(|name| format!(
                "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $body$ BEGIN ATOMIC; {name} $body$"
            )),
            Just("DO $$ BEGIN PERFORM 1; END $$".to_owned()),
            Just("SAVEPOINT a".to_owned()),
            Just("BEGIN".to_owned()),
        ]
    }

    /// Returns a script, and the number of statements in it.
    pub(super) fn script(strings: Strings) -> impl Strategy<Value = (String, usize)> {
        let between = (space(), select(vec![";", ";;", "; ;"]), space())
            .prop_map(|(a, semicolons, b)| format!("{a}{semicolons}{b}"));
        (
            space(),
            prop::collection::vec((statement(strings), between), 1..8),
        )
            .prop_map(|(space, statements)| {
                let count = statements.len();
                let statements: String = statements
                    .into_iter()
                    .map(|(statement, between)| statement + &between)
                    .collect();
                (format!("{space};{statements}"), count)
            })
    }
}

#[test]
fn a_script_has_as_many_statements_as_postgresql_finds_in_it() {
    let mut parser = Parser::start();

    // The hardest of PostgreSQL 15's own tests, without what it refuses and what only psql reads.
    let package = env::var("CARGO_MANIFEST_DIR").unwrap();
    let folder = Path::new(&package).join("tests/postgresql-regression");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "sql") {
            let sql = fs::read_to_string(&path).unwrap();
            let misread = parser.misread(&sql, Strings::Standard);
            assert_eq!(misread, [""; 0], "{}", path.display());
        }
    }

    let parser = RefCell::new(parser);
    for (strings, cases) in [(Strings::Standard, 200), (Strings::Escaped, 100)] {
        let config = Config {
            cases,
            failure_persistence: None,
            ..Config::default()
        };
        TestRunner::new(config)
            .run(&generated::script(strings), |(sql, count)| {
                prop_assert_eq!(split(&sql, strings).unwrap().len(), count);
                let misread = parser.borrow_mut().misread(&sql, strings);
                prop_assert_eq!(misread, [""; 0]);
                Ok(())
            })
            .unwrap();
    }

    let sql = r"INSERT INTO t VALUES ('it\'s; ok' -- '
        '\';', n'\'', E'\'', U&'\', B'01', $$\$$); SET standard_conforming_strings = on; SELECT '\'; SELECT 2";
    assert_eq!(parser.borrow_mut().misread(sql, Strings::Escaped), [""; 0]);
}
