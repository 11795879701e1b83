//! The commands, one file each.

pub(crate) mod db;
pub(crate) mod migrate;
pub(crate) mod new_migration;
pub(crate) mod new_plugin;
