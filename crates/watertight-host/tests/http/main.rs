//! Starts servers on a real database and sends HTTP requests to them.

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
