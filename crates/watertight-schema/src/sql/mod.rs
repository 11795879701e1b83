//! How names, types and comments are written in SQL.

mod comment_literal;
mod qualified_name;
mod type_sql;

pub(crate) use comment_literal::comment_literal;
pub(crate) use qualified_name::qualified_name;
pub(crate) use type_sql::{has_length, type_sql};
