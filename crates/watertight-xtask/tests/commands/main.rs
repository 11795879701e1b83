//! The commands, run in temporary workspaces and on real PostgreSQL servers.

mod cargo_variables;
mod counting_proxy;
mod db;
mod dry_run;
mod file_systems;
mod generate;
mod help;
mod migrate;
mod migrate_drift;
mod migrate_errors;
mod migrate_options;
mod migrate_progress;
mod migrate_revert;
mod migrate_signals;
mod new_migration;
mod new_plugin;
mod new_plugin_all_or_nothing;
mod new_plugin_conflicts;
mod output;
mod pgbouncer;
mod root_package_server;
mod schema;
mod shop;
mod test_workspace;
mod verify;
