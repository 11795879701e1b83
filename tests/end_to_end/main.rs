//! The commands from end to end, in a checkout of this repository that a test may change, on real PostgreSQL servers.

mod cargo_generate;
mod checkout;
mod console;
mod embedded_migrations;
mod existing_workspace;
mod generated_crates;
mod generated_readme;
mod getting_started;
mod new_workspace;
mod readme;
mod running_server;
mod server;
mod server_output;
mod serving;
mod shared_target;
