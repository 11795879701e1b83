//! Rewrites the `schema.rs` of plugins from a database.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use watertight_connection::{DatabaseUrl, SharedRuntime};
use watertight_embedded::Database;
use watertight_metadata::PluginId;
use watertight_migrations::PluginStatus;
use watertight_schema::DatabaseTables;

use super::apply;
use super::file_plan::FilePlan;
use super::refresh_marker::RefreshMarker;
use super::rust_format::Formatting;
use crate::database::migration_folders::migrator_for;
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
    plugins: Vec<WorkspacePlugin>,
    before: Arc<Mutex<Option<Result<BeforeMigrations>>>>,
}

/// The state before the migrations run.
struct BeforeMigrations {
    tables: BTreeMap<PluginId, DatabaseTables>,
    /// `None` if it cannot be written, for example in a workspace that is read-only.
    marker: Option<RefreshMarker>,
}

impl<'a> SchemaRefresh<'a> {
    /// Prepares to rewrite the files. Returns `None` if the workspace disables that.
    ///
    /// # Errors
    ///
    /// When the plugins cannot be listed.
    pub(crate) fn new(workspace: &'a Workspace, database: &'a Database) -> Result<Option<Self>> {
        if !workspace.refreshes_schema() {
            return Ok(None);
        }
        Ok(Some(Self {
            workspace,
            database,
            plugins: workspace.plugins()?,
            before: Arc::default(),
        }))
    }

    /// Returns the function to call before the migrations of plugins run. It reads the tables of these plugins over a
    /// connection of its own; [`finish`](Self::finish) returns its error.
    pub(crate) fn begin(&self) -> impl Fn(&[PluginId]) + Send + Sync + 'static {
        let root = self.workspace.root().to_owned();
        let url = self.database.url().clone();
        let plugins = self.plugins.clone();
        let before = Arc::clone(&self.before);
        move |pending| {
            let read = || BeforeMigrations::read(&root, &url, &plugins, pending);
            let read = SharedRuntime::run_blocking(read);
            *before.lock().unwrap_or_else(PoisonError::into_inner) = Some(read);
        }
    }

    /// Rewrites the files of the plugins in `migrated`, and those of runs that were killed before they did, except
    ///
    /// - a file with tables or columns that no migration creates: `cargo xtask generate` writes a migration from it,
    /// - the file of a plugin whose history has migrations that the code does not have, such as those of another branch.
    ///
    /// # Errors
    ///
    /// When the database or a file cannot be read, or a file cannot be written.
    pub(crate) fn finish(self, migrated: &[PluginId]) -> Result<()> {
        let root = self.workspace.root();
        let mut killed = RefreshMarker::of_killed_runs(root, self.database.url());
        let mut due = migrated.to_vec();
        for plugin in &self.plugins {
            if killed.iter().any(|marker| marker.has(plugin.id)) && !due.contains(&plugin.id) {
                due.push(plugin.id);
            }
        }
        let before = self
            .before
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let write = || {
            let mut before = before.transpose()?;
            let mut plan = FilePlan::default();
            if !due.is_empty() {
                // Another run may write the same files.
                let _lock = apply::lock(root)?;
                let tables = before.as_ref().map(|before| &before.tables);
                plan = self.plan(&due, tables, &killed)?;
                if !plan.is_empty() {
                    apply::apply(root, &plan, &[], || Ok(()))?;
                }
            }
            let own = before.as_mut().and_then(|before| before.marker.take());
            killed.drain(..).chain(own).for_each(RefreshMarker::remove);
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

    fn plan(
        &self,
        due: &[PluginId],
        before: Option<&BTreeMap<PluginId, DatabaseTables>>,
        killed: &[RefreshMarker],
    ) -> Result<FilePlan> {
        let mut plan = FilePlan::default();
        let mut connection = self.database.url().connect_session()?;
        let mut files = Vec::new();
        for plugin in &self.plugins {
            let file = SchemaFile::read(self.workspace.root(), plugin)?;
            // A plugin without the file may keep its tables elsewhere.
            if due.contains(&plugin.id) && file.contents.is_some() {
                let tables = DatabaseTables::read(&mut connection, plugin.id.schema_name())?;
                files.push((plugin, file, tables));
            }
        }
        // After the tables: migrations that another branch has applied meanwhile are seen.
        let statuses = migrator_for(self.workspace, due)?.status(&mut connection)?;
        for (plugin, file, after) in files {
            let status = statuses.iter().find(|status| status.plugin == plugin.id);
            let ahead: Vec<_> = status
                .into_iter()
                .flat_map(PluginStatus::ahead)
                .map(|migration| {
                    migration
                        .name
                        .as_ref()
                        .unwrap_or(&migration.version)
                        .as_str()
                })
                .collect();
            if !ahead.is_empty() {
                terminal::status(&format!(
                    "{} was not refreshed: the database has migrations that the code does not have ({})",
                    file.path.display(),
                    ahead.join(", ")
                ));
                continue;
            }
            let before = before.and_then(|before| before.get(&plugin.id));
            let is_unedited = has_only(&after, &file, plugin)
                || before.is_some_and(|before| has_only(before, &file, plugin))
                || killed
                    .iter()
                    .any(|marker| marker.is_unedited(plugin.id, &file));
            if !is_unedited {
                terminal::status(&format!(
                    "{} was not refreshed: it has changes that no migration makes. `cargo xtask generate {id}` writes \
                     the migration; `cargo xtask schema {id}` overwrites the file",
                    file.path.display(),
                    id = plugin.id
                ));
                continue;
            }
            let is_new = |table: &&String| {
                before.is_none_or(|before| !before.without_primary_key.contains(table))
            };
            print_left_out(&file, after.without_primary_key.iter().filter(is_new));
            plan_schema_file(self.workspace, file, &after, &mut plan)?;
        }
        Ok(plan)
    }
}

impl BeforeMigrations {
    fn read(
        root: &Path,
        url: &DatabaseUrl,
        plugins: &[WorkspacePlugin],
        pending: &[PluginId],
    ) -> Result<Self> {
        let mut connection = url.connect_session()?;
        let mut tables_of = BTreeMap::new();
        let mut unedited = BTreeMap::new();
        for plugin in plugins {
            let file = SchemaFile::read(root, plugin)?;
            if !pending.contains(&plugin.id) || file.contents.is_none() {
                continue;
            }
            let tables = DatabaseTables::read(&mut connection, plugin.id.schema_name())?;
            let is_unedited = has_only(&tables, &file, plugin);
            unedited.insert(plugin.id, file.contents.filter(|_| is_unedited));
            tables_of.insert(plugin.id, tables);
        }
        let marker = RefreshMarker::write(root, url, &unedited).ok();
        Ok(Self {
            tables: tables_of,
            marker,
        })
    }
}

/// Returns whether the database has every table and column of the file.
fn has_only(tables: &DatabaseTables, file: &SchemaFile, plugin: &WorkspacePlugin) -> bool {
    file.parse(plugin)
        .is_ok_and(|schema| tables.contain(&schema))
}
