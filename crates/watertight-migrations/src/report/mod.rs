//! What a run would do, does and has done, and the status of plugins: as values, as text and as JSON.

mod json;
mod migration_plan;
mod migration_progress;
mod migration_script;
mod order_warning;
mod plugin_status;
mod postgres_notice;
mod progress_warning;
mod repair;
mod run_report;
mod run_summary;
mod status_table;

pub use migration_plan::{MigrationPlan, PlannedMigration};
pub use migration_progress::MigrationProgress;
pub use order_warning::OrderWarning;
pub use plugin_status::{MigrationState, MigrationStatus, PluginStatus, RenumberedMigration};
pub use postgres_notice::PostgresNotice;
pub use progress_warning::ProgressWarning;
pub use repair::{Repair, RepairChange, RepairReason};
pub use run_report::{AppliedMigration, Outcome, PluginReport, RunReport, SkipReason};
pub use status_table::{status_table, styled_status_table};
