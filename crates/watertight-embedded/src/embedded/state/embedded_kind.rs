use std::fmt;

/// The environment variable that chooses the kind of embedded server: `postgresql` or `pglite`. It can be set in `.env`
/// too.
pub const EMBEDDED_VARIABLE: &str = "WATERTIGHT_EMBEDDED";

/// A kind of embedded server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmbeddedKind {
    /// The PostgreSQL that is installed on this machine.
    Postgresql,
    /// PostgreSQL compiled to WebAssembly. It serves one connection at a time.
    Pglite,
}

impl fmt::Display for EmbeddedKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Postgresql => "PostgreSQL",
            Self::Pglite => "PGlite",
        })
    }
}
