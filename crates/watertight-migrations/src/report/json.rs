use serde_json::{Value, json};
use watertight_diagnostics::{ErrorReport, causes};

use super::plugin_status::{MigrationStatus, PluginStatus};
use super::run_report::{AppliedMigration, Outcome, PluginReport, RunReport, SkipReason};

impl RunReport {
    /// Returns the report as JSON: an object with `success` and `plugins`.
    ///
    /// A plugin that failed has an `error` with its `message`, `causes`, `location` and `hint`.
    pub fn to_json(&self) -> Value {
        let plugins: Value = self.plugins.iter().map(plugin_report).collect();
        json!({ "success": self.is_success(), "plugins": plugins })
    }
}

fn plugin_report(report: &PluginReport) -> Value {
    let (outcome, reason, error) = match &report.outcome {
        Outcome::UpToDate => ("up-to-date", None, None),
        Outcome::Failed(error) => (
            "failed",
            Some(causes(Some(error.as_ref())).join(": ")),
            Some(ErrorReport::new(error.as_ref()).to_json()),
        ),
        Outcome::Skipped(SkipReason::Dependency(dependency)) => (
            "skipped",
            Some(format!("{dependency} is not up to date")),
            None,
        ),
        Outcome::Skipped(SkipReason::NoConnection) => (
            "skipped",
            Some("all connections were lost".to_owned()),
            None,
        ),
    };
    json!({
        "plugin": report.plugin.as_str(),
        "outcome": outcome,
        "reason": reason,
        "error": error,
        "applied": report.applied.iter().map(applied_migration).collect::<Value>(),
        "not_run": report.not_run,
        "drifted": report.drifted,
        "ahead": report.ahead,
    })
}

fn applied_migration(migration: &AppliedMigration) -> Value {
    json!({
        "name": migration.name,
        "version": migration.version,
        "out_of_order": migration.out_of_order,
        "by_another_run": migration.by_another_run,
    })
}

impl PluginStatus {
    /// Returns the status as JSON: an object with `plugin`, `schema`, `has_schema`, `has_history` and `migrations`.
    pub fn to_json(&self) -> Value {
        json!({
            "plugin": self.plugin.as_str(),
            "schema": self.plugin.schema_name(),
            "has_schema": self.has_schema,
            "has_history": self.has_history,
            "migrations": self.migrations.iter().map(migration_status).collect::<Value>(),
        })
    }
}

fn migration_status(migration: &MigrationStatus) -> Value {
    json!({
        "name": migration.name,
        "version": migration.version,
        "state": migration.state.to_string().replace(' ', "-"),
    })
}
