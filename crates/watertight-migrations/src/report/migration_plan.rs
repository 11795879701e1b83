use watertight_metadata::PluginId;

use crate::sql::Strings;

/// What a run would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationPlan {
    /// The SQL that creates missing schemas and histories, in one transaction.
    pub setup: Vec<String>,
    /// The pending migrations, in the order in which a single connection would apply them.
    pub migrations: Vec<PlannedMigration>,
}

/// A migration that a run would apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedMigration {
    /// Its plugin.
    pub plugin: PluginId,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Whether it is older than a migration that is already applied.
    pub out_of_order: bool,
    /// Whether it runs in a transaction with its history row. Otherwise its statements are sent one by one.
    pub in_transaction: bool,
    /// The file of its SQL, or `None` for a Rust migration.
    pub file: Option<String>,
    /// Its SQL, or `None` for a Rust migration.
    pub sql: Option<String>,
    /// The checksum of its SQL for the history, or `None` for a Rust migration.
    pub checksum: Option<String>,
    /// How the session reads strings.
    pub(crate) strings: Strings,
}
