use std::sync::OnceLock;

use watertight_diagnostics::SourceExcerpt;

use super::checksum::Checksums;
use crate::sql::{Strings, split};

/// A migration of a plugin.
pub(crate) struct Migration {
    /// The name of its folder, such as `2026-01-02-000000_add_price`.
    pub(crate) name: String,
    /// See [`migration_version`](fn@crate::migration_version).
    pub(crate) version: String,
    pub(crate) in_transaction: bool,
    pub(crate) body: MigrationBody,
}

/// What a migration consists of.
pub(crate) enum MigrationBody {
    Sql {
        up: Script,
        /// `None` without a `down.sql`.
        down: Option<Script>,
    },
    /// A [`diesel::migration::Migration`] whose statements are only known when it runs.
    Rust,
}

/// The SQL of one file.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    /// The path of the file, or `<migration>/up.sql` for embedded migrations.
    pub(crate) file: String,
    pub(crate) sql: String,
    checksums: OnceLock<Box<Checksums>>,
}

impl Script {
    pub(crate) fn new(file: String, sql: &str) -> Self {
        // PostgreSQL rejects the byte order mark that some editors write.
        let sql = sql.strip_prefix('\u{feff}').unwrap_or(sql).to_owned();
        Self {
            file,
            sql,
            checksums: OnceLock::new(),
        }
    }

    /// Returns its checksums, which are computed once.
    fn checksums(&self) -> &Checksums {
        self.checksums
            .get_or_init(|| Box::new(Checksums::of(&self.sql)))
    }

    /// Returns whether it has no statement; comments do not count.
    pub(crate) fn is_empty(&self) -> bool {
        split(&self.sql, Strings::Standard).is_ok_and(|statements| statements.is_empty())
    }

    /// Returns the line of the byte at `offset`.
    pub(crate) fn line_at(&self, offset: usize) -> SourceExcerpt {
        SourceExcerpt {
            column: None,
            ..self.position_at(offset)
        }
    }

    /// Returns the line and column of the byte at `offset`.
    pub(crate) fn position_at(&self, offset: usize) -> SourceExcerpt {
        SourceExcerpt::at(self.file.as_str(), &self.sql, offset)
    }
}

impl Migration {
    /// Returns the checksum of its `up.sql` for the history, or `None` for a Rust migration.
    pub(crate) fn checksum(&self) -> Option<String> {
        self.checksums().map(|checksums| checksums.current.clone())
    }

    /// Returns the checksums of its `up.sql` that a history may have, or `None` for a Rust migration.
    pub(crate) fn checksums(&self) -> Option<&Checksums> {
        match &self.body {
            MigrationBody::Sql { up, .. } => Some(up.checksums()),
            MigrationBody::Rust => None,
        }
    }
}
