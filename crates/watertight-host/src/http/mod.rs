//! What the host does with every request and response.

pub(crate) mod layers;
pub(crate) mod problem;
mod problem_layer;
mod request_log;
mod unread_body;
