use std::fs;
use std::path::Path;

use similar::TextDiff;
use watertight_migrations::{Drift, DriftedMigration, MigrateError};

use crate::output::styles::styled_diff;
use crate::output::terminal;
use crate::workspace::applied_sql;

/// Prints to stderr how migrations were modified since they were applied, if that is the error. Leaves out those whose
/// applied SQL is not in git.
pub(crate) fn print(error: &anyhow::Error) {
    let cause = error.chain().find_map(|cause| cause.downcast_ref());
    if let Some(MigrateError::Drifted(drifted)) = cause {
        for diff in drifted.migrations.iter().filter_map(diff) {
            terminal::status(&styled_diff(&diff));
        }
    }
}

fn diff(migration: &DriftedMigration) -> Option<String> {
    let Drift::Modified { file, checksum } = &migration.drift else {
        return None;
    };
    let current = fs::read_to_string(file).ok()?;
    let applied = applied_sql::find(Path::new(file), checksum)?;
    let header = format!("{file} (as applied, from git {})", applied.commit);
    let diff = TextDiff::from_lines(applied.sql.as_str(), current.as_str());
    Some(diff.unified_diff().header(&header, file).to_string())
}
