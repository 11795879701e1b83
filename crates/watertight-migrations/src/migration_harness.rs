use diesel::migration::{Migration as DieselMigration, MigrationVersion, Result as DieselResult};
use diesel::pg::Pg;
use diesel_migrations::MigrationHarness;
use watertight_metadata::PluginId;

use crate::apply::{MigrationStep, RustMigrationConnection, apply_rust_migration, provision};
use crate::direction::Direction;
use crate::session::{DieselSession, Options, PgSession, PluginState, read_states};
use crate::sources::describe;
use crate::sql::Strings;

/// Diesel's [`MigrationHarness`] for the history of one plugin.
///
/// ```
/// use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
/// # use watertight_metadata::PluginMetadata;
/// use watertight_migrations::{PgSession, PluginHarness};
///
/// # const PLUGIN_METADATA: PluginMetadata = PluginMetadata::new("shop");
/// const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/migrations");
///
/// fn migrate(connection: &mut impl PgSession) -> diesel::migration::Result<()> {
///     let mut harness = PluginHarness::new(connection, *PLUGIN_METADATA.id());
///     harness.run_pending_migrations(MIGRATIONS)?;
///     Ok(())
/// }
/// ```
///
/// It uses the same locks and history as a [`Migrator`](crate::Migrator), and restores settings. Diesel gives it no
/// access to a migration's SQL, so it needs more round trips, records no checksum, and its errors have no location. A
/// migration that runs without a transaction gets a connection that sends its statements one by one and cannot be
/// downcast.
pub struct PluginHarness<'c, C> {
    connection: &'c mut C,
    plugin: PluginId,
    is_provisioned: bool,
    strings: Strings,
}

impl<'c, C: PgSession> PluginHarness<'c, C> {
    /// Creates a harness for the history of this plugin.
    pub fn new(connection: &'c mut C, plugin: PluginId) -> Self {
        Self {
            connection,
            plugin,
            is_provisioned: false,
            strings: Strings::default(),
        }
    }

    fn apply(
        &mut self,
        migration: &dyn DieselMigration<Pg>,
        direction: Direction,
    ) -> DieselResult<MigrationVersion<'static>> {
        let options = Options::default();
        if !self.is_provisioned {
            let state = self.state()?;
            provision(
                &mut DieselSession(self.connection),
                self.plugin,
                &state,
                &options,
            )?;
            self.is_provisioned = true;
            self.strings = state.strings;
        }
        let step = MigrationStep {
            plugin: self.plugin,
            migration: &describe(migration),
            direction,
            strings: self.strings,
        };
        apply_rust_migration(
            self.connection,
            step,
            migration,
            RustMigrationConnection::StatementByStatement,
            &options,
        )?;
        Ok(migration.name().version().as_owned())
    }

    fn state(&mut self) -> DieselResult<PluginState> {
        let states = read_states(&mut DieselSession(self.connection), &[self.plugin])?;
        Ok(states.into_iter().next().unwrap_or_default())
    }
}

impl<C: PgSession> MigrationHarness<Pg> for PluginHarness<'_, C> {
    fn run_migration(
        &mut self,
        migration: &dyn DieselMigration<Pg>,
    ) -> DieselResult<MigrationVersion<'static>> {
        self.apply(migration, Direction::Up)
    }

    fn revert_migration(
        &mut self,
        migration: &dyn DieselMigration<Pg>,
    ) -> DieselResult<MigrationVersion<'static>> {
        self.apply(migration, Direction::Down)
    }

    fn applied_migrations(&mut self) -> DieselResult<Vec<MigrationVersion<'static>>> {
        let applied = self.state()?.applied;
        Ok(applied
            .into_keys()
            .rev()
            .map(MigrationVersion::from)
            .collect())
    }
}
