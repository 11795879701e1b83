use std::fmt;

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
            let what = if error.is_interrupted() {
                "interrupted"
            } else {
                "failed"
            };
            parts.push(format!("{what} at {failed}"));
        }
        Outcome::Skipped(SkipReason::Dependency(dependency)) => {
            parts.push(format!("not run, because {dependency} is not up to date"));
        }
        Outcome::Skipped(SkipReason::Interrupted) => {
            parts.push("not run, because the run was interrupted".to_owned());
        }
        Outcome::Skipped(SkipReason::NoConnection) => {
            parts.push("not run, because all connections were lost".to_owned());
        }
    }
    for migration in &plugin.applied {
        if migration.at_second_attempt {
            parts.push(format!(
                "{} had failed beside other plugins' migrations and was applied again alone",
                migration.name
            ));
        }
    }
    parts.extend(plugin.warnings.iter().map(ToString::to_string));
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn plural(count: usize, noun: &str) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{noun}{ending}")
}

#[cfg(test)]
mod tests {
    use watertight_metadata::PluginId;

    use super::*;
    use crate::errors::MigrateError;
    use crate::report::{AppliedMigration, OrderWarning};

    fn report(id: &str, outcome: Outcome) -> PluginReport {
        PluginReport {
            plugin: PluginId::parse(id).unwrap(),
            applied: Vec::new(),
            outcome,
            not_run: Vec::new(),
            ahead: Vec::new(),
            warnings: Vec::new(),
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
                notices: Vec::new(),
                at_second_attempt: true,
            },
            AppliedMigration {
                name: "2_b".to_owned(),
                version: "2".to_owned(),
                out_of_order: false,
                by_another_run: true,
                notices: Vec::new(),
                at_second_attempt: false,
            },
        ];
        auth.ahead = vec!["9".to_owned()];
        auth.warnings = vec![
            OrderWarning::OutOfOrder {
                migration: "1_a".to_owned(),
            },
            OrderWarning::Ahead {
                versions: auth.ahead.clone(),
            },
        ];
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
        insta::assert_snapshot!(report, @"
        auth: 1 migration applied; 1 applied by another run; 1_a had failed beside other plugins' migrations and was applied again alone; 1_a was out of order; the history is ahead of the code by 9
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
}
