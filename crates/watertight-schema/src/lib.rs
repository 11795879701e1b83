//! The tables of a plugin, as its `schema.rs` says them and as a database has them, and what leads from one to the
//! other.
//!
//! [`Schema`] is what both have in common: [`Schema::from_rust`] reads it from a `schema.rs`, [`Tables::read`] from a
//! database, and [`Schema::to_rust`] writes it. [`Migration::write`] compares the two and writes the SQL that makes the
//! database what `schema.rs` says. [`Catalog`] knows all that a database holds, to tell what a migration has left behind.
//!
//! ```
//! use watertight_schema::Schema;
//!
//! let text = "diesel::table! { plugin_shop.items (id) { id -> Uuid, name -> Nullable<Text>, } }";
//! let schema = Schema::from_rust(text, "plugin_shop", "src/schema.rs")?;
//! assert_eq!(schema.tables[0].primary_key, ["id"]);
//! assert!(schema.tables[0].columns[1].nullable);
//!
//! let wrong = Schema::from_rust("table! { items { id -> Uuid, } }", "plugin_shop", "src/schema.rs");
//! assert_eq!(
//!     wrong.unwrap_err().to_string(),
//!     "failed to read src/schema.rs:1:10: the table `items` is in the schema `public`, but this plugin owns \
//!      `plugin_shop`; write `plugin_shop.items`"
//! );
//! # Ok::<(), watertight_schema::ParseError>(())
//! ```
//!
//! Nothing here needs Watertight's other crates: any Diesel connection to PostgreSQL will do.

mod catalog;
mod change;
mod comment_sql;
mod diff;
mod down_sql;
mod identity;
mod known_types;
mod migration;
mod model;
mod names;
mod parse;
mod parse_join;
mod parse_type;
mod print;
mod renames;
mod session;
mod tables;
mod types;
mod up_sql;

pub use catalog::{Catalog, Difference, ObjectName};
pub use change::Change;
pub use diff::DiffError;
pub use migration::{Migration, MigrationError};
pub use model::{Column, Join, Schema, SqlType, Table};
pub use parse::ParseError;
pub use renames::{AnswerError, Answers, Question};
pub use session::{PgSession, ReadError};
pub use tables::Tables;
