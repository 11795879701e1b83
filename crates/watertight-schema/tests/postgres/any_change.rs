//! Migrations between generated schemas.

use std::cell::RefCell;

use diesel::connection::SimpleConnection as _;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use watertight_diagnostics::ErrorReport;
use watertight_schema::{DatabaseTables, GeneratedMigration, RenameAnswers, Schema};

use crate::scratch::{SCHEMA, Scratch};

/// Types that PostgreSQL converts into each other. `#20` is a `#[max_length]`.
const TYPES: [&str; 6] = [
    "Int4",
    "Int8",
    "Numeric",
    "Text",
    "#20 Varchar",
    "#30 Varchar",
];

#[derive(Clone, Debug)]
struct AnyColumn {
    sql_type: usize,
    nullable: bool,
    is_documented: bool,
}

/// A table with some of the columns `c0` to `c4`, the first one or two of which are its primary key.
#[derive(Clone, Debug)]
struct AnyTable {
    columns: Vec<Option<AnyColumn>>,
    key_columns: usize,
    is_documented: bool,
    /// The table that the last column references, if their types match.
    parent: usize,
}

fn any_table() -> impl Strategy<Value = AnyTable> {
    let column = (0..TYPES.len(), any::<bool>(), any::<bool>());
    let column = column.prop_map(|(sql_type, nullable, is_documented)| AnyColumn {
        sql_type,
        nullable,
        is_documented,
    });
    let columns = prop::collection::vec(prop::option::weighted(0.7, column), 5);
    (columns, 1..3_usize, any::<bool>(), 0..4_usize)
        .prop_map(|(columns, key_columns, is_documented, parent)| AnyTable {
            columns,
            key_columns,
            is_documented,
            parent,
        })
        .prop_filter("no column", |table| {
            table.columns.iter().any(Option::is_some)
        })
}

fn any_schema() -> impl Strategy<Value = Vec<Option<AnyTable>>> {
    prop::collection::vec(prop::option::weighted(0.8, any_table()), 4)
}

fn comment(is_documented: bool) -> &'static str {
    if is_documented {
        "/// It's documented.\n"
    } else {
        ""
    }
}

fn columns(table: &AnyTable) -> Vec<(usize, &AnyColumn)> {
    let columns = table.columns.iter().enumerate();
    columns
        .filter_map(|(number, column)| Some((number, column.as_ref()?)))
        .collect()
}

fn schema_rs(tables: &[Option<AnyTable>]) -> String {
    let mut source = String::new();
    for (number, table) in tables.iter().enumerate() {
        let Some(table) = table else { continue };
        let columns = columns(table);
        let key = table.key_columns.min(columns.len());
        let names: Vec<_> = columns
            .iter()
            .map(|(number, _)| format!("c{number}"))
            .collect();
        let lines: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(index, (_, column))| {
                let sql_type = TYPES[column.sql_type];
                let (length, sql_type) = match sql_type.split_once(' ') {
                    Some((length, sql_type)) => {
                        (format!("#[max_length = {}]\n", &length[1..]), sql_type)
                    }
                    None => (String::new(), sql_type),
                };
                let sql_type = if column.nullable && index >= key {
                    format!("Nullable<{sql_type}>")
                } else {
                    sql_type.to_owned()
                };
                format!(
                    "{}{length}{} -> {sql_type},",
                    comment(column.is_documented),
                    names[index]
                )
            })
            .collect();
        let (documentation, key) = (comment(table.is_documented), names[..key].join(", "));
        let lines = lines.join("\n");
        source += &[
            "diesel::table! { ",
            documentation,
            &format!("{SCHEMA}.t{number} ({key}) {{ {lines} }} }}\n"),
        ]
        .concat();
        source.push_str(&join(tables, number, table).unwrap_or_default());
    }
    source
}

/// Returns the `joinable!` of the table's last column and the primary key of its parent, if both have the same type.
fn join(tables: &[Option<AnyTable>], number: usize, table: &AnyTable) -> Option<String> {
    let parent = tables[table.parent]
        .as_ref()
        .filter(|_| table.parent != number)?;
    // `joinable!` cannot express references in both directions.
    if tables[table.parent]
        .as_ref()
        .is_some_and(|parent| parent.parent == number)
    {
        return None;
    }
    let (column_number, column) = *columns(table).last()?;
    let (_, key) = *columns(parent).first()?;
    let is_single = parent.key_columns.min(columns(parent).len()) == 1;
    (is_single && column.sql_type == key.sql_type).then(|| {
        format!(
            "diesel::joinable!(t{number} -> t{} (c{column_number}));\n",
            table.parent
        )
    })
}

/// Returns the answers that drop everything that is removed.
fn drop_all(before: &Schema, after: &Schema) -> RenameAnswers {
    let mut answers = RenameAnswers::default();
    for table in &before.tables {
        match after.table(&table.name) {
            None => answers.dropped.push(table.name.clone()),
            Some(new) => {
                let removed = table
                    .columns
                    .iter()
                    .filter(|column| new.column(&column.name).is_none());
                answers
                    .dropped
                    .extend(removed.map(|column| format!("{}.{}", table.name, column.name)));
            }
        }
    }
    answers
}

#[test]
fn migrations_are_generated_between_any_two_schemas() {
    check(8);
}

#[test]
#[ignore = "slow; CI runs it"]
fn migrations_are_generated_between_any_two_schemas_in_many_cases() {
    check(40);
}

fn check(cases: u32) {
    let scratch = RefCell::new(Scratch::new(""));
    let mut runner = TestRunner::new(Config::with_cases(cases));
    let checked = runner.run(&(any_schema(), any_schema()), |(one, other)| {
        let connection = &mut scratch.borrow_mut().connection;
        let clean = format!("DROP SCHEMA {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}");
        connection.batch_execute(&clean).unwrap();
        for tables in [&one, &other, &one] {
            let schema_rs = schema_rs(tables);
            let wanted = Schema::from_rust(&schema_rs, SCHEMA, "schema.rs").map_err(|error| {
                TestCaseError::fail(format!("{}\n{schema_rs}", ErrorReport::new(&error)))
            })?;
            let before = DatabaseTables::read(connection, SCHEMA).unwrap().schema;
            let answers = drop_all(&before, &wanted);
            match GeneratedMigration::generate(connection, &wanted, &answers) {
                Ok(Some(migration)) => connection.batch_execute(&migration.up).unwrap(),
                Ok(None) => {}
                Err(error) => {
                    return Err(TestCaseError::fail(format!(
                        "{}\n--- from\n{}\n--- to\n{schema_rs}",
                        ErrorReport::new(&error),
                        before.to_rust()
                    )));
                }
            }
        }
        Ok(())
    });
    checked.unwrap();
}
