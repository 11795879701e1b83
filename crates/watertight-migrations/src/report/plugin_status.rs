use watertight_metadata::PluginId;

/// The status of a plugin's schema, history and migrations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginStatus {
    /// The plugin.
    pub plugin: PluginId,
    /// Whether its schema exists.
    pub has_schema: bool,
    /// Whether its history exists.
    pub has_history: bool,
    /// The migrations in the code and in the history, by version.
    pub migrations: Vec<MigrationStatus>,
    /// The migrations that were applied as another version.
    pub renumbered: Vec<RenumberedMigration>,
}

/// A migration whose SQL is applied, but as another version than it has in the code.
///
/// In [`PluginStatus::migrations`], its version in the code is pending and the other one is ahead, unless another
/// migration has that version now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenumberedMigration {
    /// Its name in the code.
    pub name: String,
    /// Its version in the code.
    pub version: String,
    /// Its version in the history.
    pub applied_version: String,
}

/// The status of a migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its version, as in the history.
    pub version: String,
    /// Its name, or `None` if it is only in a history row that Diesel wrote.
    pub name: Option<String>,
    /// Whether it is in the history and in the code.
    pub state: MigrationState,
}

/// Whether a migration is in the history and in the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// In both.
    Applied,
    /// In both, but its SQL was modified since it was applied.
    Drifted,
    /// In the code, not in the history.
    Pending,
    /// Pending, and older than a migration that is applied.
    OutOfOrder,
    /// In the history, not in the code.
    Ahead,
}

impl PluginStatus {
    /// Returns the migrations that are both in the history and in the code.
    pub fn applied(&self) -> impl Iterator<Item = &MigrationStatus> {
        self.with(&[MigrationState::Applied, MigrationState::Drifted])
    }

    /// Returns the migrations that a run would apply.
    pub fn pending(&self) -> impl Iterator<Item = &MigrationStatus> {
        self.with(&[MigrationState::Pending, MigrationState::OutOfOrder])
    }

    /// Returns the migrations that are only in the history.
    pub fn ahead(&self) -> impl Iterator<Item = &MigrationStatus> {
        self.with(&[MigrationState::Ahead])
    }

    /// Returns the migrations that were modified since they were applied.
    pub fn drifted(&self) -> impl Iterator<Item = &MigrationStatus> {
        self.with(&[MigrationState::Drifted])
    }

    /// Returns the pending migrations that are older than an applied one.
    pub fn out_of_order(&self) -> impl Iterator<Item = &MigrationStatus> {
        self.with(&[MigrationState::OutOfOrder])
    }

    fn with(&self, states: &'static [MigrationState]) -> impl Iterator<Item = &MigrationStatus> {
        self.migrations
            .iter()
            .filter(|migration| states.contains(&migration.state))
    }
}
