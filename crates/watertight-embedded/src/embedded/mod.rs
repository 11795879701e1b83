//! The embedded server of a workspace: the machine's PostgreSQL, or PGlite.
//!
//! `state` is what both have in common, `postgresql` and `pglite` start a server, `acquire` chooses between them.

pub(crate) mod acquire;
pub(crate) mod choose;
pub(crate) mod embedded_server;
pub(crate) mod pglite;
pub(crate) mod postgresql;
pub(crate) mod state;
pub(crate) mod stop;
