//! Servers that run, on a real database, asked over HTTP.

mod client;
mod databases;
mod health;
mod into_router;
mod linked_crates;
mod permissions;
mod problems;
mod shutdown;
mod startup;
mod unread_body;
