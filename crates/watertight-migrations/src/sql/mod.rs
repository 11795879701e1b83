//! SQL text: its tokens, its statements, what a migration may not say, and what it may change.

mod forbidden;
mod place;
mod quote;
mod settings_mentioned;
mod split;
mod token;

pub(crate) use forbidden::{check, transaction_command};
pub(crate) use place::{Place, byte_offset};
pub(crate) use quote::literal;
pub(crate) use settings_mentioned::{Mentioned, settings_mentioned};
pub(crate) use split::split;
pub(crate) use token::token_at;
