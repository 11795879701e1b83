use std::io;
use std::net::SocketAddr;

use axum::http::Method;
use watertight_diagnostics::{Diagnostic, SourceExcerpt};
use watertight_metadata::{PermissionId, PluginId};
use watertight_migrations::LoadError;

use crate::box_error::BoxError;

/// Why a server failed to start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The plugins are inconsistent, or their migrations cannot be read.
    #[error(transparent)]
    Plugins(#[from] LoadError),
    /// A plugin declares a permission twice.
    #[error("failed to register plugin `{}`: it declares the permission `{permission}` twice", .permission.plugin())]
    DuplicatePermission {
        /// The permission.
        permission: PermissionId,
    },
    /// A route needs a permission that its plugin does not declare.
    #[error(
        "failed to mount {method} {path} of plugin `{}`: the plugin does not declare the permission `{permission}`, or \
         declares it with another audience",
        .permission.plugin()
    )]
    UndeclaredPermission {
        /// The permission.
        permission: PermissionId,
        /// The route's method.
        method: Method,
        /// The route's path, relative to the mount path.
        path: String,
    },
    /// A route cannot be mounted.
    #[error("failed to mount {method} {path} of plugin `{plugin}`: {fault}")]
    Route {
        /// The plugin.
        plugin: PluginId,
        /// The route's method.
        method: Method,
        /// The route's path, relative to the mount path.
        path: String,
        /// What is wrong with the route.
        fault: RouteFault,
    },
    /// A plugin's start-up hook failed.
    #[error("failed to start plugin `{plugin}`: its hook `{hook}` failed")]
    Hook {
        /// The plugin.
        plugin: PluginId,
        /// `init` or `after_all_ready`.
        hook: &'static str,
        /// The hook's error.
        source: BoxError,
    },
    /// The server cannot listen on its address.
    #[error("failed to listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The error of the system.
        source: io::Error,
    },
    /// The system refused a thread, a signal handler or a socket.
    #[error("failed to run the server")]
    System(#[from] io::Error),
}

/// What is wrong with a route.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteFault {
    /// The path does not begin with `/`.
    #[error("the path does not begin with `/`")]
    NoLeadingSlash,
    /// The path has a parameter in the syntax of axum 0.7.
    #[error("axum refuses path segments that begin with `:` or `*`")]
    OldParameterSyntax,
    /// Another route has the same method and path.
    #[error("another route has the same method and path")]
    Duplicate,
    /// The path conflicts with that of another route.
    #[error("it conflicts with {0}")]
    Conflict(String),
    /// axum's router refuses the path.
    #[error("{0}")]
    Invalid(String),
}

impl Diagnostic for ServerError {
    fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::Plugins(error) => return error.hint(),
            Self::Hook { .. } => return None,
            Self::DuplicatePermission { .. } => "remove one of the declarations",
            Self::UndeclaredPermission { .. } => "add it to the plugin's `permissions`",
            Self::Route { fault, .. } => match fault {
                RouteFault::NoLeadingSlash => "put a `/` before the path",
                RouteFault::OldParameterSyntax => {
                    "write a parameter as `{name}`, and one for the rest of the path as `{*name}`"
                }
                RouteFault::Duplicate => "remove one of the routes",
                RouteFault::Conflict(_) | RouteFault::Invalid(_) => "change the path",
            },
            Self::Listen { .. } => {
                "stop the process that uses the address, or choose another one with `--listen`"
            }
            Self::System(_) => "check the system's limits on threads and open files",
        };
        Some(hint.to_owned())
    }

    fn excerpt(&self) -> Option<SourceExcerpt> {
        match self {
            Self::Plugins(error) => error.excerpt(),
            _ => None,
        }
    }
}
