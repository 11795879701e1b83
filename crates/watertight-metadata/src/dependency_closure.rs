use crate::plugin_id::PluginId;

/// Returns the ids in `roots` and of everything that they depend on, directly or indirectly, each once.
///
/// Each plugin is an id with the ids of its dependencies, as for [`dependency_order()`](crate::dependency_order()). An
/// id that no plugin has counts as one without dependencies.
///
/// ```
/// use watertight_metadata::{PluginId, dependency_closure};
///
/// let [auth, catalog, orders] = ["auth", "catalog", "orders"].map(PluginId::new);
/// let plugins = [(auth, vec![]), (catalog, vec![]), (orders, vec![catalog])];
/// assert_eq!(dependency_closure(&plugins, &[orders]), [orders, catalog]);
/// ```
pub fn dependency_closure(
    plugins: &[(PluginId, Vec<PluginId>)],
    roots: &[PluginId],
) -> Vec<PluginId> {
    let mut closure = Vec::with_capacity(roots.len());
    let mut pending: Vec<PluginId> = roots.iter().rev().copied().collect();
    while let Some(id) = pending.pop() {
        if closure.contains(&id) {
            continue;
        }
        closure.push(id);
        let dependencies = plugins.iter().find(|(plugin, _)| *plugin == id);
        pending.extend(dependencies.iter().flat_map(|(_, ids)| ids));
    }
    closure
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indirect_and_shared_dependencies_are_returned_once() {
        let [base, left, right, top, other] =
            ["base", "left", "right", "top", "other"].map(PluginId::new);
        let plugins = [
            (top, vec![left, right]),
            (left, vec![base]),
            // Even a cycle ends.
            (right, vec![base, top]),
            (base, vec![]),
            (other, vec![top]),
        ];
        let mut closure = dependency_closure(&plugins, &[top, left]);
        closure.sort();
        assert_eq!(closure, [base, left, right, top]);
    }

    #[test]
    fn an_unknown_id_is_kept() {
        let unknown = PluginId::new("unknown");
        assert_eq!(dependency_closure(&[], &[unknown]), [unknown]);
    }
}
