//! Plans changes to files, and applies them.

pub(crate) mod apply;
pub(crate) mod case;
pub(crate) mod edit;
pub(crate) mod file_plan;
pub(crate) mod migration_version;
pub(crate) mod new_folder;
pub(crate) mod rust_format;
pub(crate) mod schema_file;
pub(crate) mod table_name;
pub(crate) mod templates;
pub(crate) mod timestamp;
pub(crate) mod watertight_source;
pub(crate) mod wiring;
