//! The commands, one file each.

pub(crate) mod db;
pub(crate) mod dev;
pub(crate) mod generate;
pub(crate) mod migrate;
pub(crate) mod new_migration;
pub(crate) mod new_plugin;
pub(crate) mod new_workspace;
pub(crate) mod schema;
pub(crate) mod vendor;
pub(crate) mod verify;
