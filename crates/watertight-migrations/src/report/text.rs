use std::fmt::{self, Write};

use super::plugin_status::{MigrationState, MigrationStatus, PluginStatus};
use super::run_report::{Outcome, PluginReport, RunReport, SkipReason};

/// Formats a summary, with a line for each plugin that has anything to report.
impl fmt::Display for RunReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for plugin in &self.plugins {
            if let Some(line) = plugin_line(plugin) {
                writeln!(f, "{}: {line}", plugin.plugin)?;
            }
        }
        if let Some(reason) = &self.fewer_connections {
            writeln!(f, "fewer connections than requested were used: {reason}")?;
        }
        let plugins = self.plugins.len();
        let plugins = format!("{plugins} {}", plural(plugins, "plugin"));
        let pending: usize = self.plugins.iter().map(|plugin| plugin.not_run.len()).sum();
        match (self.applied_count(), pending) {
            (0, 0) => write!(f, "Nothing to do: {plugins} up to date."),
            (applied, 0) => write!(
                f,
                "Applied {applied} {}; {plugins} up to date.",
                plural(applied, "migration")
            ),
            (applied, pending) => write!(
                f,
                "Applied {applied} {}; {pending} {} still pending.",
                plural(applied, "migration"),
                if pending == 1 { "is" } else { "are" }
            ),
        }
    }
}

fn plugin_line(plugin: &PluginReport) -> Option<String> {
    let mut parts = Vec::new();
    let by_another_run = plugin
        .applied
        .iter()
        .filter(|migration| migration.by_another_run)
        .count();
    match plugin.applied.len() - by_another_run {
        0 => {}
        count => parts.push(format!("{count} {} applied", plural(count, "migration"))),
    }
    if by_another_run > 0 {
        parts.push(format!("{by_another_run} applied by another run"));
    }
    match &plugin.outcome {
        Outcome::UpToDate => {}
        Outcome::Failed(error) => {
            let next = plugin.not_run.first().map(String::as_str);
            let failed = error.migration().or(next).unwrap_or("its history");
            parts.push(format!("failed at {failed}"));
        }
        Outcome::Skipped(SkipReason::Dependency(dependency)) => {
            parts.push(format!("not run, because {dependency} is not up to date"));
        }
        Outcome::Skipped(SkipReason::NoConnection) => {
            parts.push("not run, because all connections were lost".to_owned());
        }
    }
    for migration in &plugin.applied {
        if migration.out_of_order {
            parts.push(format!("{} was out of order", migration.name));
        }
    }
    for migration in &plugin.drifted {
        parts.push(format!("{migration} was modified since it was applied"));
    }
    if !plugin.ahead.is_empty() {
        parts.push(format!(
            "the history is ahead of the code by {}",
            plugin.ahead.join(", ")
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn plural(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{noun}{ending}")
}

/// Formats the status of plugins as a table, followed by the migrations that are not simply applied.
///
/// ```text
/// PLUGIN   SCHEMA          APPLIED  PENDING  AHEAD
/// auth     plugin_auth           3        0      0
/// catalog  plugin_catalog        3        1      0
///
/// catalog  pending  2026-02-10-070000_index_products
/// ```
pub fn status_table(plugins: &[PluginStatus]) -> String {
    let width = |heading: &str, cell: fn(&PluginStatus) -> &str| {
        let longest = plugins.iter().map(|plugin| cell(plugin).len()).max();
        longest.unwrap_or_default().max(heading.len())
    };
    let id = width("PLUGIN", |plugin| plugin.plugin.as_str());
    let schema = width("SCHEMA", |plugin| plugin.plugin.schema_name());
    let mut table = format!(
        "{:id$}  {:schema$}  APPLIED  PENDING  AHEAD\n",
        "PLUGIN", "SCHEMA"
    );
    let mut details = String::new();
    for plugin in plugins {
        writeln!(
            table,
            "{:id$}  {:schema$}  {:7}  {:7}  {:5}",
            plugin.plugin,
            plugin.plugin.schema_name(),
            plugin.applied().count(),
            plugin.pending().count(),
            plugin.ahead().count()
        )
        .expect("writing to a String cannot fail");
        for migration in &plugin.migrations {
            if migration.state != MigrationState::Applied {
                writeln!(details, "{:id$}  {}", plugin.plugin, detail(migration))
                    .expect("writing to a String cannot fail");
            }
        }
    }
    if details.is_empty() {
        table
    } else {
        table + "\n" + &details
    }
}

fn detail(migration: &MigrationStatus) -> String {
    let name = migration.name.as_ref().unwrap_or(&migration.version);
    let explanation = match migration.state {
        MigrationState::Drifted => "  modified since it was applied",
        MigrationState::OutOfOrder => "  older than an applied migration",
        MigrationState::Ahead => "  applied, but not in the code",
        MigrationState::Applied | MigrationState::Pending => "",
    };
    format!("{:<12}  {name}{explanation}", migration.state.to_string())
}

impl fmt::Display for MigrationState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Applied => "applied",
            Self::Drifted => "drifted",
            Self::Pending => "pending",
            Self::OutOfOrder => "out of order",
            Self::Ahead => "ahead",
        })
    }
}

