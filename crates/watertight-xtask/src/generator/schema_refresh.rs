//! Rewrites the `schema.rs` of plugins from a database.

use anyhow::{Context, Result};
use watertight_embedded::Database;
use watertight_metadata::PluginId;
use watertight_migrations::PluginStatus;
use watertight_schema::DatabaseTables;

use super::apply;
use super::file_plan::FilePlan;
use super::rust_format::Formatting;
use crate::output::command_error::ThenHint as _;
use crate::output::terminal;
use crate::workspace::schema_file::SchemaFile;
use crate::workspace::{Workspace, WorkspacePlugin};

/// Plans to write the tables of a database into a `schema.rs`. A plugin without tables needs no file.
///
/// # Errors
///
/// When rustfmt fails.
pub(crate) fn plan_schema_file(
    workspace: &Workspace,
    file: SchemaFile,
    tables: &DatabaseTables,
    plan: &mut FilePlan,
) -> Result<()> {
    if file.contents.is_none() && tables.schema.tables.is_empty() {
        return Ok(());
    }
    let source = tables.schema.to_rust();
    let source = Formatting::start(&source, "2024", workspace.root())?.finish(&file.path)?;
    plan.write(file.path, file.contents, source);
    Ok(())
}

/// Prints which tables a `schema.rs` leaves out.
pub(crate) fn print_left_out<'a>(file: &SchemaFile, tables: impl Iterator<Item = &'a String>) {
    for table in tables {
        terminal::status(&format!(
            "{}: without table `{table}`, which has no primary key: Diesel cannot use it",
            file.path.display()
        ));
    }
}

/// Rewrites the `schema.rs` of plugins after their migrations have run.
pub(crate) struct SchemaRefresh<'a> {
    workspace: &'a Workspace,
    database: &'a Database,
    plugins: Vec<BeforeMigrations>,
}

/// A plugin before its migrations run.
struct BeforeMigrations {
    plugin: WorkspacePlugin,
    tables: DatabaseTables,
    /// The migrations in its history that the code does not have.
    ahead: Vec<String>,
}

impl<'a> SchemaRefresh<'a> {
    /// Reads the tables of plugins before their migrations run. Returns `None` if the workspace disables refreshing.
    ///
    /// # Errors
    ///
    /// When the database cannot be read.
    pub(crate) fn begin(
        workspace: &'a Workspace,
        database: &'a Database,
        statuses: &[PluginStatus],
    ) -> Result<Option<Self>> {
        if !workspace.refreshes_schema() {
            return Ok(None);
        }
        let mut connection = database.url().connect()?;
        let mut plugins = Vec::new();
        for plugin in workspace.plugins()? {
            if let Some(status) = statuses.iter().find(|status| status.plugin == plugin.id) {
                let ahead = status.ahead().map(|migration| {
                    let name = migration.name.as_ref();
                    name.unwrap_or(&migration.version).clone()
                });
                plugins.push(BeforeMigrations {
                    tables: DatabaseTables::read(&mut connection, plugin.id.schema_name())?,
                    ahead: ahead.collect(),
                    plugin,
                });
            }
        }
        Ok(Some(Self {
            workspace,
            database,
            plugins,
        }))
    }

    /// Rewrites the files of the plugins in `migrated`, except
    ///
    /// - a file with tables or columns that no migration creates: `cargo xtask generate` writes a migration from it,
    /// - the file of a plugin whose history has migrations that the code does not have, such as those of another branch.
    ///
    /// # Errors
    ///
    /// When the database or a file cannot be read, or a file cannot be written.
    pub(crate) fn finish(self, migrated: &[PluginId]) -> Result<()> {
        if migrated.is_empty() {
            return Ok(());
        }
        let root = self.workspace.root();
        let write = || {
            // Another run may write the same files.
            let _lock = apply::lock(root)?;
            let plan = self.plan(migrated)?;
            if !plan.is_empty() {
                apply::apply(root, &plan, &[], || Ok(()))?;
            }
            anyhow::Ok(plan)
        };
        let plan = write()
            .context("failed to refresh schema.rs after the migrations were run")
            .then_hint("run `cargo xtask schema`")?;
        for change in plan.changes {
            terminal::status(&format!("wrote {}", change.path.display()));
        }
        Ok(())
    }

    fn plan(self, migrated: &[PluginId]) -> Result<FilePlan> {
        let mut plan = FilePlan::default();
        let mut connection = self.database.url().connect()?;
        for before in self.plugins {
            let BeforeMigrations {
                plugin,
                tables: before,
                ahead,
            } = before;
            let file = SchemaFile::read(self.workspace, &plugin)?;
            if !migrated.contains(&plugin.id) || file.contents.is_none() {
                // A plugin without the file may keep its tables elsewhere.
                continue;
            }
            if !ahead.is_empty() {
                terminal::status(&format!(
                    "{} was not refreshed: the database has migrations that the code does not have ({})",
                    file.path.display(),
                    ahead.join(", ")
                ));
                continue;
            }
            let after = DatabaseTables::read(&mut connection, plugin.id.schema_name())?;
            let has_only = |tables: &DatabaseTables| {
                file.parse(&plugin)
                    .is_ok_and(|schema| tables.contain(&schema))
            };
            if !has_only(&after) && !has_only(&before) {
                terminal::status(&format!(
                    "{} was not refreshed: it has changes that no migration makes. `cargo xtask generate {id}` writes \
                     the migration; `cargo xtask schema {id}` overwrites the file",
                    file.path.display(),
                    id = plugin.id
                ));
                continue;
            }
            let is_new = |table: &&String| !before.without_primary_key.contains(table);
            print_left_out(&file, after.without_primary_key.iter().filter(is_new));
            plan_schema_file(self.workspace, file, &after, &mut plan)?;
        }
        Ok(plan)
    }
}
