//! Plans changes to files, and applies them.

pub(crate) mod apply;
pub(crate) mod case;
mod edit;
pub(crate) mod file_plan;
pub(crate) mod migration_name;
pub(crate) mod new_folder;
pub(crate) mod next_version;
pub(crate) mod plugin_plan;
mod refresh_marker;
pub(crate) mod repository_files;
mod rust_format;
pub(crate) mod schema_refresh;
pub(crate) mod table_name;
pub(crate) mod templates;
pub(crate) mod timestamp;
pub(crate) mod vendored_copy;
mod wiring;
