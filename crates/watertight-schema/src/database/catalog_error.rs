use watertight_diagnostics::{Diagnostic, PostgresError};

/// Why a database's system catalogs cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The query failed.
    #[error("failed to read the database's catalogs")]
    Database(#[source] PostgresError),
    /// The query returned a document that Watertight does not understand, such as an unknown kind of object.
    #[error("failed to understand the database's catalogs")]
    Unexpected(#[from] serde_json::Error),
}

impl From<diesel::result::Error> for CatalogError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Database(error.into())
    }
}

impl Diagnostic for CatalogError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Database(source) => source.hint().or_else(|| {
                Some("check that the database accepts queries, and try again".to_owned())
            }),
            Self::Unexpected(_) => {
                Some("this is an error in Watertight; please report it".to_owned())
            }
        }
    }
}
