use std::error::Error;
use std::fmt;

use diesel::result::Error as DieselError;

use crate::Diagnostic;

/// An error of Diesel's, with the detail and the hint that PostgreSQL sent with it.
///
/// Diesel's own `Display` leaves both out. Every Watertight error that comes from PostgreSQL has this as its source.
pub struct PostgresError(Box<DieselError>);

impl PostgresError {
    /// Returns the error as Diesel gave it.
    pub fn diesel(&self) -> &DieselError {
        &self.0
    }

    /// Returns PostgreSQL's detail, such as `Key (id)=(1) already exists.`
    pub fn detail(&self) -> Option<&str> {
        match &*self.0 {
            DieselError::DatabaseError(_, information) => information.details(),
            _ => None,
        }
    }
}

impl From<DieselError> for PostgresError {
    fn from(error: DieselError) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for PostgresError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)?;
        match self.detail() {
            Some(detail) => write!(formatter, " ({})", detail.trim_end_matches('.')),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for PostgresError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, formatter)
    }
}

// `Display` prints the Diesel error, so it is not a source.
impl Error for PostgresError {}

impl Diagnostic for PostgresError {
    /// Returns PostgreSQL's own hint, or what to do about an error that its message does not explain.
    fn hint(&self) -> Option<String> {
        let DieselError::DatabaseError(_, information) = &*self.0 else {
            return None;
        };
        // Two clients of such a pooler share a session, and with it the names of its prepared statements.
        if information.message().starts_with("prepared statement \"") {
            return Some(
                "a pooler in transaction mode causes this; connect straight to PostgreSQL, or through a port in session mode"
                    .to_owned(),
            );
        }
        information.hint().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind};

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
