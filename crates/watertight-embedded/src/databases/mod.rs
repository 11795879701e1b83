//! Databases that are created and dropped: [recreating one](maintenance), scratch databases and their templates.

pub(crate) mod maintenance;
pub(crate) mod maintenance_error;
pub(crate) mod scratch_database;
mod scratch_name;
mod sweep;
pub(crate) mod template;
