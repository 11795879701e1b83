use anstyle::Style;
use watertight_migrations::{MigrationState, PluginStatus, styled_status_table};

use crate::output::styles::{ATTENTION, HEADING, PENDING, styled};

/// Returns the table of the plugins' migrations in colour.
pub(crate) fn styled_statuses(plugins: &[PluginStatus]) -> String {
    styled_status_table(plugins, |state, text| {
        styled(state.map_or(HEADING, style_of), text)
    })
}

fn style_of(state: MigrationState) -> Style {
    match state {
        MigrationState::Applied => Style::new(),
        MigrationState::Pending => PENDING,
        MigrationState::OutOfOrder | MigrationState::Drifted | MigrationState::Ahead => ATTENTION,
    }
}

#[cfg(test)]
mod tests {
    use watertight_metadata::PluginId;
    use watertight_migrations::{MigrationStatus, status_table};

    use super::*;

    #[test]
    fn the_heading_and_the_state_of_a_migration_are_styled() {
        let plugins = [PluginStatus {
            plugin: PluginId::new("auth"),
            has_schema: true,
            has_history: true,
            migrations: vec![MigrationStatus {
                version: "2".to_owned(),
                name: Some("2_between".to_owned()),
                state: MigrationState::OutOfOrder,
            }],
            renumbered: Vec::new(),
        }];
        let table = styled_statuses(&plugins);
        assert!(
            table.contains(&styled(ATTENTION, "out of order")),
            "{table}"
        );
        let plain = status_table(&plugins);
        assert_eq!(anstream::adapter::strip_str(&table).to_string(), plain);
        let heading = plain.lines().next().unwrap();
        assert!(table.starts_with(&styled(HEADING, heading)), "{table}");
    }
}
