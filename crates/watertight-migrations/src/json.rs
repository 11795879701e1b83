use serde_json::{Value, json};

use crate::report::{AppliedMigration, Outcome, PluginReport, RunReport, SkipReason};
use crate::status::{MigrationStatus, PluginStatus};

impl RunReport {
    /// The report for programs: an object with `plugins`, each with what was applied and how it ended.
    pub fn to_json(&self) -> Value {
        let plugins: Value = self.plugins.iter().map(plugin).collect();
        json!({ "success": self.is_success(), "plugins": plugins })
    }
}

fn plugin(plugin: &PluginReport) -> Value {
    let (outcome, reason) = match &plugin.outcome {
        Outcome::UpToDate => ("up-to-date", None),
        Outcome::Failed(error) => ("failed", Some(error.to_string())),
        Outcome::Skipped(SkipReason::Dependency(dependency)) => {
            ("skipped", Some(format!("{dependency} is not up to date")))
        }
        Outcome::Skipped(SkipReason::NoConnection) => {
            ("skipped", Some("no connection was left".to_owned()))
        }
    };
    json!({
        "plugin": plugin.plugin.as_str(),
        "outcome": outcome,
        "reason": reason,
        "applied": plugin.applied.iter().map(applied).collect::<Value>(),
        "not_run": plugin.not_run,
        "drifted": plugin.drifted,
        "ahead": plugin.ahead,
    })
}

fn applied(migration: &AppliedMigration) -> Value {
    json!({
        "name": migration.name,
        "version": migration.version,
        "out_of_order": migration.out_of_order,
        "by_another_run": migration.by_another_run,
    })
}

impl PluginStatus {
    /// The status for programs: an object with `plugin`, `schema` and `migrations`.
    pub fn to_json(&self) -> Value {
        json!({
            "plugin": self.plugin.as_str(),
            "schema": self.plugin.schema_name(),
            "has_schema": self.has_schema,
            "has_history": self.has_history,
            "migrations": self.migrations.iter().map(migration).collect::<Value>(),
        })
    }
}

fn migration(migration: &MigrationStatus) -> Value {
    json!({
        "name": migration.name,
        "version": migration.version,
        "state": migration.state.to_string().replace(' ', "-"),
    })
}
