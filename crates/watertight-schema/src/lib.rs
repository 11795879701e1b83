//! Reads and writes Diesel's `schema.rs`, and generates migrations from it.
//!
//! - [`Schema::from_rust`] parses a `schema.rs`, and [`Schema::to_rust`] prints one.
//! - [`DatabaseTables::read`] reads the tables of a database as a [`Schema`].
//! - [`GeneratedMigration::generate`] compares both and writes the `up.sql` and `down.sql` that change the database to
//!   match `schema.rs`.
//! - [`Catalog`] is a snapshot of all objects of a database, to find what a migration leaves behind.
//!
//! ```
//! use watertight_schema::Schema;
//!
//! let source = "diesel::table! { plugin_shop.items (id) { id -> Uuid, name -> Nullable<Text>, } }";
//! let schema = Schema::from_rust(source, "plugin_shop", "src/schema.rs")?;
//! assert_eq!(schema.tables[0].primary_key, ["id"]);
//! assert!(schema.tables[0].columns[1].nullable);
//!
//! let wrong = Schema::from_rust("table! { items { id -> Uuid, } }", "plugin_shop", "src/schema.rs");
//! assert_eq!(
//!     wrong.unwrap_err().to_string(),
//!     "failed to parse src/schema.rs: table `items` is in the schema `public`, but this plugin owns `plugin_shop`"
//! );
//! # Ok::<(), watertight_schema::ParseError>(())
//! ```
//!
//! Any Diesel connection to PostgreSQL will do.

mod database;
mod diesel_type;
mod diff;
mod doc_comment;
mod migration;
mod model;
mod parse;
mod print;
mod rust_name;
mod sql;

pub use database::{
    Catalog, CatalogConnection, CatalogDifference, CatalogError, DatabaseTables, ObjectName,
};
pub use diff::{DiffError, RenameAnswerError, RenameAnswers, RenameQuestion, SchemaChange};
pub use migration::{GenerateError, GeneratedMigration};
pub use model::{Column, Join, Schema, SqlType, Table};
pub use parse::ParseError;