#[cfg(test)]
mod tests {
    use watertight_metadata::PluginId;

    use super::*;
    use crate::errors::MigrateError;
    use crate::report::AppliedMigration;

    fn report(id: &str, outcome: Outcome) -> PluginReport {
        PluginReport {
            plugin: PluginId::parse(id).unwrap(),
            applied: Vec::new(),
            outcome,
            not_run: Vec::new(),
            drifted: Vec::new(),
            ahead: Vec::new(),
        }
    }

    #[test]
    fn a_run_is_summarized_plugin_by_plugin() {
        let mut auth = report("auth", Outcome::UpToDate);
        auth.applied = vec![
            AppliedMigration {
                name: "1_a".to_owned(),
                version: "1".to_owned(),
                out_of_order: true,
                by_another_run: false,
            },
            AppliedMigration {
                name: "2_b".to_owned(),
                version: "2".to_owned(),
                out_of_order: false,
                by_another_run: true,
            },
        ];
        auth.drifted = vec!["0_z".to_owned()];
        auth.ahead = vec!["9".to_owned()];
        let error = MigrateError::NothingApplied {
            plugin: PluginId::new("billing"),
        };
        let mut billing = report("billing", Outcome::Failed(Box::new(error)));
        billing.not_run = vec!["3_c".to_owned(), "4_d".to_owned()];
        let skipped = Outcome::Skipped(SkipReason::Dependency(billing.plugin));
        let mut catalog = report("catalog", skipped);
        catalog.not_run = vec!["5_e".to_owned()];
        let report = RunReport {
            plugins: vec![auth, billing, catalog, report("quiet", Outcome::UpToDate)],
            fewer_connections: None,
        };
        insta::assert_snapshot!(report, @r"
        auth: 1 migration applied; 1 applied by another run; 1_a was out of order; 0_z was modified since it was applied; the history is ahead of the code by 9
        billing: failed at 3_c
        catalog: not run, because billing is not up to date
        Applied 1 migration; 3 are still pending.
        ");
    }

    #[test]
    fn a_run_with_nothing_to_do_says_so() {
        let report = RunReport {
            plugins: vec![report("auth", Outcome::UpToDate)],
            fewer_connections: None,
        };
        insta::assert_snapshot!(report, @"Nothing to do: 1 plugin up to date.");
    }

    #[test]
    fn statuses_are_a_table_and_the_migrations_that_are_not_simply_applied() {
        let migration = |name: &str, state| MigrationStatus {
            version: name.replace("_a", ""),
            name: Some(name.to_owned()),
            state,
        };
        let plugins = [
            PluginStatus {
                plugin: PluginId::new("auth"),
                has_schema: true,
                has_history: true,
                migrations: vec![migration("1_a", MigrationState::Applied)],
            },
            PluginStatus {
                plugin: PluginId::new("my-feature"),
                has_schema: true,
                has_history: true,
                migrations: vec![
                    migration("1_a", MigrationState::Drifted),
                    migration("2_a", MigrationState::OutOfOrder),
                    migration("3_a", MigrationState::Applied),
                    migration("4_a", MigrationState::Pending),
                    migration("9_a", MigrationState::Ahead),
                ],
            },
        ];
        insta::assert_snapshot!(status_table(&plugins), @r"
        PLUGIN      SCHEMA             APPLIED  PENDING  AHEAD
        auth        plugin_auth              1        0      0
        my-feature  plugin_my_feature        2        2      1

        my-feature  drifted       1_a  modified since it was applied
        my-feature  out of order  2_a  older than an applied migration
        my-feature  pending       4_a
        my-feature  ahead         9_a  applied, but not in the code
        ");
    }
}
