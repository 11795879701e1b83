use std::any::Any;
use std::path::PathBuf;

use diesel::migration::MigrationSource;
use diesel::pg::Pg;
use diesel_migrations::{EmbeddedMigrations, FileBasedMigrations};
use watertight_metadata::{PluginId, PluginMetadata};

use super::diesel_source::{DieselSource, describe};
use super::loaded_plugin::LoadedPlugin;
use super::migration::{Migration, MigrationBody};
use super::migration_version::MAX_VERSION_LENGTH;
use super::source_warning::SourceWarning;
use super::{embedded_migrations, file_based_migrations};
use crate::errors::LoadError;

/// The migrations of a plugin, with the plugin's id and dependencies.
pub struct PluginMigrations {
    id: PluginId,
    dependencies: Vec<PluginId>,
    source: Source,
}

enum Source {
    Folder(PathBuf),
    Embedded(DieselSource),
    Rust(DieselSource),
}

impl PluginMigrations {
    /// Creates the migrations of a plugin from any of Diesel's migration sources.
    ///
    /// [`embed_migrations!`](diesel_migrations::embed_migrations) and folders ([`FileBasedMigrations`], read like
    /// [`from_folder`](Self::from_folder)) are known to be SQL: each migration is sent as one message, and its errors
    /// have a location. The migrations of any other source are Rust and get a connection inside a transaction.
    pub fn new(
        metadata: PluginMetadata,
        migrations: impl MigrationSource<Pg> + Send + Sync + 'static,
    ) -> Self {
        let any: &dyn Any = &migrations;
        let source = if let Some(folder) = any.downcast_ref::<FileBasedMigrations>() {
            Source::Folder(folder.path().to_owned())
        } else if any.is::<EmbeddedMigrations>() {
            Source::Embedded(Box::new(migrations))
        } else {
            Source::Rust(Box::new(migrations))
        };
        let dependencies = metadata.dependencies().iter().map(|id| PluginId::new(id));
        Self {
            id: *metadata.id(),
            dependencies: dependencies.collect(),
            source,
        }
    }

    /// Creates the migrations of a plugin from a folder with one subfolder for each migration, as Diesel's command
    /// line creates it. [`Migrator::new`](crate::Migrator::new) reads it.
    ///
    /// Errors show the paths of files as `folder` joined with the rest, so pass a path that the user can open.
    pub fn from_folder(
        id: PluginId,
        dependencies: Vec<PluginId>,
        folder: impl Into<PathBuf>,
    ) -> Self {
        Self {
            id,
            dependencies,
            source: Source::Folder(folder.into()),
        }
    }

    pub(crate) fn load(self) -> Result<LoadedPlugin, LoadError> {
        let (mut migrations, warnings) = self.migrations()?;
        migrations.sort_by(|a, b| a.version.cmp(&b.version));
        for migration in &migrations {
            self.check(migration)?;
        }
        for pair in migrations.windows(2) {
            if pair[0].version == pair[1].version {
                return Err(LoadError::DuplicateVersion {
                    plugin: self.id,
                    version: pair[0].version.clone(),
                    first: self.display_name(&pair[0]),
                    second: self.display_name(&pair[1]),
                });
            }
        }
        Ok(LoadedPlugin {
            id: self.id,
            dependencies: self.dependencies,
            migrations,
            warnings,
            diesel_source: match self.source {
                Source::Rust(source) => Some(source),
                Source::Folder(_) | Source::Embedded(_) => None,
            },
        })
    }

    fn migrations(&self) -> Result<(Vec<Migration>, Vec<SourceWarning>), LoadError> {
        let failed = |source| LoadError::Source {
            plugin: self.id,
            source,
        };
        let migrations = match &self.source {
            Source::Folder(path) => return file_based_migrations::read(self.id, path),
            Source::Embedded(source) => source
                .migrations()
                .map_err(failed)?
                .iter()
                .map(|migration| embedded_migrations::read(migration).map_err(failed))
                .collect::<Result<_, _>>()?,
            Source::Rust(source) => source
                .migrations()
                .map_err(failed)?
                .iter()
                .map(|migration| describe(migration))
                .collect(),
        };
        Ok((migrations, Vec::new()))
    }

    fn check(&self, migration: &Migration) -> Result<(), LoadError> {
        let length = migration.version.chars().count();
        if length == 0 {
            return Err(LoadError::EmptyVersion {
                plugin: self.id,
                migration: self.display_name(migration),
            });
        }
        if length > MAX_VERSION_LENGTH {
            return Err(LoadError::VersionTooLong {
                plugin: self.id,
                migration: self.display_name(migration),
                length,
                max_length: MAX_VERSION_LENGTH,
            });
        }
        match &migration.body {
            MigrationBody::Sql { up, .. } if up.sql.trim().is_empty() => {
                Err(LoadError::EmptyUpSql {
                    plugin: self.id,
                    file: up.file.clone(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Returns the path of the migration's folder if it has one, else its name.
    fn display_name(&self, migration: &Migration) -> String {
        match &self.source {
            Source::Folder(folder) => folder.join(&migration.name).display().to_string(),
            Source::Embedded(_) | Source::Rust(_) => migration.name.clone(),
        }
    }
}
