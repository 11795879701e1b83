use watertight_metadata::PluginId;

use crate::migration::Migration;
use crate::plugin::LoadedPlugin;
use crate::state::PluginState;

/// Where a plugin stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginStatus {
    /// The plugin.
    pub plugin: PluginId,
    /// Its schema is there.
    pub has_schema: bool,
    /// Its history is there.
    pub has_history: bool,
    /// Its migrations and what else the history holds, by version.
    pub migrations: Vec<MigrationStatus>,
}

/// Where a migration stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MigrationStatus {
    /// Its version, as the history holds it.
    pub version: String,
    /// Its name. Nothing when only the history knows it, and Diesel wrote it there.
    pub name: Option<String>,
    /// Is it in the history and in the code?
    pub state: MigrationState,
}

/// Is a migration in the history and in the code?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationState {
    /// In both.
    Applied,
    /// In both, but its SQL was another one when it was applied.
    Drifted,
    /// In the code, not in the history.
    Pending,
    /// Pending, and it sorts before one that is applied.
    OutOfOrder,
    /// In the history, not in the code.
    Ahead,
}

impl PluginStatus {
    pub(crate) fn new(plugin: &LoadedPlugin, state: &PluginState) -> Self {
        let known = plugin.migrations.iter().map(|migration| MigrationStatus {
            version: migration.version.clone(),
            name: Some(migration.name.clone()),
            state: migration_state(migration, state),
        });
        let ahead = state
            .applied
            .iter()
            .filter(|(version, _)| plugin.migration(version).is_none());
        let ahead = ahead.map(|(version, row)| MigrationStatus {
            version: version.clone(),
            name: row.name.clone(),
            state: MigrationState::Ahead,
        });
        let mut migrations: Vec<_> = known.chain(ahead).collect();
        migrations.sort_by(|a, b| a.version.cmp(&b.version));
        Self {
            plugin: plugin.id,
            has_schema: state.schema.is_some(),
            has_history: state.has_history(),
            migrations,
        }
    }

    /// The migrations that the history holds and the code too.
    pub fn applied(&self) -> impl Iterator<Item = &MigrationStatus> {
        self.with(&[MigrationState::Applied, MigrationState::Drifted])
    }

    /// The migrations that a run would apply.
    pub fn pending(&self) -> impl Iterator<Item = &MigrationStatus> {
        self.with(&[MigrationState::Pending, MigrationState::OutOfOrder])
    }

    /// The migrations that only the history knows.
    pub fn ahead(&self) -> impl Iterator<Item = &MigrationStatus> {
        self.with(&[MigrationState::Ahead])
    }

    /// The migrations that were changed after they were applied.
    pub fn drifted(&self) -> impl Iterator<Item = &MigrationStatus> {
        self.with(&[MigrationState::Drifted])
    }

    /// The pending migrations that sort before one that is applied.
    pub fn out_of_order(&self) -> impl Iterator<Item = &MigrationStatus> {
        self.with(&[MigrationState::OutOfOrder])
    }

    fn with(&self, states: &'static [MigrationState]) -> impl Iterator<Item = &MigrationStatus> {
        self.migrations
            .iter()
            .filter(|migration| states.contains(&migration.state))
    }
}

fn migration_state(migration: &Migration, state: &PluginState) -> MigrationState {
    if is_drifted(migration, state) {
        MigrationState::Drifted
    } else if state.applied.contains_key(&migration.version) {
        MigrationState::Applied
    } else if is_out_of_order(migration, state) {
        MigrationState::OutOfOrder
    } else {
        MigrationState::Pending
    }
}

/// Was its SQL another when it was applied?
pub(crate) fn is_drifted(migration: &Migration, state: &PluginState) -> bool {
    let row = state.applied.get(&migration.version);
    // Without a checksum, Diesel applied it, or it is code: nothing to compare.
    match (
        row.and_then(|row| row.checksum.as_ref()),
        migration.checksum(),
    ) {
        (Some(then), Some(now)) => *then != now,
        _ => false,
    }
}

/// Does it sort before one that is applied?
pub(crate) fn is_out_of_order(migration: &Migration, state: &PluginState) -> bool {
    state
        .applied
        .last_key_value()
        .is_some_and(|(newest, _)| migration.version < *newest)
}
