//! The schemas in `tests/corpus/`.

use std::fs;
use std::path::Path;

use watertight_diagnostics::ErrorReport;
use watertight_schema::RenameAnswers;

use crate::scratch::Scratch;

/// A schema of the corpus in a database.
pub struct Sample {
    pub name: String,
    pub scratch: Scratch,
}

/// Returns all schemas for the server's version, one at a time.
pub fn samples() -> impl Iterator<Item = Sample> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = fs::read_dir(corpus).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 10);
    let version = Scratch::new("").major_version();
    files.into_iter().filter_map(move |file| {
        let sql = fs::read_to_string(&file).unwrap();
        if needed_version(&sql) > version {
            eprintln!("skipped: {} on PostgreSQL {version}", file.display());
            return None;
        }
        let extensions =
            "CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION hstore SCHEMA public;";
        Some(Sample {
            name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
            scratch: Scratch::new(&format!("{extensions} {sql}")),
        })
    })
}

/// Returns the version that the first line of a schema asks for.
fn needed_version(sql: &str) -> u32 {
    let version = sql.strip_prefix("-- Needs PostgreSQL ");
    version.map_or(0, |rest| rest.split('.').next().unwrap().parse().unwrap())
}

#[test]
fn a_printed_schema_needs_no_migration() {
    for Sample { name, mut scratch } in samples() {
        let schema_rs = scratch.tables().schema.to_rust();
        let migration = scratch.generate(&schema_rs, &RenameAnswers::default());
        let migration =
            migration.unwrap_or_else(|error| panic!("{name}: {}", ErrorReport::new(&error)));
        assert!(migration.is_none(), "{name}: {migration:?}");
    }
}

#[test]
fn columns_of_every_type_of_diesel_can_be_generated() {
    for Sample { name, mut scratch } in samples() {
        if ![
            "types",
            "multiranges",
            "arrays",
            "keys",
            "one_table",
            "many_tables",
            "comments",
        ]
        .contains(&name.as_str())
        {
            continue;
        }
        let schema_rs = scratch.tables().schema.to_rust();
        // A migration cannot be generated for custom types and extensions.
        let mut empty = Scratch::new(
            "CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION hstore SCHEMA public; CREATE TYPE mood AS ENUM ('good', 'bad')",
        );
        let migration = empty.generate(&schema_rs, &RenameAnswers::default());
        let migration =
            migration.unwrap_or_else(|error| panic!("{name}: {}", ErrorReport::new(&error)));
        assert!(migration.is_some(), "{name}");
    }
}
