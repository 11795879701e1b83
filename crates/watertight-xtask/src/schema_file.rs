//! The `schema.rs` of plugins, written from a database.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use anyhow::{Context, Result};
use watertight_embedded::Database;
use watertight_metadata::PluginId;
use watertight_schema::{DatabaseTables, Schema};

use crate::apply;
use crate::plan::Plan;
use crate::rust_format::Formatting;
use crate::terminal;
use crate::workspace::{Workspace, WorkspacePlugin};

/// A plugin's `schema.rs` as it is.
pub(crate) struct SchemaFile {
    /// Relative to the workspace's root.
    pub(crate) path: PathBuf,
    /// None where there is no file.
    pub(crate) text: Option<String>,
}

impl SchemaFile {
    /// # Errors
    ///
    /// When there is a file that cannot be read.
    pub(crate) fn read(workspace: &Workspace, plugin: &WorkspacePlugin) -> Result<Self> {
        let file = plugin.schema_file();
        let path = workspace.relative(&file).to_owned();
        match fs::read_to_string(&file) {
            Ok(text) => Ok(Self {
                path,
                text: Some(text),
            }),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self { path, text: None }),
            Err(error) => Err(error).with_context(|| format!("failed to read {}", path.display())),
        }
    }

    /// What it says.
    ///
    /// # Errors
    ///
    /// When it does not parse.
    pub(crate) fn parse(&self, plugin: &WorkspacePlugin) -> Result<Schema> {
        let text = self.text.as_deref().unwrap_or_default();
        let path = self.path.display().to_string();
        Ok(Schema::from_rust(text, plugin.id.schema_name(), &path)?)
    }

    /// Tells which tables it will not have.
    pub(crate) fn tell_left_out<'a>(&self, tables: impl Iterator<Item = &'a String>) {
        for table in tables {
            terminal::remark(&format!(
                "{}: without `{table}`, which has no primary key: Diesel cannot use it",
                self.path.display()
            ));
        }
    }

    /// Plans to write what the tables are. A plugin without tables needs no file.
    ///
    /// # Errors
    ///
    /// When rustfmt does not work.
    pub(crate) fn plan(
        self,
        workspace: &Workspace,
        tables: &DatabaseTables,
        plan: &mut Plan,
    ) -> Result<()> {
        if self.text.is_none() && tables.schema.tables.is_empty() {
            return Ok(());
        }
        let text = tables.schema.to_rust();
        let text = Formatting::start(&text, "2024", workspace.root())?.finish(&self.path)?;
        plan.edit(self.path, self.text, text);
        Ok(())
    }
}

/// Writes the `schema.rs` of plugins anew when their tables have changed.
pub(crate) struct Refresh<'a> {
    workspace: &'a Workspace,
    database: &'a Database,
    /// The plugins, with their tables as they were.
    plugins: Vec<(WorkspacePlugin, DatabaseTables)>,
}

impl<'a> Refresh<'a> {
    /// To be called before the tables change, with the plugins whose tables may. None where the workspace does not want
    /// it.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub(crate) fn begin(
        workspace: &'a Workspace,
        database: &'a Database,
        plugins: &[PluginId],
    ) -> Result<Option<Self>> {
        if !workspace.refreshes_schema() {
            return Ok(None);
        }
        let mut connection = database.url().connect()?;
        let mut read = Vec::new();
        for plugin in workspace.plugins()? {
            if plugins.contains(&plugin.id) {
                let tables = DatabaseTables::read(&mut connection, plugin.id.schema_name())?;
                read.push((plugin, tables));
            }
        }
        Ok(Some(Self {
            workspace,
            database,
            plugins: read,
        }))
    }

    /// Writes what has changed of these plugins, but not where a `schema.rs` says what no migration has made: a person
    /// has written that, and `cargo xtask generate` is to make it.
    ///
    /// # Errors
    ///
    /// When the database or a file cannot be read, or a file cannot be written.
    pub(crate) fn finish(self, changed: &[PluginId]) -> Result<()> {
        let failed = "failed to refresh schema.rs, but the migrations are done; run `cargo xtask schema` when this is mended";
        let workspace = self.workspace;
        if changed.is_empty() {
            return Ok(());
        }
        let write = || {
            // Another run may be at the same files.
            let _lock = apply::lock(workspace.root())?;
            let plan = self.plan(changed)?;
            if !plan.is_empty() {
                apply::apply(workspace.root(), &plan, &[], || Ok(()))?;
            }
            Ok(plan)
        };
        let plan: Result<Plan> = write();
        for edit in plan.context(failed)?.edits {
            terminal::remark(&format!("wrote {}", edit.path.display()));
        }
        Ok(())
    }

    fn plan(self, changed: &[PluginId]) -> Result<Plan> {
        let mut plan = Plan::default();
        let plugins = self.plugins.into_iter();
        let plugins = plugins.filter(|(plugin, _)| changed.contains(&plugin.id));
        let mut connection = self.database.url().connect()?;
        for (plugin, before) in plugins {
            let after = DatabaseTables::read(&mut connection, plugin.id.schema_name())?;
            let file = SchemaFile::read(self.workspace, &plugin)?;
            let says_only = |tables: &DatabaseTables| {
                file.parse(&plugin)
                    .is_ok_and(|schema| tables.contain(&schema))
            };
            if file.text.is_none() {
                // Whoever has it elsewhere, or wants none, is not given one unasked.
                continue;
            }
            if !says_only(&after) && !says_only(&before) {
                terminal::remark(&format!(
                    "{} is left as it is: it says what no migration has made. `cargo xtask generate {id}` writes the \
                     migration; `cargo xtask schema {id}` writes the file anew",
                    file.path.display(),
                    id = plugin.id
                ));
                continue;
            }
            let is_new = |table: &&String| !before.without_primary_key.contains(table);
            file.tell_left_out(after.without_primary_key.iter().filter(is_new));
            file.plan(self.workspace, &after, &mut plan)?;
        }
        Ok(plan)
    }
}
