use chrono::{NaiveDateTime, Utc};

const FORMAT: &str = "%Y-%m-%d-%H%M%S";

/// A time in UTC, to the second, as in the names of migration folders: `2026-01-31-235959`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp(NaiveDateTime);

impl Timestamp {
    pub(crate) fn now() -> Self {
        Self(Utc::now().naive_utc())
    }

    /// Parses a time.
    ///
    /// # Errors
    ///
    /// When it has another format.
    pub(crate) fn parse(time: &str) -> Result<Self, chrono::ParseError> {
        NaiveDateTime::parse_from_str(time, FORMAT).map(Self)
    }

    /// Parses a version, which is a timestamp without its dashes.
    pub(crate) fn from_version(version: &str) -> Option<Self> {
        let time = NaiveDateTime::parse_from_str(version, "%Y%m%d%H%M%S")
            .ok()
            .map(Self)?;
        (time.version() == version).then_some(time)
    }

    /// Returns the version that Diesel derives from it.
    pub(crate) fn version(self) -> String {
        self.to_string().replace('-', "")
    }

    pub(crate) fn next_second(self) -> Option<Self> {
        self.0
            .checked_add_signed(chrono::TimeDelta::seconds(1))
            .map(Self)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.format(FORMAT))
    }
}
