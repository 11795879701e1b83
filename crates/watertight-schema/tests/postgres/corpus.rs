//! Schemas of every kind, in `tests/corpus/`.

use std::fs;
use std::path::Path;

use watertight_schema::Answers;

use crate::scratch::Scratch;

/// A schema of the corpus, made in a database of its own.
pub struct Sample {
    pub name: String,
    pub scratch: Scratch,
}

/// All of them, one after the other.
pub fn samples() -> impl Iterator<Item = Sample> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let files = fs::read_dir(corpus).unwrap();
    let mut files: Vec<_> = files.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 10);
    files.into_iter().map(|file| {
        let sql = fs::read_to_string(&file).unwrap();
        let extensions =
            "CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION hstore SCHEMA public;";
        Sample {
            name: file.file_stem().unwrap().to_str().unwrap().to_owned(),
            scratch: Scratch::new(&format!("{extensions} {sql}")),
        }
    })
}

#[test]
fn what_is_printed_needs_no_migration() {
    for Sample { name, mut scratch } in samples() {
        let schema_rs = scratch.tables().schema.to_rust();
        let migration = scratch.migration(&schema_rs, &Answers::default());
        let migration = migration.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(migration.is_none(), "{name}: {migration:?}");
    }
}

#[test]
fn every_type_that_diesel_maps_can_be_made_from_schema_rs() {
    for Sample { name, mut scratch } in samples() {
        if ![
            "types",
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
        // With the types of its own, which schema.rs cannot make, and those of extensions.
        let mut empty = Scratch::new(
            "CREATE EXTENSION citext SCHEMA public; CREATE EXTENSION hstore SCHEMA public; CREATE TYPE mood AS ENUM ('good', 'bad')",
        );
        let migration = empty.migration(&schema_rs, &Answers::default());
        let migration = migration.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(migration.is_some(), "{name}");
    }
}
