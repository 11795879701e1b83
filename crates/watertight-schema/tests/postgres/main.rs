//! schema.rs and real databases.

mod catalog;
mod corpus;
mod hostile_names;
mod migration;
mod print_schema;
mod scratch;
