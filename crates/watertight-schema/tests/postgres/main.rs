//! Tests on a PostgreSQL server.

mod any_change;
mod catalog;
mod corpus;
mod hostile_names;
mod migration;
mod print_schema;
mod scratch;
