//! The styles of everything that the commands print. Errors have those of `watertight-diagnostics`.

use anstyle::{AnsiColor, Style};

/// A line that a diff adds, and what is in order.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What waits to be done.
pub(crate) const PENDING: Style = AnsiColor::Yellow.on_default();
/// A line that a diff removes, and what is not in order.
pub(crate) const BAD: Style = AnsiColor::Red.on_default();
/// The position of a part of a diff.
pub(crate) const POSITION: Style = AnsiColor::Cyan.on_default();
/// The heading of a table.
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
            [b'+', ..] => GOOD,
            [b'-', ..] => BAD,
            [b'@', ..] => POSITION,
            _ => Style::new(),
        };
        styled_lines += &styled(style, line.trim_end_matches('\n'));
        styled_lines += "\n";
    }
    styled_lines
}
