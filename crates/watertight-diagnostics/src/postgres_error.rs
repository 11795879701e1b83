use std::error::Error;
use std::fmt;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use tokio_postgres::error::ErrorPosition;

use crate::Diagnostic;

/// What to do where a connection pooler in transaction mode does not suffice.
pub const OWN_SESSION_HINT: &str =
    "connect to PostgreSQL directly, or set `pool_mode = session` in PgBouncer";

/// An error of PostgreSQL's or of its driver, with the detail and the hint that PostgreSQL sent with it.
///
/// The `Display` of Diesel and of tokio-postgres leaves both out. Every Watertight error that comes from PostgreSQL has
/// this as its source.
#[derive(Debug)]
pub struct PostgresError(Box<Parts>);

#[derive(Debug, Default)]
struct Parts {
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    code: Option<String>,
    constraint: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    position: Option<usize>,
    may_be_internal: bool,
}

impl PostgresError {
    /// Returns an error that did not come from PostgreSQL.
    pub fn from_message(message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            message: message.into(),
            ..Parts::default()
        }))
    }

    /// Returns PostgreSQL's message, or the driver's if PostgreSQL sent none.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns PostgreSQL's detail, such as `Key (id)=(1) already exists.`
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// Returns the SQLSTATE, or `None` for an error of the driver and for most of Diesel's errors, which hide it.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// Returns the name of the constraint that the error is about.
    pub fn constraint(&self) -> Option<&str> {
        self.0.constraint.as_deref()
    }

    /// Returns the schema of the object that the error is about, or `None` for all of Diesel's errors, which hide it.
    pub fn schema(&self) -> Option<&str> {
        self.0.schema.as_deref()
    }

    /// Returns the name of the table that the error is about, without its schema.
    pub fn table(&self) -> Option<&str> {
        self.0.table.as_deref()
    }

    /// Returns the position of the error in what was sent, in characters, beginning with 1.
    ///
    /// See [`position_may_be_internal`](Self::position_may_be_internal).
    pub fn position(&self) -> Option<usize> {
        self.0.position
    }

    /// Returns whether the position may be one in a query inside a function instead: Diesel does not distinguish them.
    pub fn position_may_be_internal(&self) -> bool {
        self.0.may_be_internal
    }
}

impl From<DieselError> for PostgresError {
    fn from(error: DieselError) -> Self {
        let DieselError::DatabaseError(kind, information) = &error else {
            return Self::from_message(error.to_string());
        };
        let owned = |value: Option<&str>| value.map(str::to_owned);
        Self(Box::new(Parts {
            message: information.message().to_owned(),
            detail: owned(information.details()),
            hint: owned(information.hint()),
            code: code(*kind).map(str::to_owned),
            constraint: owned(information.constraint_name()),
            schema: None,
            table: owned(information.table_name()),
            position: information
                .statement_position()
                .and_then(|position| position.try_into().ok()),
            may_be_internal: true,
        }))
    }
}

/// Returns the SQLSTATE of a kind that has only one.
fn code(kind: DatabaseErrorKind) -> Option<&'static str> {
    match kind {
        DatabaseErrorKind::NotNullViolation => Some("23502"),
        DatabaseErrorKind::ForeignKeyViolation => Some("23503"),
        DatabaseErrorKind::UniqueViolation => Some("23505"),
        DatabaseErrorKind::CheckViolation => Some("23514"),
        DatabaseErrorKind::ReadOnlyTransaction => Some("25006"),
        DatabaseErrorKind::SerializationFailure => Some("40001"),
        _ => None,
    }
}

impl From<tokio_postgres::Error> for PostgresError {
    fn from(error: tokio_postgres::Error) -> Self {
        let Some(error) = error.as_db_error() else {
            let message = match error.source() {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            };
            return Self::from_message(message);
        };
        let owned = |value: Option<&str>| value.map(str::to_owned);
        Self(Box::new(Parts {
            message: error.message().to_owned(),
            detail: owned(error.detail()),
            hint: owned(error.hint()),
            code: Some(error.code().code().to_owned()),
            constraint: owned(error.constraint()),
            schema: owned(error.schema()),
            table: owned(error.table()),
            position: match error.position() {
                Some(ErrorPosition::Original(position)) => usize::try_from(*position).ok(),
                Some(ErrorPosition::Internal { .. }) | None => None,
            },
            may_be_internal: false,
        }))
    }
}

impl fmt::Display for PostgresError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.message())?;
        match self.detail() {
            Some(detail) => write!(formatter, " ({})", detail.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

// `Display` prints the driver's error, so it is not a source.
impl Error for PostgresError {}

impl Diagnostic for PostgresError {
    /// Returns PostgreSQL's own hint, or what to do about an error that its message does not explain.
    fn hint(&self) -> Option<String> {
        // Two clients of such a pooler share a session, and with it the names of its prepared statements.
        if self.message().starts_with("prepared statement \"") {
            return Some(format!(
                "a connection pooler in transaction mode causes this; {OWN_SESSION_HINT}"
            ));
        }
        self.0.hint.clone()
    }
}

#[cfg(test)]
mod tests {
    use diesel::result::DatabaseErrorInformation;

    use super::*;

    struct Sent(&'static str, Option<&'static str>, Option<&'static str>);

    impl DatabaseErrorInformation for Sent {
        fn message(&self) -> &str {
            self.0
        }
        fn details(&self) -> Option<&str> {
            self.1
        }
        fn hint(&self) -> Option<&str> {
            self.2
        }
        fn table_name(&self) -> Option<&str> {
            None
        }
        fn column_name(&self) -> Option<&str> {
            None
        }
        fn constraint_name(&self) -> Option<&str> {
            None
        }
        fn statement_position(&self) -> Option<i32> {
            None
        }
    }

    fn postgres_error(sent: Sent) -> PostgresError {
        DieselError::DatabaseError(DatabaseErrorKind::Unknown, Box::new(sent)).into()
    }

    #[test]
    fn the_detail_follows_the_message_and_the_hint_is_apart() {
        let error = postgres_error(Sent(
            "cannot drop table a because other objects depend on it",
            Some("view b depends on table a."),
            Some("Use DROP ... CASCADE to drop the dependent objects too."),
        ));
        insta::assert_snapshot!(error, @"cannot drop table a because other objects depend on it (view b depends on table a)");
        assert_eq!(
            error.hint().unwrap(),
            "Use DROP ... CASCADE to drop the dependent objects too."
        );
    }

    #[test]
    fn a_name_of_a_prepared_statement_that_is_taken_is_explained() {
        let error = postgres_error(Sent("prepared statement \"s1\" already exists", None, None));
        assert!(error.hint().unwrap().contains("pooler in transaction mode"));
        assert_eq!(PostgresError::from(DieselError::NotFound).hint(), None);
    }
}
