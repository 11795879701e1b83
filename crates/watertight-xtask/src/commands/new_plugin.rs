use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use serde::Serialize;
use serde_json::json;
use watertight_metadata::PluginId;
use watertight_migrations::RunReport;

use crate::apply;
use crate::cargo_lock;
use crate::commands::migrate;
use crate::edit::root_manifest::RootManifest;
use crate::plan::{NewFile, NewFolder, Plan};
use crate::plugin_id_argument;
use crate::rust_format::Formatting;
use crate::table_name::TableName;
use crate::templates;
use crate::terminal;
use crate::text_style::TextStyle;
use crate::timestamp::Timestamp;
use crate::wiring;
use crate::workspace::{Workspace, WorkspacePlugin};

const DEFAULT_TABLE: &str = "items";

/// Write a new plugin and make it part of the workspace and its server.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask new-plugin my-feature --migrate
  cargo xtask new-plugin orders --table order_lines --description \"Orders and their lines\"
  cargo xtask new-plugin orders --dry-run")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub(crate) struct Arguments {
    /// The plugin's id: lower-case words joined by hyphens, such as `my-feature`.
    #[arg(value_parser = plugin_id_argument::parse)]
    id: PluginId,
    /// What the plugin is for, in one line.
    #[arg(long, value_name = "TEXT", value_parser = one_line)]
    description: Option<String>,
    /// The example table.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_TABLE, value_parser = TableName::parse)]
    table: TableName,
    /// Leave out the permissions, the routes and their test: the plugin has tables only.
    #[arg(long)]
    no_server: bool,
    /// Then bring the database up to date with the migrations of all plugins.
    #[arg(long, conflicts_with = "dry_run")]
    migrate: bool,
    /// Show what would be written, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
    /// The version of the first migration.
    #[arg(long, hide = true, value_parser = Timestamp::parse)]
    timestamp: Option<Timestamp>,
}

/// What the templates of a plugin can use.
#[derive(Serialize)]
struct Values<'a> {
    id: &'a str,
    description: &'a str,
    package: &'a str,
    library: &'a str,
    schema: &'a str,
    table: Table<'a>,
    version: String,
    inherited: Vec<&'static str>,
    edition: &'a str,
    lints: bool,
    server: bool,
    mount_path: &'a str,
}

#[derive(Serialize)]
struct Table<'a> {
    name: &'a str,
    rust_name: String,
    type_name: String,
    /// What one row is called: `order_line`.
    row: String,
}

