//! The types that a database has, and how it casts between them.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::SqlType;
use crate::session::{self, PgSession, ReadError};

const TYPES: &str = include_str!("sql/types.sql");

/// PostgreSQL makes a text of anything when it assigns it.
const TEXTS: [&str; 3] = ["text", "varchar", "bpchar"];

/// The types of a database and its casts.
#[derive(Debug, Deserialize)]
pub(crate) struct KnownTypes {
    types: Vec<(String, String)>,
    /// Source, target, and when the cast is made: `i` for whenever it helps, `a` on assignment, `e` when asked for.
    casts: BTreeSet<(String, String, String, String, String)>,
}

impl KnownTypes {
    pub(crate) fn read<C: PgSession>(connection: &mut C) -> Result<Self, ReadError> {
        session::document(connection, TYPES, None)
    }

    /// The type with its schema, when the database has it.
    pub(crate) fn find(&self, sql_type: &SqlType) -> Option<SqlType> {
        let is_it = |(schema, name): &&(String, String)| {
            *name == sql_type.name
                && sql_type
                    .schema
                    .as_ref()
                    .is_none_or(|wanted| wanted == schema)
        };
        let (schema, _) = self.types.iter().find(is_it)?;
        Some(SqlType {
            schema: Some(schema.clone()),
            ..sql_type.clone()
        })
    }

    /// Whether `ALTER COLUMN … TYPE` goes by itself.
    pub(crate) fn assigns(&self, from: &SqlType, to: &SqlType) -> bool {
        from.is_array == to.is_array
            && (from.is(to)
                || TEXTS.contains(&to.name.as_str())
                || self.has_cast(from, to, "a")
                || self.has_cast(from, to, "i"))
    }

    /// Whether every value of `from` is one of `to`.
    pub(crate) fn widens(
        &self,
        from: &(SqlType, Option<u64>),
        to: &(SqlType, Option<u64>),
    ) -> bool {
        let fits = match (from.1, to.1) {
            (_, None) => true,
            (Some(from), Some(to)) => from <= to && to > 0,
            (None, Some(_)) => false,
        };
        let same_shape = from.0.is_array == to.0.is_array;
        fits && same_shape
            && (from.0.is(&to.0) || to.0.name == "text" || self.has_cast(&from.0, &to.0, "i"))
    }

    fn has_cast(&self, from: &SqlType, to: &SqlType, context: &str) -> bool {
        let schema = |sql_type: &SqlType| sql_type.schema.clone().unwrap_or_default();
        let cast = (
            schema(from),
            from.name.clone(),
            schema(to),
            to.name.clone(),
            context.to_owned(),
        );
        self.casts.contains(&cast)
    }
}
