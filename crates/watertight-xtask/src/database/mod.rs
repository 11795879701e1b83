//! Work on databases that more than one command needs.

pub(crate) mod child_process;
pub(crate) mod interrupt;
pub(crate) mod lock_timeout;
pub(crate) mod migration_folders;
pub(crate) mod migration_run;
pub(crate) mod scratch;
pub(crate) mod wait;
