//! What the two kinds of embedded server have in common: files, users, errors.

pub(crate) mod backend;
pub(crate) mod embedded_error;
pub(crate) mod embedded_kind;
pub(crate) mod embedded_progress;
pub(crate) mod embedded_status;
pub(crate) mod home;
pub(crate) mod install_command;
pub(crate) mod server_location;
pub(crate) mod server_log;
pub(crate) mod server_user;
pub(crate) mod socket;

use std::time::Duration;

/// The name of the workspace's database on its embedded server.
pub(crate) const DATABASE: &str = "watertight";

/// How often to check for a change of another process.
pub(crate) const POLL: Duration = Duration::from_millis(20);
