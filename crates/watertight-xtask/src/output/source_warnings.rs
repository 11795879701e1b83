use serde_json::{Value, json};
use watertight_diagnostics::Diagnostic as _;
use watertight_migrations::{Migrator, SourceWarning};

use crate::output::terminal;

/// Prints the warnings about the files of migrations to stderr.
pub(crate) fn print(migrator: &Migrator) {
    migrator.warnings().for_each(terminal::warning);
}

/// Adds the warnings about the files of migrations to a JSON object, as `warnings`.
pub(crate) fn add_to(document: &mut Value, migrator: &Migrator) {
    document["warnings"] = migrator.warnings().map(to_json).collect();
}

/// Returns a warning as a JSON object.
pub(crate) fn to_json(warning: &SourceWarning) -> Value {
    json!({
        "plugin": warning.plugin.as_str(),
        "file": warning.path.display().to_string(),
        "message": warning.to_string(),
        "hint": warning.hint(),
    })
}
