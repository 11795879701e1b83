//! The commands from end to end, as a newcomer runs them: in a checkout of this repository that a test may
//! change, on real PostgreSQL servers.

mod checkout;
mod embedded_migrations;
mod getting_started;
mod new_workspace;
mod readme;
mod server;
