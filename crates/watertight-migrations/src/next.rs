use crate::migrate_error::MigrateError;
use crate::options::Options;
use crate::plugin::LoadedPlugin;
use crate::progress::Direction;
use crate::provision;
use crate::run::{Selected, make};
use crate::session::PgSession;

/// Runs the oldest pending migration. Answers its name; nothing, when none is pending.
pub(crate) fn run_next<C: PgSession>(
    connection: &mut C,
    plugin: &LoadedPlugin,
    options: &Options,
) -> Result<Option<String>, MigrateError> {
    let selected = Selected::read_one(connection, plugin)?;
    let Some(migration) = selected.pending().next() else {
        return Ok(None);
    };
    let change = selected.change(migration, Direction::Up);
    change.scripts()?;
    provision::check_rights(plugin.id, &selected.state)?;
    let missing = provision::missing(plugin.id, &selected.state);
    provision::create(connection, &missing, options)?;
    make(connection, change, plugin, options)?;
    Ok(Some(migration.name.clone()))
}
