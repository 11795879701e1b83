use std::io;
use std::net::SocketAddr;

use axum::http::Method;
use watertight_metadata::{PermissionId, PluginId};
use watertight_migrations::LoadError;

use crate::plugin::BoxError;
use crate::problem::with_causes;

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The plugins do not fit together, or their migrations cannot be read.
    #[error(transparent)]
    Plugins(#[from] LoadError),
    /// A plugin declares a permission twice.
    #[error("failed to register plugin `{}`: it declares the permission `{permission}` twice; keep one", .permission.plugin())]
    DuplicatePermission {
        /// The permission.
        permission: PermissionId,
    },
    /// A route needs a permission that its plugin does not declare.
    #[error(
        "failed to mount {method} {path} of plugin `{}`: it needs the permission `{permission}`, which the plugin \
         does not declare, or not with the same audience; add it to the plugin's `permissions`",
        .permission.plugin()
    )]
    UndeclaredPermission {
        /// The permission.
        permission: PermissionId,
        /// The route's method.
        method: Method,
        /// The route's path, below the mount path.
        path: String,
    },
    /// A route cannot be mounted.
    #[error("failed to mount {method} {path} of plugin `{plugin}`: {reason}")]
    Route {
        /// The plugin.
        plugin: PluginId,
        /// The route's method.
        method: Method,
        /// The route's path, below the mount path.
        path: String,
        /// Why, and what to do.
        reason: String,
    },
    /// A plugin's own start-up step failed.
    #[error("failed to start plugin `{plugin}`: its step `{step}` failed: {}; mend that and start again", with_causes(source.as_ref()))]
    Step {
        /// The plugin.
        plugin: PluginId,
        /// `init` or `after_all_ready`.
        step: &'static str,
        /// What it says.
        source: BoxError,
    },
    /// The address cannot be listened on.
    #[error(
        "failed to listen on {address}: {source}; stop what listens there, or choose another address with `--listen`"
    )]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The system does not let the server run.
    #[error("failed to run the server: {0}; see the system's limits on threads and open files")]
    System(#[from] io::Error),
}
