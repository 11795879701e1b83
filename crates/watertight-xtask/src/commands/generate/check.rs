use anyhow::Result;
use watertight_diagnostics::ExitCode;

use super::arguments::Arguments;
use super::found::Found;
use super::report;
use crate::database::scratch::ScratchServer;
use crate::workspace::Workspace;
use crate::workspace::schema_file::SchemaFile;

/// Checks that no migration is missing, for one plugin or for all plugins with a schema.rs.
pub(super) fn run(workspace: &Workspace, arguments: &Arguments) -> Result<ExitCode> {
    let mut plugins = Vec::new();
    if let Some(id) = &arguments.plugin {
        plugins.push(workspace.plugin(id)?);
    } else {
        for plugin in workspace.plugins()? {
            if SchemaFile::read(workspace.root(), &plugin)?
                .contents
                .is_some()
            {
                plugins.push(plugin);
            }
        }
    }
    let server = ScratchServer::find(workspace)?;
    let mut checked = Vec::new();
    for plugin in plugins {
        let missing = match Found::of(workspace, &plugin, &server, arguments)? {
            Found::Nothing => None,
            Found::Questions(questions) => Some(questions[0].to_string()),
            Found::Migration(migration) => Some(report::list(&migration.changes)),
        };
        checked.push((plugin.id, missing));
    }
    report::checked(arguments, &checked)?;
    let is_complete = checked.iter().all(|(_, missing)| missing.is_none());
    Ok(if is_complete {
        ExitCode::Success
    } else {
        ExitCode::CheckFailed
    })
}
