//! The commands, one file each.

pub(crate) mod db;
pub(crate) mod dev;
pub(crate) mod migrate;
pub(crate) mod new_migration;
pub(crate) mod new_plugin;
pub(crate) mod new_workspace;
pub(crate) mod vendor;
