//! SQL as the migrations and the history need it: tokens, statements, checks, and Watertight's own statements.

pub(crate) mod history_sql;

mod byte_offset;
mod check;
mod do_block;
mod mentioned_settings;
mod psql;
mod set_transaction;
mod split;
#[cfg(test)]
mod split_like_postgresql;
mod string_setting;
mod strings;
mod tokens;
mod words;

pub(crate) use byte_offset::byte_offset;
pub(crate) use check::{check, transaction_command};
pub(crate) use do_block::do_block;
pub(crate) use mentioned_settings::{MentionedNames, mentioned_settings};
pub(crate) use psql::for_psql;
pub(crate) use set_transaction::leading_set_transaction;
pub(crate) use split::split;
pub(crate) use strings::Strings;
pub(crate) use tokens::{Tokens, token_at};
pub(crate) use words::mentioned_words;
