//! Plugins with small migrations, in the files that each runner reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use tempfile::TempDir;
use watertight_metadata::PluginId;

/// A workspace in a temporary folder. Every migration creates a table and an index.
pub struct Workload {
    folder: TempDir,
    plugins: Vec<PluginId>,
    migrations: usize,
}

impl Workload {
    pub fn write(plugins: usize, migrations: usize) -> Result<Self> {
        let this = Self {
            folder: tempfile::tempdir()?,
            plugins: (0..plugins)
                .map(|number| PluginId::parse(&format!("p{number}")))
                .collect::<Result<_, _>>()?,
            migrations,
        };
        write_file(&this.root().join("Cargo.toml"), "[workspace]\n")?;
        for plugin in &this.plugins {
            this.write_plugin(plugin)?;
        }
        Ok(this)
    }

    /// Returns the root of the workspace, in which `cargo xtask` runs.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    pub fn plugins(&self) -> &[PluginId] {
        &self.plugins
    }

    /// Returns the number of tables that the migrations create.
    pub fn tables(&self) -> usize {
        self.plugins.len() * self.migrations
    }

    /// Returns a plugin's folder of migrations as Watertight and Diesel read it.
    pub fn diesel_folder(&self, plugin: &PluginId) -> PathBuf {
        self.plugin_folder(plugin).join("migrations")
    }

    pub fn sqlx_folder(&self, plugin: &PluginId) -> PathBuf {
        self.root().join("sqlx").join(plugin.as_str())
    }

    pub fn refinery_folder(&self, plugin: &PluginId) -> PathBuf {
        self.root().join("refinery").join(plugin.as_str())
    }

    fn plugin_folder(&self, plugin: &PluginId) -> PathBuf {
        self.root().join("plugins").join(plugin.as_str())
    }

    fn write_plugin(&self, plugin: &PluginId) -> Result<()> {
        let folder = self.plugin_folder(plugin);
        let manifest = format!("[package]\nname = \"plugin-{plugin}\"\n");
        write_file(&folder.join("Cargo.toml"), &manifest)?;
        let metadata = format!(
            "pub const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new(\"{plugin}\");\n"
        );
        write_file(&folder.join("src/plugin_metadata.rs"), &metadata)?;
        for number in 1..=self.migrations {
            let table = format!("\"{}\".\"t{number}\"", plugin.schema_name());
            let sql = format!(
                "CREATE TABLE {table} (id int PRIMARY KEY, name text NOT NULL);\n\
                 CREATE INDEX ON {table} (name);\n"
            );
            for file in [
                self.diesel_folder(plugin)
                    .join(format!("2026-01-01-{number:06}_t{number}/up.sql")),
                self.sqlx_folder(plugin)
                    .join(format!("{number}_t{number}.sql")),
                self.refinery_folder(plugin)
                    .join(format!("V{number}__t{number}.sql")),
            ] {
                write_file(&file, &sql)?;
            }
        }
        Ok(())
    }
}

pub fn write_file(file: &Path, contents: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, contents)?;
    Ok(())
}
