use std::num::NonZeroUsize;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;
use serde_json::{Value, json};
use watertight_diagnostics::causes;
use watertight_metadata::PluginId;
use watertight_migrations::{MigrateError, Migrator};
use watertight_schema::{Catalog, CatalogDifference};

use crate::commands::migrate;
use crate::scratch::{Scratch, ScratchServer};
use crate::terminal;
use crate::workspace::Workspace;

/// Run each plugin's migrations up, down and up again, and see that every down undoes its up.
///
/// One migration at a time, in a scratch database; after each, everything in the database is compared with what was
/// there before. Exits with 3 when something is found.
#[derive(Args)]
#[command(after_help = "\
Examples:
  cargo xtask verify
  cargo xtask verify catalog")]
pub(crate) struct Arguments {
    /// The plugins' ids. Without one, all plugins.
    #[arg(value_name = "PLUGIN")]
    plugins: Vec<String>,
    /// Print one JSON document.
    #[arg(long)]
    json: bool,
}

/// What one plugin's migrations were found to do.
struct Verified {
    plugin: PluginId,
    migrations: usize,
    findings: Vec<Finding>,
}

/// Something that a migration does not do as it should.
struct Finding {
    migration: String,
    /// `down.sql`, or `up.sql` when that is run again.
    file: &'static str,
    what: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let plugins = workspace.named_or_all(&arguments.plugins)?;
    let server = ScratchServer::find(&workspace)?;
    let mut verified = Vec::new();
    for plugin in &plugins {
        let migrator = migrate::migrator_for(&workspace, &[plugin.id])?;
        let mut scratch = server.create()?;
        scratch.prepare(&workspace, plugin.id)?;
        let plugin = verify(&migrator, &mut scratch, plugin.id)?;
        if !arguments.json {
            terminal::result(&plugin.text());
        }
        verified.push(plugin);
    }
    let is_clean = verified.iter().all(|plugin| plugin.findings.is_empty());
    if arguments.json {
        let plugins: Vec<Value> = verified.iter().map(Verified::to_json).collect();
        terminal::result(&format!(
            "{:#}\n",
            json!({ "command": "verify", "plugins": plugins })
        ));
    }
    Ok(if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(3)
    })
}

/// The names of a plugin's migrations, each with what the database held after it.
type Steps = Vec<(String, Catalog)>;

fn verify(migrator: &Migrator, scratch: &mut Scratch, plugin: PluginId) -> Result<Verified> {
    let nothing = Catalog::read(&mut scratch.connection)?;
    let mut steps = Steps::new();
    while let Some(name) = migrator.run_next(&mut scratch.connection, &plugin)? {
        steps.push((name, Catalog::read(&mut scratch.connection)?));
    }
    let mut findings = Vec::new();
    down(migrator, scratch, plugin, &nothing, &steps, &mut findings)?;
    // What a down has left is told there.
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
    nothing: &Catalog,
    steps: &Steps,
    findings: &mut Vec<Finding>,
) -> Result<()> {
    let mut known = Vec::new();
    for (index, (name, _)) in steps.iter().enumerate().rev() {
        let reverted = migrator.revert(&mut scratch.connection, &plugin, NonZeroUsize::MIN);
        if let Err(error) = reverted {
            findings.push(Finding::refused(name, "down.sql", &error));
            return Ok(());
        }
        let before = index
            .checked_sub(1)
            .map_or(nothing, |index| &steps[index].1);
        let differences = before.differences(&Catalog::read(&mut scratch.connection)?);
        Finding::of_new(name, "down.sql", &differences, &mut known, findings);
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
            findings.push(Finding::refused(name, "up.sql", &error));
            return Ok(());
        }
        let differences = after.differences(&Catalog::read(&mut scratch.connection)?);
        Finding::of_new(name, "up.sql", &differences, &mut known, findings);
    }
    Ok(())
}

impl Finding {
    fn refused(migration: &str, file: &'static str, error: &MigrateError) -> Self {
        Self {
            migration: migration.to_owned(),
            file,
            what: causes(Some(error)).join(": "),
        }
    }

    /// Those of the differences that were not there before: each is told once, of the migration that made it.
    fn of_new(
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
                what: difference.to_string(),
            });
        }
        known.extend_from_slice(differences);
    }
}

impl Verified {
    fn text(&self) -> String {
        let Self {
            plugin,
            migrations,
            findings,
        } = self;
        let mut text = match (migrations, findings.len()) {
            (0, _) => format!("{plugin}: no migrations\n"),
            (1, 0) => format!("{plugin}: 1 migration up, down and up again\n"),
            (many, 0) => format!("{plugin}: {many} migrations up, down and up again\n"),
            (_, 1) => format!("{plugin}: 1 finding\n"),
            (_, many) => format!("{plugin}: {many} findings\n"),
        };
        for Finding {
            migration,
            file,
            what,
        } in findings
        {
            text.push_str("  ");
            text.push_str(&[migration.as_str(), file].join("/"));
            text.push_str(": ");
            text.push_str(what);
            text.push('\n');
        }
        text
    }

    fn to_json(&self) -> Value {
        let findings = self.findings.iter().map(|finding| {
            json!({ "migration": finding.migration, "file": finding.file, "what": finding.what })
        });
        json!({
            "plugin": self.plugin.as_str(),
            "migrations": self.migrations,
            "findings": findings.collect::<Vec<_>>(),
        })
    }
}
