//! The styles of everything that the commands print. Errors have those of `watertight-diagnostics`.

use anstyle::{AnsiColor, Style};

/// Lines that a diff adds.
pub(crate) const ADDED: Style = AnsiColor::Green.on_default();
/// Pending migrations.
pub(crate) const PENDING: Style = AnsiColor::Yellow.on_default();
/// Lines that a diff removes, and states that need attention.
pub(crate) const ATTENTION: Style = AnsiColor::Red.on_default();
/// The positions in a diff.
pub(crate) const POSITION: Style = AnsiColor::Cyan.on_default();
/// The headings of a table.
pub(crate) const HEADING: Style = Style::new().bold();

/// Returns `text` in a style.
pub(crate) fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns a unified diff in colour.
pub(crate) fn styled_diff(diff: &str) -> String {
    let mut styled_lines = String::new();
    for line in diff.split_inclusive('\n') {
        let style = match line.as_bytes() {
            [b'+', ..] => ADDED,
            [b'-', ..] => ATTENTION,
            [b'@', ..] => POSITION,
            _ => Style::new(),
        };
        styled_lines += &styled(style, line.trim_end_matches('\n'));
        styled_lines += "\n";
    }
    styled_lines
}
