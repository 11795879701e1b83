//! Applied migrations that are no longer in the code as they were applied.

use super::selected_plugin::SelectedPlugin;
use crate::errors::{Drift, DriftedMigration, DriftedMigrations, MigrateError};
use crate::report::RenumberedMigration;
use crate::sources::{Migration, MigrationBody};

/// Checks that all applied migrations of these plugins are in the code as they were applied. Those that only the
/// history has do not count.
///
/// # Errors
///
/// Lists the migrations of all plugins that were modified or renumbered.
pub(crate) fn check(plugins: &[SelectedPlugin<'_>]) -> Result<(), MigrateError> {
    let migrations: Vec<_> = plugins.iter().flat_map(SelectedPlugin::drift).collect();
    if migrations.is_empty() {
        Ok(())
    } else {
        Err(MigrateError::Drifted(Box::new(DriftedMigrations {
            migrations,
        })))
    }
}

impl SelectedPlugin<'_> {
    /// Returns the migrations that were applied as another version: their SQL has the checksum of a row whose version
    /// is not in the code, or has other SQL there.
    pub(crate) fn renumbered(&self) -> Vec<RenumberedMigration> {
        let migration_of = |version: &String| self.plugin.migration(version);
        let mut rows: Vec<(&String, &String)> = self
            .state
            .applied
            .iter()
            .filter(|(version, _)| migration_of(version).is_none_or(|it| self.is_drifted(it)))
            .filter_map(|(version, row)| Some((version, row.checksum.as_ref()?)))
            .collect();
        if rows.is_empty() {
            return Vec::new();
        }
        let is_applied = |it: &Migration| self.state.applied.contains_key(&it.version);
        let migrations = self.plugin.migrations.iter();
        let moved =
            migrations.filter(|migration| !is_applied(migration) || self.is_drifted(migration));
        moved
            .filter_map(|migration| {
                let checksums = migration.checksums()?;
                let row = rows
                    .iter()
                    .position(|(_, checksum)| checksums.contain(checksum))?;
                Some(RenumberedMigration {
                    name: migration.name.clone(),
                    version: migration.version.clone(),
                    applied_version: rows.remove(row).0.clone(),
                })
            })
            .collect()
    }

    /// Returns the migrations that were modified since they were applied. A row that belongs to a renumbered one says
    /// nothing about the migration that has its version now.
    pub(super) fn modified(
        &self,
        renumbered: &[RenumberedMigration],
    ) -> impl Iterator<Item = &Migration> {
        let is_moved = |version: &str| {
            let mut moved = renumbered.iter();
            moved.any(|it| it.version == version || it.applied_version == version)
        };
        let migrations = self.plugin.migrations.iter();
        migrations
            .filter(move |migration| self.is_drifted(migration) && !is_moved(&migration.version))
    }

    fn drift(&self) -> Vec<DriftedMigration> {
        let renumbered = self.renumbered();
        let plugin = self.plugin.id;
        let mut drift: Vec<_> = self
            .modified(&renumbered)
            .map(|migration| DriftedMigration {
                plugin,
                name: migration.name.clone(),
                version: migration.version.clone(),
                drift: Drift::Modified {
                    file: match &migration.body {
                        MigrationBody::Sql { up, .. } => up.file.clone(),
                        MigrationBody::Rust => String::new(),
                    },
                    checksum: self.state.applied[&migration.version]
                        .checksum
                        .clone()
                        .unwrap_or_default(),
                },
            })
            .collect();
        drift.extend(renumbered.into_iter().map(|migration| DriftedMigration {
            plugin,
            name: migration.name,
            version: migration.version,
            drift: Drift::Renumbered {
                applied_version: migration.applied_version,
            },
        }));
        drift.sort_by(|a, b| a.version.cmp(&b.version));
        drift
    }
}
