//! Tests against a real PostgreSQL, in one binary because linking is slow.

mod blocked;
mod child_process;
mod crashes;
mod cut_connections;
mod drift;
mod failures;
mod killed_server;
mod lock_timeout;
mod pgbouncer;
mod plugin_folders;
mod policies;
mod pooler;
mod proxy;
mod races;
mod rights;
mod round_trips;
mod rounds;
mod runner;
mod runs;
mod settings;
mod simple_client;
mod sources;
mod sql_reading;
mod stress;
mod test_database;
mod with_diesel;
