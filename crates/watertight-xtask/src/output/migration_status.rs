use watertight_migrations::{PluginStatus, status_table};

use crate::output::styles::{ATTENTION, HEADING, PENDING, styled};

/// The states of migrations as [`status_table`] prints them.
const STATES: [(&str, anstyle::Style); 4] = [
    ("pending", PENDING),
    ("out of order", ATTENTION),
    ("drifted", ATTENTION),
    ("ahead", ATTENTION),
];

/// Returns the table of the plugins' migrations in colour.
pub(crate) fn styled_statuses(plugins: &[PluginStatus]) -> String {
    let mut lines = String::new();
    for (index, line) in status_table(plugins).lines().enumerate() {
        lines += &if index == 0 {
            styled(HEADING, line)
        } else {
            styled_line(line)
        };
        lines += "\n";
    }
    lines
}

/// Styles the state in `auth  pending  1_users`; a line of the table has none.
fn styled_line(line: &str) -> String {
    let Some((plugin, rest)) = line.split_once("  ") else {
        return line.to_owned();
    };
    let state = rest.trim_start();
    match STATES.iter().find(|(name, _)| state.starts_with(name)) {
        Some((name, style)) => {
            let padding = " ".repeat(rest.len() - state.len());
            let after = &state[name.len()..];
            format!("{plugin}  {padding}{}{after}", styled(*style, name))
        }
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_state_of_a_migration_is_styled() {
        let line = "auth     out of order  2_between  older than an applied migration";
        let styled = styled_line(line);
        assert!(styled.contains("m out of order\x1b") || styled.contains("mout of order\x1b"));
        assert_eq!(anstream::adapter::strip_str(&styled).to_string(), line);
        let row = "pending  plugin_pending        1        0      0";
        assert_eq!(styled_line(row), row);
    }
}
