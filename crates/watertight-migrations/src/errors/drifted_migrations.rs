use std::error::Error;
use std::fmt;

use watertight_diagnostics::Diagnostic;
use watertight_metadata::PluginId;

/// Applied migrations that are no longer in the code as they were applied, so that nothing was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftedMigrations {
    /// The migrations, by plugin and version.
    pub migrations: Vec<DriftedMigration>,
}

/// An applied migration that is no longer in the code as it was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DriftedMigration {
    /// Its plugin.
    pub plugin: PluginId,
    /// Its name in the code.
    pub name: String,
    /// Its version in the code.
    pub version: String,
    /// What is different.
    pub drift: Drift,
}

/// How an applied migration differs from the code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Drift {
    /// Its SQL was modified since.
    Modified {
        /// Its file.
        file: String,
        /// The checksum of what was applied; see [`is_checksum_of`](crate::is_checksum_of).
        checksum: String,
    },
    /// It was applied as another version.
    Renumbered {
        /// Its version in the history.
        applied_version: String,
    },
}

impl fmt::Display for DriftedMigrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed to run migrations: ")?;
        if let [migration] = self.migrations.as_slice() {
            return write!(f, "{migration}");
        }
        let count = self.migrations.len();
        write!(
            f,
            "{count} applied migrations are not in the code as they were applied:"
        )?;
        for migration in &self.migrations {
            write!(f, "\n  {migration}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DriftedMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of plugin `{}` was ", self.name, self.plugin)?;
        match &self.drift {
            Drift::Modified { .. } => f.write_str("modified since it was applied"),
            Drift::Renumbered { applied_version } => {
                write!(f, "applied as version {applied_version}")
            }
        }
    }
}

impl Error for DriftedMigrations {}

impl Diagnostic for DriftedMigrations {
    fn hint(&self) -> Option<String> {
        let is_modified = |it: &DriftedMigration| matches!(it.drift, Drift::Modified { .. });
        let modified = self.migrations.iter().filter(|it| is_modified(it)).count();
        let restore = match (modified, self.migrations.len() - modified) {
            (1, 0) => "restore its up.sql",
            (_, 0) => "restore their up.sql",
            (0, 1) => "rename its folder back",
            (0, _) => "rename their folders back",
            _ => "restore their up.sql and the names of their folders",
        };
        let mut plugins: Vec<_> = self
            .migrations
            .iter()
            .map(|it| it.plugin.to_string())
            .collect();
        plugins.dedup();
        Some(format!(
            "nothing was applied; {restore}, or accept what is in the code as applied, with `cargo xtask migrate repair \
             --plugin {}`",
            plugins.join(" --plugin ")
        ))
    }
}
