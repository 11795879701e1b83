use std::error::Error;
use std::fmt;

use crate::plugin_id::PluginId;

/// Plugins that cannot be put in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DependencyError {
    /// Two plugins have the same id.
    Duplicate {
        /// The id.
        id: PluginId,
    },
    /// A plugin depends on one that is not there.
    Unknown {
        /// The plugin that has the dependency.
        plugin: PluginId,
        /// The id that no plugin has.
        dependency: PluginId,
    },
    /// Plugins depend on each other in a circle.
    Cycle {
        /// The circle: each plugin depends on the next, the last on the first.
        plugins: Vec<PluginId>,
    },
}

impl fmt::Display for DependencyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed to put the plugins in order: ")?;
        match self {
            Self::Duplicate { id } => {
                write!(f, "two plugins have the id `{id}`; rename one of them")
            }
            Self::Unknown { plugin, dependency } => write!(
                f,
                "plugin `{plugin}` depends on `{dependency}`, which is not there; add that plugin or take it \
                 out of `depends_on`"
            ),
            Self::Cycle { plugins } => {
                for plugin in plugins {
                    write!(f, "`{plugin}` depends on ")?;
                }
                write!(
                    f,
                    "`{}`; take one of these out of its `depends_on`",
                    plugins[0]
                )
            }
        }
    }
}

impl Error for DependencyError {}

/// An order in which every plugin comes after those that it depends on.
///
/// `plugins` are ids, each with the ids that it depends on; the answer is their indices. Plugins that
/// do not depend on each other keep the order they are given in.
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
/// When an id is there twice, a dependency is missing, or plugins depend on each other in a circle.
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

/// A depth-first search that lists a plugin after all that it depends on.
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
        let on_circle = self.path.iter().skip_while(|on_path| **on_path != index);
        DependencyError::Cycle {
            plugins: on_circle.map(|index| self.plugins[*index].0).collect(),
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
        dependency_order(&plugins(list)).unwrap_err().to_string()
    }

    #[test]
    fn plugins_without_dependencies_keep_their_order() {
        let list = plugins(&[("c", &[]), ("a", &[]), ("b", &[])]);
        assert_eq!(dependency_order(&list), Ok(vec![0, 1, 2]));
    }

    #[test]
    fn a_duplicate_is_named() {
        assert_eq!(
            error(&[("a", &[]), ("a", &[])]),
            "failed to put the plugins in order: two plugins have the id `a`; rename one of them"
        );
    }

    #[test]
    fn an_unknown_dependency_is_named_with_the_plugin_that_has_it() {
        assert_eq!(
            error(&[("a", &["b"])]),
            "failed to put the plugins in order: plugin `a` depends on `b`, which is not there; add that plugin \
             or take it out of `depends_on`"
        );
    }

    #[test]
    fn a_cycle_is_named_without_the_plugins_that_only_lead_to_it() {
        assert_eq!(
            error(&[("x", &["a"]), ("a", &["b"]), ("b", &["c"]), ("c", &["a"])]),
            "failed to put the plugins in order: `a` depends on `b` depends on `c` depends on `a`; take one of \
             these out of its `depends_on`"
        );
        assert!(error(&[("a", &["a"])]).contains("`a` depends on `a`"));
    }

    proptest! {
        #[test]
        fn every_plugin_comes_after_what_it_depends_on(edges in proptest::collection::vec((0_usize..12, 0_usize..12), 0..40)) {
            let ids: Vec<PluginId> = (0..12).map(|n| PluginId::parse(&format!("p{n}")).unwrap()).collect();
            let mut list: Vec<_> = ids.iter().map(|id| (*id, Vec::new())).collect();
            // Only edges to a lower number: no cycle can come of them.
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
