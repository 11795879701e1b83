//! Reads a database through PostgreSQL's system catalogs.

mod catalog;
mod catalog_error;
mod database_tables;
mod known_types;
mod query;

pub use catalog::{Catalog, CatalogDifference, ObjectName};
pub use catalog_error::CatalogError;
pub use database_tables::DatabaseTables;
pub use query::CatalogConnection;

pub(crate) use catalog::{CatalogObject, ColumnDefinition, Object, ObjectKind};
pub(crate) use database_tables::ForeignKey;
pub(crate) use known_types::KnownTypes;
