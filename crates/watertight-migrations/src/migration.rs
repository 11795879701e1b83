use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::sql::{Place, split};

/// One migration of a plugin.
pub(crate) struct Migration {
    /// The folder's name, such as `2026-01-02-000000_add_price`.
    pub(crate) name: String,
    /// What the history holds: the name before the first `_`, without dashes.
    pub(crate) version: String,
    pub(crate) in_transaction: bool,
    pub(crate) body: Body,
}

/// What a migration does.
pub(crate) enum Body {
    /// SQL that is known before it runs.
    Sql {
        up: Script,
        /// Absent when there is no `down.sql`.
        down: Option<Script>,
    },
    /// Something that only its [`diesel::migration::Migration`] knows.
    Code,
}

/// The SQL of one file.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// How to name the file to a person: a path that can be opened where there is one.
    pub(crate) file: String,
    pub(crate) sql: String,
}

impl Script {
    /// PostgreSQL does not know the byte order mark that some editors write.
    pub(crate) fn new(file: String, sql: &str) -> Self {
        let sql = sql.strip_prefix('\u{feff}').unwrap_or(sql).to_owned();
        Self { file, sql }
    }

    /// It has no statement; comments do nothing.
    pub(crate) fn is_empty(&self) -> bool {
        split(&self.sql).is_ok_and(|statements| statements.is_empty())
    }

    pub(crate) fn place(&self, offset: usize) -> Place<'_> {
        Place::of(&self.sql, offset)
    }
}

impl Migration {
    /// The SHA-256 of the SQL that it runs, in hex, the same whatever the line endings. Code has none.
    pub(crate) fn checksum(&self) -> Option<String> {
        match &self.body {
            Body::Sql { up, .. } => Some(checksum(&up.sql)),
            Body::Code => None,
        }
    }
}

fn checksum(sql: &str) -> String {
    let normalised = sql.replace("\r\n", "\n").replace('\r', "\n");
    hex(&Sha256::digest(normalised.as_bytes()))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("a String takes any text");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_endings_do_not_change_the_checksum() {
        assert_eq!(checksum("a\nb\n"), checksum("a\r\nb\r"));
        assert_ne!(checksum("a\nb"), checksum("a b"));
        insta::assert_snapshot!(checksum("abc"), @"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
