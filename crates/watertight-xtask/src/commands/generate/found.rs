use std::io::{IsTerminal as _, stderr, stdin};

use anyhow::{Result, bail};
use watertight_schema::{GenerateError, GeneratedMigration, RenameAnswers, RenameQuestion};

use super::arguments::Arguments;
use super::questions;
use crate::database::migration_folders::migrator_for;
use crate::database::scratch::ScratchServer;
use crate::output::hint::hinted;
use crate::output::source_warnings;
use crate::workspace::schema_file::SchemaFile;
use crate::workspace::{Workspace, WorkspacePlugin};

/// The result of comparing a plugin's schema.rs with its migrations.
pub(super) enum Found {
    /// They describe the same tables.
    Nothing,
    /// It is not known which tables and columns are renamed and which are dropped.
    Questions(Vec<RenameQuestion>),
    /// The missing migration.
    Migration(GeneratedMigration),
}

impl Found {
    /// Compares the two in a scratch database. Asks the user on a terminal, except with `--check`.
    ///
    /// # Errors
    ///
    /// When there is no schema.rs, it cannot be parsed, or a migration fails.
    pub(super) fn of(
        workspace: &Workspace,
        plugin: &WorkspacePlugin,
        server: &ScratchServer,
        arguments: &Arguments,
    ) -> Result<Self> {
        let file = SchemaFile::read(workspace.root(), plugin)?;
        if file.contents.is_none() {
            bail!(hinted(
                format!("failed to read {}: it does not exist", file.path.display()),
                format!("write it with `cargo xtask schema {}`", plugin.id)
            ));
        }
        let schema = file.parse(plugin)?;
        let migrator = migrator_for(workspace, &[plugin.id])?;
        source_warnings::print(&migrator);
        let mut scratch = server.create()?;
        scratch.migrate(&migrator, &[plugin.id])?;
        let mut answers = RenameAnswers {
            renamed: arguments.renamed.clone(),
            dropped: arguments.dropped.clone(),
        };
        let can_ask =
            !arguments.check && !arguments.json && stdin().is_terminal() && stderr().is_terminal();
        loop {
            let questions =
                match GeneratedMigration::generate(&mut scratch.connection, &schema, &answers) {
                    Ok(None) => return Ok(Self::Nothing),
                    Ok(Some(migration)) => return Ok(Self::Migration(migration)),
                    Err(GenerateError::Questions(questions)) => questions,
                    Err(error) => return Err(error.into()),
                };
            if !can_ask {
                return Ok(Self::Questions(questions));
            }
            questions::ask(&questions[0], &mut answers)?;
        }
    }
}
