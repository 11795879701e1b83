//! Everything against a real PostgreSQL, in one binary because each one links slowly.

mod failures;
mod killed_pglite;
mod plugins;
mod races;
mod rights;
mod round_trips;
mod runs;
mod server;
mod settings;
mod sources;
mod with_diesel;
