//! What a server made of plugins needs.
//!
//! A plugin crate exports one function, `plugin()`, that returns a [`Plugin`]: its metadata, its migrations, the
//! [`Permission`]s that it declares and its [`Routes`]. A server is a list of them:
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
//! - It checks that the plugins fit together, and mounts the routes of each at
//!   [its mount path](watertight_metadata::PluginMetadata::mount_path), `/api/<id>`.
//! - Every route names a permission, or says that it is [public](Access::Public); one that says nothing does not
//!   compile, and a permission that is not declared is an error at start-up. The server's [`Authorizer`] decides who
//!   has which permission, and the host refuses the rest with 401 or 403.
//! - Each plugin has [a database handle of its own](PluginDatabase).
//! - Every error response is [a problem](Problem): JSON, as RFC 9457 says.
//! - `GET /healthz` says that the process lives. `GET /readyz` says whether it can work: it is 503 while
//!   migrations are pending or the database does not answer.
//! - The command line of the server is `serve`, `migrate` and `status`: see [`Server::main`].
//!
//! # Start-up steps
//!
//! A plugin may have something to do before the server listens: [`Plugin::init`], which comes after that of the
//! plugins that it depends on, and [`Plugin::after_all_ready`], which comes when all are through with `init`.

mod access;
mod assemble;
mod authorizer;
mod cli;
mod context;
mod database;
mod development_token;
mod guard;
mod health;
mod permission;
mod plugin;
mod problem;
mod problem_layer;
mod request_log;
mod routes;
mod running_server;
mod serve;
mod server;
mod server_database;
mod server_error;
mod unread_body;

pub use access::Access;
pub use authorizer::{Authorizer, Decision, Identity};
pub use context::PluginContext;
pub use database::{DatabaseUnavailable, PluginDatabase, PooledConnection};
pub use development_token::DevelopmentToken;
pub use permission::{Audience, Permission, RequiredPermission};
pub use plugin::{BoxError, Plugin};
pub use problem::Problem;
pub use routes::Routes;
pub use running_server::RunningServer;
pub use server::Server;
pub use server_database::{ServerDatabase, ServerDatabaseError};
pub use server_error::ServerError;
pub use watertight_connection::DatabaseUrl;
