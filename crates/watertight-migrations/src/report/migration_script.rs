//! A [`MigrationPlan`] as a script for psql.

use std::fmt::Write as _;

use postgres_protocol::escape::escape_literal;

use super::migration_plan::{MigrationPlan, PlannedMigration};
use crate::session::{Lock, SessionSettings};
use crate::sql::{do_block, for_psql, history_sql, leading_set_transaction, mentioned_settings};

/// psql's own settings could make it go on after an error, keep a transaction open, or read the file differently.
const BEGINNING: &str = "\
-- A script for psql. It stops at the first error.
\\set ON_ERROR_STOP on
\\set ON_ERROR_ROLLBACK off
\\set AUTOCOMMIT on
\\set SINGLELINE off
\\encoding UTF8
-- As on the connections of a run.
SET TIME ZONE 'UTC';
";

/// Runs the SQL in the variable that [`SessionSettings::save_in_psql`] sets.
const RESTORE_SETTINGS: &str = ":watertight_settings\n;\n";

impl MigrationPlan {
    /// Returns the plan as a script for psql, which has the same effect as a run: schemas and histories, the migrations
    /// with their history rows, and settings that do not reach the next migration.
    ///
    /// The script stops at the first error. It stops at a migration that is already applied, so it changes nothing when
    /// it is run a second time, and at a Rust migration, which psql cannot run.
    pub fn to_script(&self) -> String {
        if self.setup.is_empty() && self.migrations.is_empty() {
            return "-- Nothing to do: all plugins are up to date.\n".to_owned();
        }
        let mut script = BEGINNING.to_owned();
        if !self.setup.is_empty() {
            script += "\n-- schemas and histories\nBEGIN;\n";
            script += &stop_if(&[Stop {
                condition: is_held(Lock::for_provisioning(), "xact_lock"),
                message: "another run is creating schemas and histories".to_owned(),
                hint: WAIT,
            }]);
            for statement in &self.setup {
                let _ = writeln!(script, "{statement};");
            }
            script += "COMMIT;\n";
        }
        for migration in &self.migrations {
            let _ = writeln!(script, "\n{}", heading(migration));
            script += &match &migration.sql {
                Some(sql) if migration.in_transaction => in_transaction(migration, sql),
                Some(sql) => without_transaction(migration, sql),
                None => stop(&Stop {
                    condition: String::new(),
                    message: format!(
                        "{} is a Rust migration, which psql cannot run",
                        name(migration)
                    ),
                    hint: "apply it with a program that contains it, such as the server",
                }),
            };
        }
        script
    }
}

fn heading(migration: &PlannedMigration) -> String {
    let mut notes = String::new();
    if !migration.in_transaction {
        notes += ", outside a transaction";
    }
    if migration.out_of_order {
        notes += ", out of order";
    }
    // A line break in the name would end the comment.
    let name = migration.name.replace(['\n', '\r'], " ");
    format!("-- {} {name}{notes}", migration.plugin)
}

fn in_transaction(migration: &PlannedMigration, sql: &str) -> String {
    let checks = stop_if(&checks(migration, "xact_lock"));
    let (begin, rest) = begin(migration, sql);
    let sql_for_psql = for_psql(&rest, migration.strings);
    let row = history_row(migration);
    match save_settings(migration, sql) {
        None => format!("{begin}{checks}{sql_for_psql}{row}COMMIT;\n"),
        // After the commit once more, because a `SET LOCAL` may have hidden a `SET`.
        Some(save) => format!(
            "{save}{begin}{checks}{sql_for_psql}{RESTORE_SETTINGS}{row}COMMIT;\n{RESTORE_SETTINGS}"
        ),
    }
}

/// Returns the beginning of the transaction and the rest of the SQL. PostgreSQL accepts `SET TRANSACTION` only before the
/// first query.
fn begin(migration: &PlannedMigration, sql: &str) -> (String, String) {
    let mut begin = "BEGIN ISOLATION LEVEL READ COMMITTED;\n".to_owned();
    let mut rest = sql.to_owned();
    for range in leading_set_transaction(sql, migration.strings) {
        begin += &for_psql(&sql[range.clone()], migration.strings);
        rest.replace_range(range.clone(), &" ".repeat(range.len()));
    }
    (begin, rest)
}

