use std::collections::HashMap;

use watertight_metadata::PluginId;

use crate::sources::LoadedPlugin;

/// Returns how many of the plugins that have work can run at the same time, for as many connections. Each plugin comes
/// after its dependencies.
///
/// Plugins that are equally many steps away from the first ones do not wait for each other.
pub(super) fn breadth(
    plugins: &[&LoadedPlugin],
    has_work: impl Fn(&LoadedPlugin) -> bool,
) -> usize {
    let mut steps: HashMap<PluginId, usize> = HashMap::new();
    let mut plugins_at = HashMap::new();
    let mut breadth = 0;
    for plugin in plugins {
        let dependencies = plugin.dependencies.iter();
        let mut step = dependencies
            .filter_map(|id| steps.get(id))
            .max()
            .copied()
            .unwrap_or(0);
        if has_work(plugin) {
            step += 1;
            let count: &mut usize = plugins_at.entry(step).or_default();
            *count += 1;
            breadth = breadth.max(*count);
        }
        steps.insert(plugin.id, step);
    }
    breadth
}
