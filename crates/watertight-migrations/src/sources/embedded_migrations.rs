use std::any::Any;

use diesel::QueryResult;
use diesel::connection::{BoxableConnection, SimpleConnection};
use diesel::migration::{Migration as DieselMigration, Result as DieselResult};
use diesel::pg::Pg;
use diesel_migrations::MigrationError;

use super::migration::{Migration, MigrationBody, Script};

/// Reads the SQL of an embedded migration by running it on a connection that records what it is sent.
///
/// Only for migrations of `embed_migrations!`, which send the contents of their file and do nothing else.
pub(super) fn read(migration: &dyn DieselMigration<Pg>) -> DieselResult<Migration> {
    let name = migration.name().to_string();
    let mut up = Recorder::default();
    migration.run(&mut up)?;
    let mut down = Recorder::default();
    let down = match migration.revert(&mut down) {
        Ok(()) => Some(Script::new(format!("{name}/down.sql"), &down.sql)),
        Err(error)
            if matches!(
                error.downcast_ref(),
                Some(MigrationError::NoMigrationRevertFile)
            ) =>
        {
            None
        }
        Err(error) => return Err(error),
    };
    Ok(Migration {
        version: migration.name().version().to_string(),
        in_transaction: migration.metadata().run_in_transaction(),
        body: MigrationBody::Sql {
            up: Script::new(format!("{name}/up.sql"), &up.sql),
            down,
        },
        name,
    })
}

/// A connection that records the SQL it is sent.
#[derive(Default)]
struct Recorder {
    sql: String,
}

impl SimpleConnection for Recorder {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.sql.push_str(query);
        Ok(())
    }
}

impl BoxableConnection<Pg> for Recorder {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}
