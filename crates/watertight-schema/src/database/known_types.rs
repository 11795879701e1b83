use std::collections::BTreeSet;

use serde::Deserialize;

use super::catalog_error::CatalogError;
use super::query::{CatalogConnection, query_document};
use crate::SqlType;

const TYPES: &str = include_str!("known_types.sql");

/// The types to which PostgreSQL converts any value on assignment.
const STRING_TYPES: [&str; 3] = ["text", "varchar", "bpchar"];

/// The types of a database and its casts.
#[derive(Debug, Deserialize)]
pub(crate) struct KnownTypes {
    types: Vec<(String, String)>,
    /// Schema and name of the source, of the target, and `pg_cast.castcontext`: `i`mplicit, on `a`ssignment, or
    /// `e`xplicit.
    casts: BTreeSet<(String, String, String, String, String)>,
}

impl KnownTypes {
    pub(crate) fn read<C: CatalogConnection>(connection: &mut C) -> Result<Self, CatalogError> {
        query_document(connection, TYPES, None)
    }

    /// Returns the type with its schema, if the database has it.
    pub(crate) fn find(&self, sql_type: &SqlType) -> Option<SqlType> {
        let is_named = |(schema, name): &&(String, String)| {
            *name == sql_type.name
                && sql_type
                    .schema
                    .as_ref()
                    .is_none_or(|wanted| wanted == schema)
        };
        let (schema, _) = self.types.iter().find(is_named)?;
        Some(SqlType {
            schema: Some(schema.clone()),
            ..sql_type.clone()
        })
    }

    /// Whether `ALTER COLUMN … TYPE` converts the column without `USING`.
    pub(crate) fn assigns(&self, from: &SqlType, to: &SqlType) -> bool {
        from.is_array == to.is_array
            && (from.matches(to)
                || STRING_TYPES.contains(&to.name.as_str())
                || self.has_cast(from, to, "a")
                || self.has_cast(from, to, "i"))
    }

    /// Whether every value of `from` can be converted to `to` without loss.
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
            && (from.0.matches(&to.0) || to.0.name == "text" || self.has_cast(&from.0, &to.0, "i"))
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
