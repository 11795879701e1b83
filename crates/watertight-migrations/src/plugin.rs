use std::any::Any;
use std::path::PathBuf;

use diesel::migration::{Migration as DieselMigration, MigrationSource, Result as DieselResult};
use diesel::pg::Pg;
use diesel_migrations::{EmbeddedMigrations, FileBasedMigrations};
use watertight_metadata::{PluginId, PluginMetadata};

use crate::folder;
use crate::load_error::LoadError;
use crate::migration::{Body, Migration};
use crate::recorder;

/// The longest version that the history's column holds, in characters.
const MAX_VERSION: usize = 50;

/// A plugin: its id, what it depends on, and where its migrations come from.
pub struct Plugin {
    id: PluginId,
    dependencies: Vec<PluginId>,
    source: Source,
}

type DynSource = dyn MigrationSource<Pg> + Send + Sync;

enum Source {
    Folder(PathBuf),
    Embedded(Box<DynSource>),
    Code(Box<DynSource>),
}

impl Plugin {
    /// A plugin with any of Diesel's migration sources.
    ///
    /// What [`embed_migrations!`](diesel_migrations::embed_migrations) gives, and a folder
    /// ([`FileBasedMigrations`], read as [`Plugin::from_folder`] does), are known to be SQL: each migration is one
    /// message, and its errors have a place. Any other source is code that gets a connection inside a transaction.
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
            Source::Code(Box::new(migrations))
        };
        let dependencies = metadata.dependencies().iter().map(|id| PluginId::new(id));
        Self {
            id: *metadata.id(),
            dependencies: dependencies.collect(),
            source,
        }
    }

    /// A plugin whose migrations are read from a folder, one folder in it for each, as Diesel's command line
    /// writes them. The folder is read by [`Migrator::new`](crate::Migrator::new).
    ///
    /// Errors name files below `folder` as it is given here, so give a path that the reader can open.
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
        let mut migrations = self.migrations()?;
        migrations.sort_by(|a, b| a.version.cmp(&b.version));
        for migration in &migrations {
            self.check(migration)?;
        }
        for pair in migrations.windows(2) {
            if pair[0].version == pair[1].version {
                return Err(LoadError::DuplicateVersion {
                    plugin: self.id,
                    version: pair[0].version.clone(),
                    first: self.shown(&pair[0]),
                    second: self.shown(&pair[1]),
                });
            }
        }
        Ok(LoadedPlugin {
            id: self.id,
            dependencies: self.dependencies,
            migrations,
            code: match self.source {
                Source::Code(source) => Some(source),
                Source::Folder(_) | Source::Embedded(_) => None,
            },
        })
    }

    fn migrations(&self) -> Result<Vec<Migration>, LoadError> {
        let failed = |source| LoadError::Source {
            plugin: self.id,
            source,
        };
        match &self.source {
            Source::Folder(path) => folder::read(self.id, path),
            Source::Embedded(source) => {
                let migrations = source.migrations().map_err(failed)?;
                migrations
                    .iter()
                    .map(|migration| recorder::record(migration).map_err(failed))
                    .collect()
            }
            Source::Code(source) => {
                let migrations = source.migrations().map_err(failed)?;
                Ok(migrations.iter().map(|migration| code(migration)).collect())
            }
        }
    }

    fn check(&self, migration: &Migration) -> Result<(), LoadError> {
        let length = migration.version.chars().count();
        if length == 0 {
            return Err(LoadError::EmptyVersion {
                plugin: self.id,
                migration: self.shown(migration),
            });
        }
        if length > MAX_VERSION {
            return Err(LoadError::VersionTooLong {
                plugin: self.id,
                migration: self.shown(migration),
                length,
            });
        }
        match &migration.body {
            Body::Sql { up, .. } if up.sql.trim().is_empty() => Err(LoadError::EmptyUpSql {
                plugin: self.id,
                file: up.file.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The migration's folder where there is one, else its name.
    fn shown(&self, migration: &Migration) -> String {
        match &self.source {
            Source::Folder(folder) => folder.join(&migration.name).display().to_string(),
            Source::Embedded(_) | Source::Code(_) => migration.name.clone(),
        }
    }
}

fn code(migration: &dyn DieselMigration<Pg>) -> Migration {
    Migration {
        name: migration.name().to_string(),
        version: migration.name().version().to_string(),
        in_transaction: migration.metadata().run_in_transaction(),
        body: Body::Code,
    }
}

/// A plugin whose migrations are read and checked, in the order in which they run.
pub(crate) struct LoadedPlugin {
    pub(crate) id: PluginId,
    pub(crate) dependencies: Vec<PluginId>,
    pub(crate) migrations: Vec<Migration>,
    code: Option<Box<DynSource>>,
}

impl LoadedPlugin {
    pub(crate) fn migration(&self, version: &str) -> Option<&Migration> {
        self.migrations
            .iter()
            .find(|migration| migration.version == version)
    }

    /// The migration that is code. It is made anew each time, because it cannot move between threads.
    pub(crate) fn code(&self, migration: &Migration) -> DieselResult<Box<dyn DieselMigration<Pg>>> {
        let source = self
            .code
            .as_ref()
            .ok_or("only migrations that are code have code")?;
        let found = source
            .migrations()?
            .into_iter()
            .find(|found| found.name().version().to_string() == migration.version);
        found.ok_or_else(|| "the migration source no longer has this migration".into())
    }
}
