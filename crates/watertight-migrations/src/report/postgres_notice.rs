/// A notice that PostgreSQL sent while a migration ran: `RAISE NOTICE`, a warning, and the like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PostgresNotice {
    /// `NOTICE`, `WARNING`, `INFO`, `LOG` or `DEBUG`, regardless of the server's language.
    pub severity: String,
    /// The message.
    pub message: String,
    /// The detail.
    pub detail: Option<String>,
    /// The hint.
    pub hint: Option<String>,
}

impl PostgresNotice {
    /// Returns the message and the detail.
    pub fn text(&self) -> String {
        match &self.detail {
            Some(detail) => format!("{} ({})", self.message, detail.trim_end_matches('.')),
            None => self.message.clone(),
        }
    }
}
