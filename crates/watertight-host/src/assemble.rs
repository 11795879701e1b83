//! From plugins to one axum router, with everything checked that can be before the server runs.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use matchit::InsertError;
use watertight_metadata::PluginId;

use crate::authorizer::DynAuthorizer;
use crate::guard::{Guard, guard};
use crate::routes::Route;
use crate::{Access, Permission, PluginContext, ServerError};

/// The router of one plugin, with full paths.
///
/// # Errors
///
/// Names the route that cannot be mounted, or whose permission is not declared.
pub(crate) fn plugin_router(
    context: &PluginContext,
    permissions: &[Permission],
    routes: Vec<Route>,
    authorizer: &Arc<dyn DynAuthorizer>,
) -> Result<Router, ServerError> {
    let plugin = *context.metadata().id();
    check_permissions(plugin, permissions)?;
    let mut paths = Paths::default();
    let mut mounted = Router::new();
    for route in routes {
        let path = paths.add(plugin, &route)?;
        let mut handler = route.handler;
        if let Access::Permission(permission) = route.access {
            if !permissions.contains(&permission) {
                return Err(ServerError::UndeclaredPermission {
                    permission: plugin.permission(permission.name()),
                    method: route.method,
                    path: route.path,
                });
            }
            let guarded = Guard {
                authorizer: Arc::clone(authorizer),
                permission: permission.of(plugin),
            };
            handler = handler.route_layer(from_fn_with_state(guarded, guard));
        }
        mounted = mounted.route(&path, handler.with_state(context.clone()));
    }
    Ok(mounted)
}

fn check_permissions(plugin: PluginId, permissions: &[Permission]) -> Result<(), ServerError> {
    let mut names = HashSet::new();
    for permission in permissions {
        if !names.insert(permission.name()) {
            return Err(ServerError::DuplicatePermission {
                permission: plugin.permission(permission.name()),
            });
        }
    }
    Ok(())
}

/// The paths so far. axum panics on one that it cannot take; here it is an error.
#[derive(Default)]
struct Paths {
    routes: HashSet<(String, Method)>,
    tree: matchit::Router<()>,
}

impl Paths {
    /// The full path of a route.
    fn add(&mut self, plugin: PluginId, route: &Route) -> Result<String, ServerError> {
        let refuse = |reason: String| ServerError::Route {
            plugin,
            method: route.method.clone(),
            path: route.path.clone(),
            reason,
        };
        if !route.path.starts_with('/') {
            return Err(refuse(
                "a path begins with `/`; put one before it".to_owned(),
            ));
        }
        // https://docs.rs/axum/0.8/axum/struct.Router.html#panics
        if route.path.contains("/:") || route.path.contains("/*") {
            return Err(refuse(
                "a parameter is written `{name}`, and one for the rest of a path `{*name}`"
                    .to_owned(),
            ));
        }
        let path = format!(
            "{}{}",
            plugin.mount_path(),
            route.path.trim_end_matches('/')
        );
        let is_new = self.routes.insert((path.clone(), route.method.clone()));
        if !is_new {
            return Err(refuse(
                "there is such a route already; remove one".to_owned(),
            ));
        }
        let is_known = self
            .routes
            .iter()
            .any(|(known, method)| *known == path && *method != route.method);
        if !is_known {
            self.tree.insert(&path, ()).map_err(|error| {
                refuse(match error {
                    InsertError::Conflict { with } => {
                        format!("it conflicts with {with}; change its path")
                    }
                    other => format!("{other}; change its path"),
                })
            })?;
        }
        Ok(path)
    }
}
