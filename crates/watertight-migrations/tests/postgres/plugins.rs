//! Plugins to run, made of folders.

use std::num::NonZeroUsize;
use std::path::Path;

use tempfile::TempDir;
use watertight_metadata::PluginId;
use watertight_migrations::{Migrator, Plugin, RunReport};

use crate::server::write;

pub const ONE: NonZeroUsize = NonZeroUsize::MIN;

pub fn id(text: &str) -> PluginId {
    PluginId::parse(text).unwrap()
}

/// Folders of migrations, `<plugin>/<migration>/up.sql`, removed when it is dropped.
pub struct Plugins {
    folder: TempDir,
    plugins: Vec<(PluginId, Vec<PluginId>)>,
}

impl Plugins {
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

    /// One plugin, `shop`, with these files.
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

    pub fn plugins(&self) -> Vec<Plugin> {
        let plugin = |(id, needs): &(PluginId, Vec<PluginId>)| {
            Plugin::from_folder(*id, needs.clone(), self.folder.path().join(id.as_str()))
        };
        self.plugins.iter().map(plugin).collect()
    }

    /// A text without the folder's path in it.
    pub fn without_path(&self, text: &impl ToString) -> String {
        text.to_string()
            .replace(&format!("{}/", self.folder.path().display()), "")
    }

    /// The only error of a report.
    pub fn error(&self, report: &RunReport) -> String {
        let errors: Vec<_> = report
            .errors()
            .map(|error| self.without_path(error))
            .collect();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors[0].clone()
    }
}

/// The names of what a run applied.
pub fn applied(report: &RunReport) -> Vec<String> {
    let plugins = report.plugins.iter();
    plugins
        .flat_map(|plugin| &plugin.applied)
        .map(|migration| migration.name.clone())
        .collect()
}
