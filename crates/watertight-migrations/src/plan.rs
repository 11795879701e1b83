use watertight_metadata::PluginId;

/// What a run would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The SQL that creates missing schemas and histories, in one transaction.
    pub setup: Vec<String>,
    /// The migrations in an order in which one connection would run them.
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
    /// It sorts before one that is applied already.
    pub out_of_order: bool,
    /// It runs in a transaction with its history row; else its statements are sent one by one.
    pub in_transaction: bool,
    /// The file that its SQL comes from. Nothing when it is code.
    pub file: Option<String>,
    /// Its SQL. Nothing when it is code.
    pub sql: Option<String>,
}
