//! Changes to files of the user, by structure.

mod dependencies;
mod members;
pub(crate) mod plugins_rs;
pub(crate) mod root_manifest;
pub(crate) mod server_manifest;
