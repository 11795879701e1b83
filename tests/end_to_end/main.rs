//! The commands from end to end, as a newcomer runs them: in a checkout of this repository that a test may
//! change, on real PostgreSQL servers.

mod cargo_generate;
mod checkout;
mod embedded_migrations;
mod existing_workspace;
mod generated_readme;
mod getting_started;
mod new_workspace;
mod readme;
mod running_server;
mod server;
mod server_output;
mod serving;
