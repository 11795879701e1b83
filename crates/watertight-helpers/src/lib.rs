//! Helper programs that take long to build and that few users need.
//!
//! A [`Helper`] is a package with its own lock file, outside of any workspace, whose sources are part of the program that needs it. Cargo builds it when it is first needed, and
//! it is kept for all workspaces of the user. Users who do not need it never compile it, and no workspace's `Cargo.lock`
//! lists its dependencies.

mod cache_folder;
mod helper;
mod helper_error;
mod helper_sources;

pub use helper::{Helper, HelperProgress};
pub use helper_error::HelperError;
