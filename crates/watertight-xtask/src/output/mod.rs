//! What commands print.

pub(crate) mod migration_progress;
pub(crate) mod terminal;