impl Arguments {
    /// What `new-plugin ID` means, without options.
    pub(crate) fn of(id: PluginId) -> Result<Self> {
        Ok(Self {
            id,
            description: None,
            table: TableName::parse(DEFAULT_TABLE)?,
            no_server: false,
            migrate: false,
            dry_run: false,
            json: false,
            timestamp: None,
        })
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let plan = if arguments.dry_run {
        plan(&workspace, arguments)?
    } else {
        write(&workspace, arguments)?
    };
    if !arguments.migrate {
        report(&workspace, arguments, &plan, None);
        return Ok(ExitCode::SUCCESS);
    }
    if !arguments.json {
        report(&workspace, arguments, &plan, None);
    }
    let migrated = migrate(&workspace).with_context(|| {
        let id = arguments.id;
        format!("failed to migrate, but plugin `{id}` is written; run `cargo xtask migrate` when this is mended")
    })?;
    if arguments.json {
        report(&workspace, arguments, &plan, Some(&migrated));
    } else {
        terminal::result(&format!("{migrated}\n"));
    }
    Ok(migrate::exit_code(&migrated))
}

/// Writes the plugin, and says what was done.
///
/// # Errors
///
/// The first failure; then nothing is written.
pub(crate) fn write(workspace: &Workspace, arguments: &Arguments) -> Result<Plan> {
    let _lock = apply::lock(workspace.root())?;
    let mut plan = plan(workspace, arguments)?;
    if !plan.is_empty() {
        apply::apply(workspace.root(), &plan, &[Path::new("Cargo.lock")], || {
            cargo_lock::update(workspace.root())
        })?;
    } else if cargo_lock::update_if_stale(workspace.root())? {
        // A run that was killed may have got no further.
        plan.notes.push("Brought Cargo.lock up to date.".to_owned());
    }
    Ok(plan)
}

/// Brings the database up to date with all plugins, the new one among them.
pub(crate) fn migrate(workspace: &Workspace) -> Result<RunReport> {
    let migrator = migrate::migrator(workspace)?;
    let database = workspace.database()?;
    migrate::run_pending(migrator, &database, &[])
}

fn plan(workspace: &Workspace, arguments: &Arguments) -> Result<Plan> {
    let id = arguments.id;
    let mut plan = Plan::default();
    let mut plugins = workspace.plugins()?;
    let folder = workspace.plugins_folder().join(id.as_str());
    if let Some(there) = plugins.iter().find(|plugin| plugin.id == id) {
        let there = workspace.relative(&there.folder);
        ensure!(
            there == folder,
            "failed to create plugin `{id}`: {} has that id already; choose another",
            there.display()
        );
        if arguments.description.is_some() || arguments.table.as_str() != DEFAULT_TABLE {
            plan.notes.push(format!(
                "Plugin `{id}` is there already: `--description` and `--table` change nothing."
            ));
        }
        wiring::plan(workspace, &plugins, &mut plan)?;
        return Ok(plan);
    }

    check_free(workspace, id, &folder)?;
    let files = files(workspace, arguments)?;
    plugins.push(WorkspacePlugin {
        id,
        dependencies: Vec::new(),
        folder: workspace.root().join(&folder),
        package_name: id.package_name(),
    });
    plugins.sort_by_key(|plugin| plugin.id);
    plan.folder = Some(NewFolder {
        path: folder,
        files,
    });
    wiring::plan(workspace, &plugins, &mut plan)?;
    Ok(plan)
}

/// Refuses a plugin whose folder or package name is taken.
fn check_free(workspace: &Workspace, id: PluginId, folder: &Path) -> Result<()> {
    ensure!(
        std::fs::symlink_metadata(workspace.root().join(folder)).is_err(),
        "failed to create plugin `{id}`: {} is there already, and is not that plugin; move it away, or choose \
         another id",
        folder.display()
    );
    for (name, place) in wiring::packages(workspace)? {
        if name == id.package_name() {
            bail!(
                "failed to create plugin `{id}`: the package in {} is called {name} already; choose another id",
                place.display()
            );
        }
    }
    Ok(())
}

/// The plugin's files, formatted.
fn files(workspace: &Workspace, arguments: &Arguments) -> Result<Vec<NewFile>> {
    let root = std::fs::read_to_string(workspace.root().join("Cargo.toml"))
        .context("failed to read Cargo.toml")?;
    let root =
        RootManifest::parse(&TextStyle::plain(&root)).context("failed to read Cargo.toml")?;
    let id = arguments.id;
    let description = match &arguments.description {
        Some(description) => description.clone(),
        None => format!("The plugin {id}"),
    };
    let values = Values {
        id: id.as_str(),
        description: &description,
        package: &id.package_name(),
        library: id.schema_name(),
        schema: id.schema_name(),
        table: Table {
            name: arguments.table.as_str(),
            rust_name: arguments.table.rust_name(),
            type_name: arguments.table.type_name(),
            row: arguments.table.row(),
        },
        version: arguments
            .timestamp
            .unwrap_or_else(Timestamp::now)
            .to_string(),
        inherited: root.package_keys(),
        edition: root.edition(),
        lints: root.has_lints(),
        server: !arguments.no_server,
        mount_path: id.mount_path(),
    };
    let overrides = workspace.root().join(workspace.templates_folder());
    let mut files = templates::render("plugin", &overrides, &values)?;
    if !arguments.no_server {
        files.extend(templates::render("plugin-server", &overrides, &values)?);
        files.sort_by(|a, b| a.path.cmp(&b.path));
    }
    format(&mut files, root.edition(), workspace.root())?;
    Ok(files)
}

/// Formats all Rust files, side by side.
fn format(files: &mut [NewFile], edition: &str, folder: &Path) -> Result<()> {
    let mut started = Vec::new();
    for file in files {
        if file
            .path
            .extension()
            .is_some_and(|extension| extension == "rs")
        {
            started.push((Formatting::start(&file.text, edition, folder)?, file));
        }
    }
    for (formatting, file) in started {
        file.text = formatting.finish(&file.path)?;
    }
    Ok(())
}

/// Reads a description: white space, also line ends, becomes one space.
fn one_line(text: &str) -> Result<String> {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(
        !line.chars().any(char::is_control),
        "failed to take {text:?} as the description: it has a control character; leave that out"
    );
    ensure!(
        !line.is_empty(),
        "failed to take {text:?} as the description: it is empty; leave `--description` out"
    );
    Ok(line)
}

fn report(workspace: &Workspace, arguments: &Arguments, plan: &Plan, migrated: Option<&RunReport>) {
    let id = arguments.id;
    let folder: PathBuf = workspace.plugins_folder().join(id.as_str());
    if arguments.json {
        let status = match (plan.is_empty(), arguments.dry_run) {
            (true, _) => "nothing-to-do",
            (false, true) => "planned",
            (false, false) => "written",
        };
        let document = json!({
            "command": "new-plugin",
            "status": status,
            "plugin": id.as_str(),
            "schema": id.schema_name(),
            "folder": folder.display().to_string(),
            "files": plan.json(),
            "notes": plan.notes,
            "migrated": migrated.map(RunReport::to_json),
        });
        terminal::result(&format!("{document:#}\n"));
        return;
    }
    for note in &plan.notes {
        terminal::remark(note);
    }
    if plan.is_empty() {
        terminal::result(&format!(
            "Nothing to do: plugin `{id}` is in {} already.\n",
            folder.display()
        ));
    } else if arguments.dry_run {
        terminal::result(&format!("Would write plugin `{id}`:\n{}", plan.list()));
        terminal::result(&terminal::coloured(&plan.diffs()));
    } else {
        let test = format!("cargo test -p {}", id.package_name());
        let width = test.len();
        let migrate = if arguments.migrate {
            String::new()
        } else {
            format!(
                "  {:<width$}  creates the schema {} and its table\n",
                "cargo xtask migrate",
                id.schema_name()
            )
        };
        terminal::result(&format!(
            "Wrote plugin `{id}`:\n{}\nNext:\n{migrate}  \
             {test}  migrates a database and uses the models\n",
            plan.list(),
        ));
    }
}
