use std::error::Error;
use std::fmt;

use crate::plugin_id::PluginId;

/// Why plugins cannot be put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DependencyError {
    /// Two plugins have the same id.
    Duplicate {
        /// The id.
        id: PluginId,
    },
    /// A plugin depends on one that does not exist.
    Unknown {
        /// The plugin that has the dependency.
        plugin: PluginId,
        /// The id that no plugin has.
        dependency: PluginId,
    },
    /// Plugins depend on each other in a cycle.
    Cycle {
        /// The cycle: each plugin depends on the next one, the last on the first.
        plugins: Vec<PluginId>,
    },
}

impl fmt::Display for DependencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to put the plugins in order: ")?;
        match self {
            Self::Duplicate { id } => {
                write!(f, "two plugins have the id `{id}`")
            }
            Self::Unknown { plugin, dependency } => write!(
                f,
                "plugin `{plugin}` depends on `{dependency}`, which does not exist"
            ),
            Self::Cycle { plugins } => {
                for plugin in plugins {
                    write!(f, "`{plugin}` depends on ")?;
                }
                write!(f, "`{}`", plugins[0])
            }
        }
    }
}

impl Error for DependencyError {}

impl DependencyError {
    /// Returns what to do next, as a phrase without a full stop.
    pub fn hint(&self) -> String {
        match self {
            Self::Duplicate { .. } => "rename one of them".to_owned(),
            Self::Unknown { dependency, .. } => {
                format!("add plugin `{dependency}`, or remove it from `depends_on`")
            }
            Self::Cycle { .. } => "remove one of these from its `depends_on`".to_owned(),
        }
    }
}

/// Returns the indices of `plugins` in an order in which each plugin comes after its dependencies.
///
/// Each plugin is an id with the ids of its dependencies. Plugins that do not depend on each other keep their order.
///
/// ```
/// use watertight_metadata::{PluginId, dependency_order};
///
/// let [auth, catalog] = ["auth", "catalog"].map(PluginId::new);
/// let order = dependency_order(&[(auth, vec![catalog]), (catalog, vec![])])?;
/// assert_eq!(order, [1, 0]);
/// # Ok::<(), watertight_metadata::DependencyError>(())
/// ```
///
/// # Errors
///
/// When two plugins have the same id, a dependency does not exist, or plugins depend on each other in a cycle.
pub fn dependency_order(
    plugins: &[(PluginId, Vec<PluginId>)],
) -> Result<Vec<usize>, DependencyError> {
    let mut search = Search {
        plugins,
        states: vec![State::New; plugins.len()],
        path: Vec::new(),
        order: Vec::with_capacity(plugins.len()),
    };
    for (index, (id, _)) in plugins.iter().enumerate() {
        if plugins[..index].iter().any(|(other, _)| other == id) {
            return Err(DependencyError::Duplicate { id: *id });
        }
    }
    for index in 0..plugins.len() {
        search.visit(index)?;
    }
    Ok(search.order)
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    New,
    OnPath,
    Done,
}

/// A depth-first search that lists a plugin after its dependencies.
struct Search<'a> {
    plugins: &'a [(PluginId, Vec<PluginId>)],
    states: Vec<State>,
    path: Vec<usize>,
    order: Vec<usize>,
}

impl Search<'_> {
    fn visit(&mut self, index: usize) -> Result<(), DependencyError> {
        match self.states[index] {
            State::Done => return Ok(()),
            State::OnPath => return Err(self.cycle(index)),
            State::New => {}
        }
        self.states[index] = State::OnPath;
        self.path.push(index);
        let (plugin, dependencies) = &self.plugins[index];
        for dependency in dependencies {
            let found = self.plugins.iter().position(|(id, _)| id == dependency);
            self.visit(found.ok_or(DependencyError::Unknown {
                plugin: *plugin,
                dependency: *dependency,
            })?)?;
        }
        self.path.pop();
        self.states[index] = State::Done;
        self.order.push(index);
        Ok(())
    }

    fn cycle(&self, index: usize) -> DependencyError {
        let on_cycle = self.path.iter().skip_while(|on_path| **on_path != index);
        DependencyError::Cycle {
            plugins: on_cycle.map(|index| self.plugins[*index].0).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plugins(list: &[(&str, &[&str])]) -> Vec<(PluginId, Vec<PluginId>)> {
        let id = |id: &&str| PluginId::new(id);
        list.iter()
            .map(|(plugin, needs)| (id(plugin), needs.iter().map(id).collect()))
            .collect()
    }

    fn error(list: &[(&str, &[&str])]) -> String {
        let error = dependency_order(&plugins(list)).unwrap_err();
        format!("{error}\nhint: {}", error.hint())
    }

    #[test]
    fn plugins_without_dependencies_keep_their_order() {
        let list = plugins(&[("c", &[]), ("a", &[]), ("b", &[])]);
        assert_eq!(dependency_order(&list), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn a_duplicate_id_is_named() {
        assert_eq!(
            error(&[("a", &[]), ("a", &[])]),
            "failed to put the plugins in order: two plugins have the id `a`\nhint: rename one of them"
        );
    }

    #[test]
    fn an_unknown_dependency_is_named_with_the_plugin_that_has_it() {
        assert_eq!(
            error(&[("a", &["b"])]),
            "failed to put the plugins in order: plugin `a` depends on `b`, which does not exist\n\
             hint: add plugin `b`, or remove it from `depends_on`"
        );
    }

    #[test]
    fn a_cycle_is_named_without_the_plugins_that_lead_to_it() {
        assert_eq!(
            error(&[("x", &["a"]), ("a", &["b"]), ("b", &["c"]), ("c", &["a"])]),
            "failed to put the plugins in order: `a` depends on `b` depends on `c` depends on `a`\n\
             hint: remove one of these from its `depends_on`"
        );
        assert!(error(&[("a", &["a"])]).contains("`a` depends on `a`"));
    }

    proptest! {
        #[test]
        fn every_plugin_comes_after_its_dependencies(edges in proptest::collection::vec((0_usize..12, 0_usize..12), 0..40)) {
            let ids: Vec<PluginId> = (0..12).map(|n| PluginId::parse(&format!("p{n}")).unwrap()).collect();
            let mut list: Vec<_> = ids.iter().map(|id| (*id, Vec::new())).collect();
            // Edges to a lower number only cannot form a cycle.
            for (from, to) in edges.into_iter().filter(|(from, to)| to < from) {
                list[from].1.push(ids[to]);
            }
            let order = dependency_order(&list).unwrap();
            prop_assert_eq!(order.len(), list.len());
            for (position, index) in order.iter().enumerate() {
                for dependency in &list[*index].1 {
                    prop_assert!(order[..position].iter().any(|before| list[*before].0 == *dependency));
                }
            }
        }
    }
}
