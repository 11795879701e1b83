//! Writes the SQL of a migration and verifies it.

mod column_sql;
mod comment_sql;
mod down_sql;
mod generate_error;
mod generated_migration;
mod restorable_kind;
mod up_sql;
mod warning;

pub use generate_error::GenerateError;
pub use generated_migration::GeneratedMigration;