fn without_transaction(migration: &PlannedMigration, sql: &str) -> String {
    let checks = stop_if(&checks(migration, "lock"));
    let sql_for_psql = for_psql(sql, migration.strings);
    let row = history_row(migration);
    let key = Lock::of_plugin(migration.plugin).key;
    let unlock = do_block(&format!(
        "BEGIN\nPERFORM pg_catalog.pg_advisory_unlock({key});\nEND"
    ));
    let (save, restore) = match save_settings(migration, sql) {
        None => (String::new(), ""),
        Some(save) => (save, RESTORE_SETTINGS),
    };
    format!("{save}{checks}{sql_for_psql}{restore}{row}{unlock}")
}

fn history_row(migration: &PlannedMigration) -> String {
    let insert = history_sql::insert(
        migration.plugin,
        &migration.version,
        &migration.name,
        migration.checksum.as_deref(),
    );
    format!("{insert};\n")
}

/// Returns what saves the settings before SQL that may change some.
fn save_settings(migration: &PlannedMigration, sql: &str) -> Option<String> {
    Some(SessionSettings::save_in_psql(&mentioned_settings(
        sql,
        migration.strings,
    )?))
}

/// A reason to stop the script.
struct Stop {
    condition: String,
    message: String,
    hint: &'static str,
}

const WAIT: &str = "run the script again when the other run has ended";

fn checks(migration: &PlannedMigration, lock: &str) -> [Stop; 2] {
    let PlannedMigration {
        plugin, version, ..
    } = migration;
    [
        Stop {
            condition: is_held(Lock::of_plugin(*plugin), lock),
            message: format!("another run is migrating plugin `{plugin}`"),
            hint: WAIT,
        },
        Stop {
            condition: history_sql::is_applied(*plugin, version),
            message: format!("{} is already applied", name(migration)),
            hint: "write a new script with `cargo xtask migrate --dry-run`",
        },
    ]
}

fn name(PlannedMigration { plugin, name, .. }: &PlannedMigration) -> String {
    format!("migration {name} of plugin `{plugin}`")
}

/// Returns a condition that takes the lock, and is true if another session holds it.
fn is_held(lock: Lock, kind: &str) -> String {
    format!("NOT pg_catalog.pg_try_advisory_{kind}({})", lock.key)
}

fn stop_if(stops: &[Stop]) -> String {
    let mut block = "BEGIN\n".to_owned();
    for stop in stops {
        let _ = writeln!(block, "IF {} THEN\n{}END IF;", stop.condition, raise(stop));
    }
    do_block(&(block + "END"))
}

fn stop(stop: &Stop) -> String {
    do_block(&format!("BEGIN\n{}END", raise(stop)))
}

fn raise(stop: &Stop) -> String {
    format!(
        "RAISE EXCEPTION USING MESSAGE = {}, HINT = {};\n",
        escape_literal(&stop.message),
        escape_literal(stop.hint)
    )
}

#[cfg(test)]
mod tests {
    use watertight_metadata::PluginId;

    use super::*;

    #[test]
    fn a_script_stops_at_a_rust_migration() {
        let plan = MigrationPlan {
            setup: Vec::new(),
            migrations: vec![PlannedMigration {
                plugin: PluginId::new("shop"),
                name: "1_items\n;".to_owned(),
                version: "1".to_owned(),
                out_of_order: true,
                in_transaction: true,
                file: None,
                sql: None,
                checksum: None,
                strings: crate::sql::Strings::Standard,
            }],
        };
        insta::assert_snapshot!(plan.to_script(), @r"
        -- A script for psql. It stops at the first error.
        \set ON_ERROR_STOP on
        \set ON_ERROR_ROLLBACK off
        \set AUTOCOMMIT on
        \set SINGLELINE off
        \encoding UTF8
        -- As on the connections of a run.
        SET TIME ZONE 'UTC';

        -- shop 1_items ;, out of order
        DO 'BEGIN
        RAISE EXCEPTION USING MESSAGE = ''migration 1_items
        ; of plugin `shop` is a Rust migration, which psql cannot run'', HINT = ''apply it with a program that contains it, such as the server'';
        END';
        ");
    }
}
