//! Work on databases that more than one command needs.

pub(crate) mod child_process;
pub(crate) mod scratch;
pub(crate) mod sessions;
