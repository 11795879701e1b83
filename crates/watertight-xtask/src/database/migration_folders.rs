//! Migrators over the migration folders of the workspace's plugins.

use std::env;

use anyhow::Result;
use watertight_metadata::{PluginId, dependency_closure};
use watertight_migrations::{Migrator, PluginMigrations};

use crate::workspace::Workspace;

/// Returns a migrator over the migrations of all plugins.
///
/// # Errors
///
/// When a plugin or its migrations cannot be read.
pub(crate) fn migrator(workspace: &Workspace) -> Result<Migrator> {
    migrator_for(workspace, &[])
}

/// Returns a migrator over the migrations of these plugins and of their dependencies, or of all plugins if the list is
/// empty. The migrations of other plugins are not read.
///
/// # Errors
///
/// When one of the plugins or their migrations cannot be read.
pub(crate) fn migrator_for(workspace: &Workspace, only: &[PluginId]) -> Result<Migrator> {
    let mut plugins = workspace.plugins()?;
    if !only.is_empty() {
        let dependencies: Vec<_> = plugins
            .iter()
            .map(|plugin| (plugin.id, plugin.dependencies.clone()))
            .collect();
        let needed = dependency_closure(&dependencies, only);
        plugins.retain(|plugin| needed.contains(&plugin.id));
    }
    let plugins = plugins.into_iter().map(|plugin| {
        let migrations = plugin.migrations_folder();
        // Messages name files relative to the root if the command runs there, as it most often does.
        let path = match env::current_dir() {
            Ok(current) if current == workspace.root() => workspace.relative(&migrations),
            _ => &migrations,
        };
        PluginMigrations::from_folder(plugin.id, plugin.dependencies, path)
    });
    let migrator = Migrator::new(plugins.collect())?;
    Ok(workspace.migrate_settings().apply(migrator))
}
