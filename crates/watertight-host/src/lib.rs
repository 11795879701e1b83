//! Servers made of plugins.
//!
//! A plugin crate exports a function `plugin()` that returns a [`Plugin`]: its metadata, its migrations, the
//! [`Permission`]s that it declares and its [`Routes`]. A server is a list of plugins:
//!
//! ```no_run
//! use std::process::ExitCode;
//! use watertight_host::{DevelopmentToken, Server};
//! # fn plugins() -> Vec<watertight_host::Plugin> { Vec::new() }
//!
//! fn main() -> ExitCode {
//!     Server::new(plugins())
//!         .authorizer(DevelopmentToken::from_environment())
//!         .main()
//! }
//! ```
//!
//! # What the host does
//!
//! - It checks the plugins at start-up and mounts the routes of each at
//!   [its mount path](watertight_metadata::PluginMetadata::mount_path), `/api/<id>`.
//! - Every route needs a permission or is [public](Access::Public). A route without either does not compile, and an
//!   undeclared permission is an error at start-up. The server's [`Authorizer`] decides who has which permission;
//!   other requests are refused with status 401 or 403.
//! - Each plugin has [its own database handle](PluginDatabase).
//! - Every error response is a [`Problem`]: JSON as in RFC 9457.
//! - `GET /healthz` returns 200 while the process runs. `GET /readyz` returns 503 while migrations are pending or the
//!   database is unavailable, else 200.
//! - A server's command line has the commands `serve`, `migrate` and `status`: see [`Server::main`].
//!
//! # Start-up hooks
//!
//! Before the server listens, it runs the hook [`Plugin::init`] of each plugin, after those of the plugins that it
//! depends on, and then all [`Plugin::after_all_ready`] hooks.
//!
//! # Re-exports
//!
//! Plugins use [`axum`] and [`diesel_async`] from here, so that their versions match the host's.

mod authorization;
mod box_error;
mod cli;
mod error_chain;
mod http;
mod plugin;
mod running_server;
mod server;
mod server_database;

pub use authorization::access::Access;
pub use authorization::authorizer::{Authorizer, Decision, Identity};
pub use authorization::development_token::DevelopmentToken;
pub use authorization::permission::{Audience, Permission, RequiredPermission};
pub use axum;
pub use box_error::BoxError;
pub use diesel_async;
pub use http::problem::Problem;
pub use plugin::Plugin;
pub use plugin::plugin_context::PluginContext;
pub use plugin::plugin_database::{DatabaseUnavailable, PluginDatabase, PooledConnection};
pub use plugin::routes::Routes;
pub use running_server::RunningServer;
pub use server::Server;
pub use server::server_error::{RouteFault, ServerError};
pub use server_database::{ServerDatabase, ServerDatabaseError};
pub use watertight_connection::DatabaseUrl;
