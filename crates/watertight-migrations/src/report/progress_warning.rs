use watertight_diagnostics::Diagnostic;
use watertight_metadata::PluginId;

use super::migration_progress::MigrationProgress;
use crate::errors::invalid_indexes;

/// A warning while a migration runs: PostgreSQL's own, or about what an earlier attempt left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{plugin} {migration}: {message}")]
pub struct ProgressWarning {
    /// The migration's plugin.
    pub plugin: PluginId,
    /// The migration's name.
    pub migration: String,
    message: String,
    hint: Option<String>,
}

impl Diagnostic for ProgressWarning {
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

impl MigrationProgress<'_> {
    /// Returns the event as a warning, if it is one.
    pub fn warning(&self) -> Option<ProgressWarning> {
        let (plugin, migration, message, hint) = match self {
            Self::Notice {
                plugin,
                migration,
                notice,
            } if notice.severity == "WARNING" => {
                (plugin, migration, notice.text(), notice.hint.clone())
            }
            Self::InvalidIndexes {
                plugin,
                migration,
                indexes,
            } => {
                let left = format!(
                    "an attempt that failed or was interrupted left the invalid {}",
                    invalid_indexes::named(indexes)
                );
                let drop = invalid_indexes::drop(indexes);
                let hint = format!("unless its SQL drops what is left, run {drop}");
                (plugin, migration, left, Some(hint))
            }
            _ => return None,
        };
        Some(ProgressWarning {
            plugin: *plugin,
            migration: (*migration).to_owned(),
            message,
            hint,
        })
    }
}
