//! How migrations are applied and reverted.

mod apply_step;
mod breadth;
mod concurrency_error;
pub(crate) mod drift;
mod failed_statement;
mod history_row;
mod in_transaction;
mod invalid_indexes;
mod lock_retries;
pub(crate) mod mark;
mod message;
mod migration_state;
mod migration_step;
pub(crate) mod order_policy;
mod parallel_run;
mod provision;
pub(crate) mod repair;
mod revert;
mod rights;
mod run;
mod run_next;
mod rust_migration;
mod schedule;
mod selected_plugin;
mod statement_marker;
mod statement_sender;
mod unfinished;
mod without_transaction;

pub(crate) use migration_step::MigrationStep;
pub(crate) use parallel_run::run_on_several;
pub(crate) use provision::{missing, provision};
pub(crate) use revert::{redo, revert};
pub(crate) use run::Run;
pub(crate) use run_next::run_next;
pub(crate) use rust_migration::{RustMigrationConnection, apply as apply_rust_migration};
pub(crate) use selected_plugin::SelectedPlugin;
