use serde_json::{Value, json};
use watertight_diagnostics::{ErrorReport, causes};

use super::plugin_status::{MigrationStatus, PluginStatus, RenumberedMigration};
use super::postgres_notice::PostgresNotice;
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
            if error.is_interrupted() {
                "interrupted"
            } else {
                "failed"
            },
            Some(causes(Some(error.as_ref())).join(": ")),
            Some(ErrorReport::new(error.as_ref()).to_json()),
        ),
        Outcome::Skipped(SkipReason::Dependency(dependency)) => (
            "skipped",
            Some(format!("{dependency} is not up to date")),
            None,
        ),
        Outcome::Skipped(SkipReason::Interrupted) => {
            ("skipped", Some("the run was interrupted".to_owned()), None)
        }
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
        "ahead": report.ahead,
        "warnings": report.warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

fn applied_migration(migration: &AppliedMigration) -> Value {
    json!({
        "name": migration.name,
        "version": migration.version,
        "out_of_order": migration.out_of_order,
        "by_another_run": migration.by_another_run,
        "at_second_attempt": migration.at_second_attempt,
        "notices": migration.notices.iter().map(notice).collect::<Value>(),
    })
}

fn notice(notice: &PostgresNotice) -> Value {
    json!({
        "severity": notice.severity,
        "message": notice.message,
        "detail": notice.detail,
        "hint": notice.hint,
    })
}

impl PluginStatus {
    /// Returns the status as JSON: an object with `plugin`, `schema`, `has_schema`, `has_history`, `migrations`
    /// and `renumbered`.
    pub fn to_json(&self) -> Value {
        json!({
            "plugin": self.plugin.as_str(),
            "schema": self.plugin.schema_name(),
            "has_schema": self.has_schema,
            "has_history": self.has_history,
            "migrations": self.migrations.iter().map(migration_status).collect::<Value>(),
            "renumbered": self.renumbered.iter().map(renumbered).collect::<Value>(),
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

fn renumbered(migration: &RenumberedMigration) -> Value {
    json!({
        "name": migration.name,
        "version": migration.version,
        "applied_version": migration.applied_version,
    })
}

#[cfg(test)]
mod tests {
    use diesel::result::{DatabaseErrorKind, Error as DieselError};
    use watertight_diagnostics::SourceExcerpt;
    use watertight_metadata::PluginId;

    use super::*;
    use crate::direction::Direction;
    use crate::errors::{FailureEffect, FailureLocation, MigrateError, MigrationFailure};

    #[test]
    fn a_failure_has_its_message_location_and_hint_as_members() {
        let plugin = PluginId::new("catalog");
        let error = MigrateError::Failed(Box::new(MigrationFailure {
            plugin,
            migration: "2026-01-02-000000_add_price".to_owned(),
            direction: Direction::Up,
            location: FailureLocation::Statement(SourceExcerpt::at("up.sql", "SELECT x;", 7)),
            source: DieselError::DatabaseError(
                DatabaseErrorKind::Unknown,
                Box::new("column \"x\" does not exist".to_owned()),
            )
            .into(),
            effect: FailureEffect::RolledBack,
        }));
        let report = RunReport {
            plugins: vec![PluginReport {
                plugin,
                applied: Vec::new(),
                outcome: Outcome::Failed(Box::new(error)),
                not_run: vec!["2026-01-02-000000_add_price".to_owned()],
                ahead: Vec::new(),
                warnings: Vec::new(),
            }],
            fewer_connections: None,
        };
        insta::assert_snapshot!(format!("{:#}", report.to_json()), @r#"
        {
          "plugins": [
            {
              "ahead": [],
              "applied": [],
              "error": {
                "causes": [
                  "column \"x\" does not exist"
                ],
                "hint": "nothing of this migration was applied; fix the SQL and run it again",
                "location": {
                  "column": 8,
                  "file": "up.sql",
                  "line": 1,
                  "source": "SELECT x;"
                },
                "message": "failed to apply migration 2026-01-02-000000_add_price of plugin `catalog`"
              },
              "not_run": [
                "2026-01-02-000000_add_price"
              ],
              "outcome": "failed",
              "plugin": "catalog",
              "reason": "failed to apply migration 2026-01-02-000000_add_price of plugin `catalog`: column \"x\" does not exist",
              "warnings": []
            }
          ],
          "success": false
        }
        "#);
    }
}
