use super::apply_step::apply_step;
use super::provision::provision;
use super::rights;
use super::selected_plugin::SelectedPlugin;
use crate::direction::Direction;
use crate::errors::MigrateError;
use crate::session::{Options, Session};
use crate::sources::LoadedPlugin;

/// Runs the oldest pending migration and returns its name, or `None` if none is pending.
pub(crate) fn run_next<S: Session>(
    session: &mut S,
    plugin: &LoadedPlugin,
    options: &Options,
) -> Result<Option<String>, MigrateError> {
    let selected = SelectedPlugin::read_one(session, plugin)?;
    let Some(migration) = selected.pending().next() else {
        return Ok(None);
    };
    let step = selected.step(migration, Direction::Up);
    step.scripts()?;
    rights::check_step(step, &selected.state)?;
    step.require_session(session)?;
    provision(session, plugin.id, &selected.state, options)?;
    apply_step(session, step, plugin, options)?;
    Ok(Some(migration.name.clone()))
}
