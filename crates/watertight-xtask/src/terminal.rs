use std::io::Write;

use watertight_diagnostics::ErrorReport;

/// Writes a command's result to stdout. Colours are dropped where it is no terminal.
///
/// A reader that has gone away (`| head`) has seen what it wanted.
pub(crate) fn result(text: &str) {
    let _ = write!(anstream::stdout(), "{text}");
}

/// Writes what is not a result to stderr.
pub(crate) fn remark(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// A unified diff in colour.
pub(crate) fn coloured(diff: &str) -> String {
    let mut text = String::new();
    for line in diff.split_inclusive('\n') {
        let colour = match line.as_bytes() {
            [b'+', ..] => "\x1b[32m",
            [b'-', ..] => "\x1b[31m",
            [b'@', ..] => "\x1b[36m",
            _ => "",
        };
        let reset = if colour.is_empty() { "" } else { "\x1b[0m" };
        text += colour;
        text += line.trim_end_matches('\n');
        text += reset;
        text += "\n";
    }
    text
}

/// Writes the report of an error to stderr.
pub(crate) fn report(report: &ErrorReport) {
    remark(&report.styled());
}

/// Writes an error to stderr.
pub(crate) fn error(text: &str) {
    remark(&format!("\x1b[1;31merror\x1b[0m: {text}"));
}
