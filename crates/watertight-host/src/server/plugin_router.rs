use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use matchit::InsertError;
use watertight_metadata::PluginId;

use crate::authorization::access::Access;
use crate::authorization::authorizer::DynAuthorizer;
use crate::authorization::guard::{Guard, guard};
use crate::authorization::permission::Permission;
use crate::plugin::plugin_context::PluginContext;
use crate::plugin::routes::Route;
use crate::server::server_error::{RouteFault, ServerError};

/// Returns the router of a plugin, with absolute paths.
///
/// # Errors
///
/// Returns an error if a permission is declared twice, a route needs an undeclared permission, or axum would panic on a
/// route.
pub(crate) fn plugin_router(
    context: &PluginContext,
    permissions: &[Permission],
    routes: Vec<Route>,
    authorizer: &Arc<dyn DynAuthorizer>,
) -> Result<Router, ServerError> {
    let plugin = *context.metadata().id();
    check_permissions(plugin, permissions)?;
    let mut paths = Paths::default();
    let mut plugin_router = Router::new();
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
        plugin_router = plugin_router.route(&path, handler.with_state(context.clone()));
    }
    Ok(plugin_router)
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

/// The paths of the routes so far. Returns an error where axum would panic.
#[derive(Default)]
struct Paths {
    routes: HashSet<(String, Method)>,
    tree: matchit::Router<()>,
}

impl Paths {
    /// Adds a route and returns its absolute path.
    fn add(&mut self, plugin: PluginId, route: &Route) -> Result<String, ServerError> {
        let refuse = |fault| ServerError::Route {
            plugin,
            method: route.method.clone(),
            path: route.path.clone(),
            fault,
        };
        if !route.path.starts_with('/') {
            return Err(refuse(RouteFault::NoLeadingSlash));
        }
        // https://docs.rs/axum/0.8/axum/struct.Router.html#panics
        if route.path.contains("/:") || route.path.contains("/*") {
            return Err(refuse(RouteFault::OldParameterSyntax));
        }
        let path = format!(
            "{}{}",
            plugin.mount_path(),
            route.path.trim_end_matches('/')
        );
        let is_new = self.routes.insert((path.clone(), route.method.clone()));
        if !is_new {
            return Err(refuse(RouteFault::Duplicate));
        }
        let is_known = self
            .routes
            .iter()
            .any(|(known, method)| *known == path && *method != route.method);
        if !is_known {
            self.tree.insert(&path, ()).map_err(|error| {
                refuse(match error {
                    InsertError::Conflict { with } => RouteFault::Conflict(with),
                    other => RouteFault::Invalid(other.to_string()),
                })
            })?;
        }
        Ok(path)
    }
}
