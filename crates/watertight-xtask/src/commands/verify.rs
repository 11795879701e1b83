use std::fmt::Write as _;
use std::num::NonZeroUsize;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use watertight_diagnostics::ExitCode;
use watertight_metadata::PluginId;
use watertight_migrations::{MigrateError, Migrator};
use watertight_schema::{Catalog, CatalogDifference};

use crate::database::migration_folders::migrator_for;
use crate::database::scratch::{Scratch, ScratchServer};
use crate::output::{command_error, source_warnings, terminal};
use crate::workspace::Workspace;

/// Check that every down.sql reverts its up.sql.
///
/// Runs each plugin's migrations up, down and up again in a scratch database, and compares all database objects after
/// each migration. Exits with 3 if there are findings.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask verify
  cargo xtask verify catalog")]
pub(crate) struct Arguments {
    /// Plugin ids [default: all plugins].
    #[arg(value_name = "PLUGIN")]
    plugins: Vec<String>,
    /// Print the result as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The findings about the migrations of one plugin.
struct Verified {
    plugin: PluginId,
    migrations: usize,
    findings: Vec<Finding>,
}

/// A difference that a migration leaves behind, or a migration that failed.
struct Finding {
    migration: String,
    /// `down.sql`, or `up.sql` when it runs again.
    file: &'static str,
    message: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let plugins = workspace.named_or_all(&arguments.plugins)?;
    let server = ScratchServer::find(&workspace)?;
    let mut verified = Vec::new();
    let mut warnings = Vec::new();
    for plugin in &plugins {
        let migrator = migrator_for(&workspace, &[plugin.id])?;
        // Those of its dependencies are reported with them.
        for warning in migrator.warnings().filter(|it| it.plugin == plugin.id) {
            terminal::warning(warning);
            warnings.push(source_warnings::to_json(warning));
        }
        let mut scratch = server.create()?;
        scratch.prepare(&workspace, plugin)?;
        let plugin = verify(&migrator, &mut scratch, plugin.id)?;
        if !arguments.json {
            terminal::print(&plugin.summary())?;
        }
        verified.push(plugin);
    }
    let is_clean = verified.iter().all(|plugin| plugin.findings.is_empty());
    if arguments.json {
        let plugins: Vec<Value> = verified.iter().map(Verified::to_json).collect();
        terminal::print_json(
            &json!({ "command": "verify", "plugins": plugins, "warnings": warnings }),
        )?;
    }
    Ok(if is_clean {
        ExitCode::Success
    } else {
        ExitCode::CheckFailed
    })
}

/// The names of a plugin's migrations, each with the database objects after it.
type Steps = Vec<(String, Catalog)>;

fn verify(migrator: &Migrator, scratch: &mut Scratch, plugin: PluginId) -> Result<Verified> {
    let empty = Catalog::read(&mut scratch.connection)?;
    let mut steps = Steps::new();
    while let Some(name) = migrator.run_next(&mut scratch.connection, &plugin)? {
        steps.push((name, Catalog::read(&mut scratch.connection)?));
    }
    let mut findings = Vec::new();
    down(migrator, scratch, plugin, &empty, &steps, &mut findings)?;
    // The findings about a down.sql would be repeated.
    if findings.is_empty() {
        up_again(migrator, scratch, plugin, &steps, &mut findings)?;
    }
    Ok(Verified {
        plugin,
        migrations: steps.len(),
        findings,
    })
}

fn down(
    migrator: &Migrator,
    scratch: &mut Scratch,
    plugin: PluginId,
    empty: &Catalog,
    steps: &Steps,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let mut known = Vec::new();
    for (index, (name, _)) in steps.iter().enumerate().rev() {
        let reverted = migrator.revert(&mut scratch.connection, &plugin, NonZeroUsize::MIN);
        if let Err(error) = reverted {
            findings.push(Finding::failed(name, "down.sql", &error));
            return Ok(());
        }
        let before = index.checked_sub(1).map_or(empty, |index| &steps[index].1);
        let differences = before.differences(&Catalog::read(&mut scratch.connection)?);
        Finding::add_new(name, "down.sql", &differences, &mut known, findings);
    }
    Ok(())
}

fn up_again(
    migrator: &Migrator,
    scratch: &mut Scratch,
    plugin: PluginId,
    steps: &Steps,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let mut known = Vec::new();
    for (name, after) in steps {
        if let Err(error) = migrator.run_next(&mut scratch.connection, &plugin) {
            findings.push(Finding::failed(name, "up.sql", &error));
            return Ok(());
        }
        let differences = after.differences(&Catalog::read(&mut scratch.connection)?);
        Finding::add_new(name, "up.sql", &differences, &mut known, findings);
    }
    Ok(())
}

impl Finding {
    fn failed(migration: &str, file: &'static str, error: &MigrateError) -> Self {
        Self {
            migration: migration.to_owned(),
            file,
            message: message(error),
        }
    }

    /// Adds the differences that an earlier migration does not have: each is reported once.
    fn add_new(
        migration: &str,
        file: &'static str,
        differences: &[CatalogDifference],
        known: &mut Vec<CatalogDifference>,
        findings: &mut Vec<Self>,
    ) {
        for difference in differences
            .iter()
            .filter(|difference| !known.contains(difference))
        {
            findings.push(Self {
                migration: migration.to_owned(),
                file,
                message: difference.to_string(),
            });
        }
        known.extend_from_slice(differences);
    }
}

/// Returns the error with its causes, its location and its hint.
fn message(error: &MigrateError) -> String {
    let report = command_error::report(error).to_string();
    report.trim_start_matches("error: ").to_owned()
}

impl Verified {
    fn summary(&self) -> String {
        let Self {
            plugin,
            migrations,
            findings,
        } = self;
        let mut lines = match (migrations, findings.len()) {
            (0, _) => format!("{plugin}: no migrations\n"),
            (1, 0) => format!("{plugin}: 1 migration up, down and up again\n"),
            (many, 0) => format!("{plugin}: {many} migrations up, down and up again\n"),
            (_, 1) => format!("{plugin}: 1 finding\n"),
            (_, many) => format!("{plugin}: {many} findings\n"),
        };
        for Finding {
            migration,
            file,
            message,
        } in findings
        {
            let _ = writeln!(lines, "  {migration}/{file}: {message}");
        }
        lines
    }

    fn to_json(&self) -> Value {
        let findings = self.findings.iter().map(|finding| {
            json!({ "migration": finding.migration, "file": finding.file, "what": finding.message })
        });
        json!({
            "plugin": self.plugin.as_str(),
            "migrations": self.migrations,
            "findings": findings.collect::<Vec<_>>(),
        })
    }
}
