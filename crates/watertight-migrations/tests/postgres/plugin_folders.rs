//! Plugins with migrations in temporary folders.

use std::num::NonZeroUsize;
use std::path::Path;

use tempfile::TempDir;
use watertight_diagnostics::{Diagnostic, ErrorReport};
use watertight_metadata::PluginId;
use watertight_migrations::{Migrator, PluginMigrations, RunReport};

use crate::test_database::write;

pub const ONE: NonZeroUsize = NonZeroUsize::MIN;

pub fn id(id: &str) -> PluginId {
    PluginId::parse(id).unwrap()
}

/// A temporary folder with migrations at `<plugin>/<migration>/up.sql`.
pub struct PluginFolders {
    folder: TempDir,
    plugins: Vec<(PluginId, Vec<PluginId>)>,
}

impl PluginFolders {
    pub fn new(plugins: &[(&str, &[&str])]) -> Self {
        let plugins = plugins
            .iter()
            .map(|(plugin, needs)| (id(plugin), needs.iter().map(|need| id(need)).collect()));
        let this = Self {
            folder: tempfile::tempdir().unwrap(),
            plugins: plugins.collect(),
        };
        for (plugin, _) in &this.plugins {
            std::fs::create_dir(this.folder.path().join(plugin.as_str())).unwrap();
        }
        this
    }

    /// Creates a single plugin, `shop`, with these files.
    pub fn shop(files: &[(&str, &str)]) -> Self {
        let this = Self::new(&[("shop", &[])]);
        this.write("shop", files);
        this
    }

    pub fn write(&self, plugin: &str, files: &[(&str, &str)]) {
        write(&self.folder.path().join(plugin), files);
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn migrator(&self) -> Migrator {
        Migrator::new(self.plugins()).unwrap()
    }

    pub fn plugins(&self) -> Vec<PluginMigrations> {
        let plugin = |(id, needs): &(PluginId, Vec<PluginId>)| {
            PluginMigrations::from_folder(*id, needs.clone(), self.folder.path().join(id.as_str()))
        };
        self.plugins.iter().map(plugin).collect()
    }

    /// Returns each plugin with the plugins that it depends on.
    pub fn list(&self) -> impl Iterator<Item = (PluginId, &[PluginId])> {
        self.plugins
            .iter()
            .map(|(plugin, needs)| (*plugin, needs.as_slice()))
    }

    /// Returns an error as a program prints it, with paths relative to the folder.
    pub fn error_report(&self, error: &impl Diagnostic) -> String {
        ErrorReport::new(error)
            .to_string()
            .replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// Returns the only error of a report as a program prints it.
    pub fn error(&self, report: &RunReport) -> String {
        let errors: Vec<_> = report
            .errors()
            .map(|error| self.error_report(error))
            .collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0].clone()
    }
}

/// Returns the names of the migrations that a run applied.
pub fn applied(report: &RunReport) -> Vec<String> {
    let plugins = report.plugins.iter();
    plugins
        .flat_map(|plugin| &plugin.applied)
        .map(|migration| migration.name.clone())
        .collect()
}
