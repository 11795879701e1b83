//! Programs that are costly to build and seldom needed.
//!
//! A [`Helper`] is a package with a lock file of its own, outside of any workspace. It is built with Cargo when it is
//! first needed, and kept for all workspaces of the user. So nobody compiles it who does not need it, and no
//! workspace's `Cargo.lock` lists what it is made of.

mod cache;
mod helper;
mod helper_error;

pub use helper::{Helper, Progress};
pub use helper_error::HelperError;
