//! What commands print: results on stdout, the rest on stderr.

pub(crate) mod command_error;
pub(crate) mod confirmation;
pub(crate) mod drift_diff;
pub(crate) mod hint;
pub(crate) mod migration_progress;
pub(crate) mod migration_status;
pub(crate) mod source_warnings;
pub(crate) mod styles;
pub(crate) mod terminal;
