//! What PostgreSQL reports while migrations run, what they wait for, and what an interrupted attempt left.

use watertight_diagnostics::Diagnostic as _;
use watertight_migrations::MigrationProgress;

use crate::cli::output;

/// Prints an event to stderr.
pub(super) fn print(progress: &MigrationProgress<'_>) {
    if let Some(lines) = lines(progress) {
        output::print_status(&lines);
    }
}

fn lines(progress: &MigrationProgress<'_>) -> Option<String> {
    let Some(warning) = progress.warning() else {
        return progress.status_line();
    };
    let hint = warning.hint().map(|hint| format!("\nhint: {hint}"));
    Some(format!("warning: {warning}{}", hint.unwrap_or_default()))
}

/// Writes an event to the log.
pub(super) fn log(progress: &MigrationProgress<'_>) {
    if let Some(warning) = progress.warning() {
        tracing::warn!(hint = warning.hint(), "{warning}");
    } else if let Some(line) = progress.status_line() {
        tracing::info!("{line}");
    }
}

#[cfg(test)]
mod tests {
    use watertight_metadata::PluginId;
    use watertight_migrations::PostgresNotice;

    use super::*;

    const PLUGIN: PluginId = PluginId::new("shop");

    fn notice_lines(severity: &str) -> String {
        let notice = PostgresNotice {
            severity: severity.to_owned(),
            message: "3 rows skipped".to_owned(),
            detail: Some("They have no price.".to_owned()),
            hint: Some("set one".to_owned()),
        };
        let progress = MigrationProgress::Notice {
            plugin: PLUGIN,
            migration: "1_a",
            notice: &notice,
        };
        lines(&progress).unwrap()
    }

    #[test]
    fn notices_and_warnings_are_printed_with_their_migration() {
        insta::assert_snapshot!(notice_lines("NOTICE"), @"shop 1_a: NOTICE: 3 rows skipped (They have no price)");
        insta::assert_snapshot!(notice_lines("WARNING"), @"
        warning: shop 1_a: 3 rows skipped (They have no price)
        hint: set one
        ");
    }

    #[test]
    fn what_an_interrupted_attempt_left_is_a_warning() {
        let progress = MigrationProgress::InvalidIndexes {
            plugin: PLUGIN,
            migration: "1_a",
            indexes: &["plugin_shop.i".to_owned()],
        };
        insta::assert_snapshot!(lines(&progress).unwrap(), @"
        warning: shop 1_a: an attempt that failed or was interrupted left the invalid index plugin_shop.i
        hint: unless its SQL drops what is left, run `DROP INDEX CONCURRENTLY plugin_shop.i`
        ");
    }
}
