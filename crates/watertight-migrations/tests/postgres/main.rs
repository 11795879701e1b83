//! Tests against a real PostgreSQL, in one binary because linking is slow.

mod drift;
mod failures;
mod killed_pglite;
mod plugin_folders;
mod races;
mod rights;
mod round_trips;
mod runs;
mod settings;
mod sources;
mod sql_reading;
mod test_database;
mod with_diesel;
