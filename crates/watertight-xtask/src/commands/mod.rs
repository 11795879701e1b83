//! The commands, one file each.

pub(crate) mod new_migration;
pub(crate) mod new_plugin;
