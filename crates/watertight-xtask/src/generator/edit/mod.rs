//! Edits of the user's files by their structure: manifests as TOML, `plugins.rs` as a whole.

mod dependencies;
mod members;
pub(crate) mod plugins_rs;
mod required_versions;
pub(crate) mod root_manifest;
pub(crate) mod server_manifest;
