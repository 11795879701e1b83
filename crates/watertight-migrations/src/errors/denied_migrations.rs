use std::error::Error;
use std::fmt;

use watertight_diagnostics::Diagnostic;
use watertight_metadata::PluginId;

use crate::report::MigrationState;

/// Migrations that are ahead or out of order, which the policy denies, so that nothing was run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedMigrations {
    /// The migrations, by plugin and version.
    pub migrations: Vec<DeniedMigration>,
}

/// A migration that is ahead or out of order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedMigration {
    /// Its plugin.
    pub plugin: PluginId,
    /// Its version.
    pub version: String,
    /// Its name, or `None` if it is only in a history row that Diesel wrote.
    pub name: Option<String>,
    /// [`Ahead`](MigrationState::Ahead) or [`OutOfOrder`](MigrationState::OutOfOrder).
    pub state: MigrationState,
}

impl fmt::Display for DeniedMigrations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("failed to run migrations: ")?;
        if let [migration] = self.migrations.as_slice() {
            return write!(f, "{migration}");
        }
        let count = self.migrations.len();
        write!(f, "{count} migrations are ahead or out of order:")?;
        for migration in &self.migrations {
            write!(f, "\n  {migration}")?;
        }
        Ok(())
    }
}

impl fmt::Display for DeniedMigration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => f.write_str(name)?,
            None => write!(f, "version {}", self.version)?,
        }
        let explained = if self.state == MigrationState::Ahead {
            "it is applied, but not in the code"
        } else {
            "a newer one is applied"
        };
        write!(
            f,
            " of plugin `{}` is {}: {explained}",
            self.plugin, self.state
        )
    }
}

impl Error for DeniedMigrations {}

impl Diagnostic for DeniedMigrations {
    fn hint(&self) -> Option<String> {
        let has = |state| self.migrations.iter().any(|it| it.state == state);
        let mut parts = vec!["nothing was applied"];
        if has(MigrationState::Ahead) {
            parts.push(
                "use code that has all applied migrations, or set `ahead = \"warn\"` in \
                 `[workspace.metadata.watertight.migrate]`",
            );
        }
        if has(MigrationState::OutOfOrder) {
            parts.push(
                "give pending migrations newer versions than the applied ones, or set `out_of_order = \"warn\"` in \
                 `[workspace.metadata.watertight.migrate]`",
            );
        }
        Some(parts.join("; "))
    }
}
