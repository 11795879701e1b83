//! schema.rs and real databases.

mod catalog;
mod migration;
mod scratch;
