use std::any::Any;

use diesel::QueryResult;
use diesel::connection::{BoxableConnection, SimpleConnection};
use diesel::migration::{Migration as DieselMigration, Result as DieselResult};
use diesel::pg::Pg;
use diesel_migrations::MigrationError;

use crate::migration::{Body, Migration, Script};

/// The migration with its SQL, found by running it against something that is no database.
///
/// Only for `embed_migrations!`, whose migrations send their file and do nothing else.
pub(crate) fn record(migration: &dyn DieselMigration<Pg>) -> DieselResult<Migration> {
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
        body: Body::Sql {
            up: Script::new(format!("{name}/up.sql"), &up.sql),
            down,
        },
        name,
    })
}

/// Keeps what is sent to it.
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
