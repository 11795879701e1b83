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
