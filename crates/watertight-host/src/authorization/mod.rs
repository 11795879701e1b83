//! Who may call which route.

pub(crate) mod access;
pub(crate) mod authorizer;
pub(crate) mod development_token;
pub(crate) mod guard;
pub(crate) mod permission;
