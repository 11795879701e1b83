use std::fmt::{self, Write};

use super::plugin_status::{MigrationState, MigrationStatus, PluginStatus};

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
    styled_status_table(plugins, |_, text| text.to_owned())
}

/// Formats the table as [`status_table`] does, with each state, and the heading, as `style` returns it.
///
/// The heading has no state. `style` may only add what has no width, such as ANSI colours.
pub fn styled_status_table(
    plugins: &[PluginStatus],
    style: impl Fn(Option<MigrationState>, &str) -> String,
) -> String {
    let width = |heading: &str, cell: fn(&PluginStatus) -> &str| {
        let longest = plugins.iter().map(|plugin| cell(plugin).len()).max();
        longest.unwrap_or_default().max(heading.len())
    };
    let id = width("PLUGIN", |plugin| plugin.plugin.as_str());
    let schema = width("SCHEMA", |plugin| plugin.plugin.schema_name());
    let heading = format!(
        "{:id$}  {:schema$}  APPLIED  PENDING  AHEAD",
        "PLUGIN", "SCHEMA"
    );
    let mut table = style(None, &heading) + "\n";
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
                let state = migration.state.to_string();
                let padding = STATE_WIDTH - state.len();
                writeln!(
                    details,
                    "{:id$}  {}{:padding$}  {}",
                    plugin.plugin,
                    style(Some(migration.state), &state),
                    "",
                    detail(migration)
                )
                .expect("writing to a String cannot fail");
            }
        }
        for migration in &plugin.renumbered {
            writeln!(
                details,
                "{:id$}  {:STATE_WIDTH$}  {}  applied as version {}",
                plugin.plugin, "renumbered", migration.name, migration.applied_version
            )
            .expect("writing to a String cannot fail");
        }
    }
    if details.is_empty() {
        table
    } else {
        table + "\n" + &details
    }
}

/// The width of `out of order`, the longest state.
const STATE_WIDTH: usize = 12;

fn detail(migration: &MigrationStatus) -> String {
    let name = migration.name.as_ref().unwrap_or(&migration.version);
    let explanation = match migration.state {
        MigrationState::Drifted => "  modified since it was applied",
        MigrationState::OutOfOrder => "  older than an applied migration",
        MigrationState::Ahead => "  applied, but not in the code",
        MigrationState::Applied | MigrationState::Pending => "",
    };
    format!("{name}{explanation}")
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
    use crate::report::RenumberedMigration;

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
                renumbered: Vec::new(),
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
                renumbered: vec![RenumberedMigration {
                    name: "4_a".to_owned(),
                    version: "4".to_owned(),
                    applied_version: "9".to_owned(),
                }],
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
        my-feature  renumbered    4_a  applied as version 9
        ");
    }
}
