//! The embedded server and scratch databases, on real servers.

mod databases;
mod pglite;
mod pglite_helper;
mod postgresql;
mod postgresql_workspace;
