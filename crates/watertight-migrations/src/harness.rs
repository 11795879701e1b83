use diesel::migration::{Migration as DieselMigration, MigrationVersion, Result as DieselResult};
use diesel::pg::Pg;
use diesel_migrations::MigrationHarness;
use watertight_metadata::PluginId;

use crate::change::Change;
use crate::code::{self, Given};
use crate::migration::{Body, Migration};
use crate::options::Options;
use crate::progress::Direction;
use crate::provision;
use crate::session::PgSession;
use crate::state::{self, PluginState};

/// Diesel's own way to run migrations, against one plugin's history:
/// `PluginHarness::new(&mut connection, *PLUGIN_METADATA.id()).run_pending_migrations(MIGRATIONS)`.
///
/// It takes the same locks and writes the same history as a [`Migrator`](crate::Migrator), and puts settings back.
/// Diesel does not let it see a migration's SQL, so it needs more round trips, writes no checksum, and its errors
/// have no line. A migration that runs without a transaction gets a connection that sends its statements one by
/// one, and that cannot be downcast.
pub struct PluginHarness<'c, C> {
    connection: &'c mut C,
    plugin: PluginId,
    is_provisioned: bool,
}

impl<'c, C: PgSession> PluginHarness<'c, C> {
    /// A harness for the history of this plugin.
    pub fn new(connection: &'c mut C, plugin: PluginId) -> Self {
        Self {
            connection,
            plugin,
            is_provisioned: false,
        }
    }

    fn change(
        &mut self,
        migration: &dyn DieselMigration<Pg>,
        direction: Direction,
    ) -> DieselResult<MigrationVersion<'static>> {
        let options = Options::default();
        if !self.is_provisioned {
            let state = self.state()?;
            provision::provision(self.connection, self.plugin, &state, &options)?;
            self.is_provisioned = true;
        }
        let known = Migration {
            name: migration.name().to_string(),
            version: migration.name().version().to_string(),
            in_transaction: migration.metadata().run_in_transaction(),
            body: Body::Code,
        };
        let change = Change {
            plugin: self.plugin,
            migration: &known,
            direction,
        };
        code::make(
            self.connection,
            change,
            migration,
            Given::OneByOne,
            &options,
        )?;
        Ok(migration.name().version().as_owned())
    }

    fn state(&mut self) -> DieselResult<PluginState> {
        let states = state::read(self.connection, &[self.plugin])?;
        Ok(states.into_iter().next().unwrap_or_default())
    }
}

impl<C: PgSession> MigrationHarness<Pg> for PluginHarness<'_, C> {
    fn run_migration(
        &mut self,
        migration: &dyn DieselMigration<Pg>,
    ) -> DieselResult<MigrationVersion<'static>> {
        self.change(migration, Direction::Up)
    }

    fn revert_migration(
        &mut self,
        migration: &dyn DieselMigration<Pg>,
    ) -> DieselResult<MigrationVersion<'static>> {
        self.change(migration, Direction::Down)
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
