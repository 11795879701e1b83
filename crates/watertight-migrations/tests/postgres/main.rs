//! Everything against a real PostgreSQL, in one binary because each one links slowly.

mod failures;
mod plugins;
mod runs;
mod server;
