//! The message that applies a migration, and its parts.

use std::fmt::Write;
use std::ops::Range;

use super::migration_step::MigrationStep;
use crate::direction::Direction;
use crate::session::{Lock, SessionSettings, StopReason};
use crate::sources::Script;
use crate::sql::{Strings, do_block, history_sql, leading_set_transaction};

/// A migration as one message: `BEGIN`, lock, checks, SQL, guard, history row, `COMMIT`.
pub(super) struct Message<'a> {
    pub(super) sql: String,
    pub(super) scripts: Vec<MessageScript<'a>>,
    /// The part of the message before the first script.
    pub(super) beginning: String,
}

/// A script of the migration in its message.
pub(super) struct MessageScript<'a> {
    pub(super) script: &'a Script,
    /// The byte of the message at which it starts.
    pub(super) start: usize,
    /// Its statements `SET TRANSACTION`, which PostgreSQL accepts only before the first query. They are at the beginning
    /// of the message, and spaces are in their place.
    pub(super) moved: Vec<Range<usize>>,
}

/// Sent after a script, which may end in a comment or without a semicolon.
pub(super) const SCRIPT_END: &str = "\n;\n";

impl<'a> Message<'a> {
    pub(super) fn new(
        step: MigrationStep<'_>,
        scripts: &[&'a Script],
        settings: Option<&SessionSettings>,
    ) -> Self {
        let lock = Lock::of_plugin(step.plugin);
        let mut set_transaction = String::new();
        let mut moved = Vec::new();
        for script in scripts {
            let ranges = leading_set_transaction(&script.sql, Strings::Standard);
            for range in &ranges {
                set_transaction.push_str(&script.sql[range.clone()]);
                set_transaction.push_str(SCRIPT_END);
            }
            moved.push(ranges);
        }
        let beginning = begin(&set_transaction, lock, &checks(step));
        let mut sql = beginning.clone();
        let mut message_scripts = Vec::new();
        for (script, moved) in scripts.iter().zip(moved) {
            let start = sql.len();
            sql.push_str(&script.sql);
            for range in &moved {
                let spaces = " ".repeat(range.len());
                sql.replace_range(start + range.start..start + range.end, &spaces);
            }
            message_scripts.push(MessageScript {
                script,
                start,
                moved,
            });
            sql.push_str(SCRIPT_END);
            if let Some(settings) = settings {
                sql.push_str(&settings.restore());
            }
        }
        sql.push_str(&guard(lock));
        sql.push_str(&history_changes(step));
        sql.push_str("COMMIT");
        Self {
            sql,
            scripts: message_scripts,
            beginning,
        }
    }

    /// Returns the last file in it.
    pub(super) fn file(&self) -> String {
        self.scripts
            .last()
            .map(|script| script.script.file.clone())
            .unwrap_or_default()
    }
}

/// Begins a transaction, takes the lock, and stops if a check's condition is true.
///
/// The transaction is read committed, unless `set_transaction` changes that, so that the checks see what the previous
/// holder of the lock committed.
pub(super) fn begin(set_transaction: &str, lock: Lock, checks: &[(StopReason, String)]) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED;\n{set_transaction}{}",
        acquire(lock, checks)
    )
}

/// Takes the lock for the transaction, and stops if it is held or a check's condition is true.
pub(super) fn acquire(lock: Lock, checks: &[(StopReason, String)]) -> String {
    let mut conditions = vec![(
        StopReason::LockHeld,
        format!("NOT pg_catalog.pg_try_advisory_xact_lock({})", lock.key),
    )];
    conditions.extend_from_slice(checks);
    do_block(&format!(
        "BEGIN\n{}PERFORM pg_catalog.set_config({MARK}, {TRANSACTION}, true);\nEND",
        raise_if(&conditions)
    ))
}

/// A setting that ends with the transaction, and its value.
const MARK: &str = "'watertight.transaction'";
const TRANSACTION: &str = "pg_catalog.pg_current_xact_id()::pg_catalog.text";

/// Stops if the transaction is no longer the one that took the lock.
///
/// The mark is checked first because it costs almost nothing. A `RESET ALL` in the migration removes it, so without the
/// mark the guard searches for the lock.
pub(super) fn guard(lock: Lock) -> String {
    do_block(&format!(
        "BEGIN\nIF pg_catalog.current_setting({MARK}, true) IS DISTINCT FROM {TRANSACTION} THEN\n{}END IF;\nEND",
        raise_if(&[(
            StopReason::TransactionEnded,
            format!("NOT {}", lock.is_held_here())
        )])
    ))
}

/// Stops if a condition is true.
pub(super) fn stop_if(conditions: &[(StopReason, String)]) -> String {
    do_block(&format!("BEGIN\n{}END", raise_if(conditions)))
}

fn raise_if(conditions: &[(StopReason, String)]) -> String {
    let mut sql = String::new();
    for (reason, condition) in conditions {
        let constraint = reason.constraint();
        let _ = writeln!(
            sql,
            "IF {condition} THEN RAISE EXCEPTION '{constraint}' USING CONSTRAINT = '{constraint}'; END IF;"
        );
    }
    sql
}

/// Returns the conditions under which the step must not be applied.
pub(super) fn checks(step: MigrationStep<'_>) -> Vec<(StopReason, String)> {
    let (plugin, version) = (step.plugin, step.migration.version.as_str());
    let is_applied = history_sql::is_applied(plugin, version);
    match step.direction {
        Direction::Up => vec![(StopReason::AlreadyApplied, is_applied)],
        Direction::Down | Direction::Redo => vec![
            (StopReason::NotApplied, format!("NOT {is_applied}")),
            (
                StopReason::NotNewest,
                history_sql::has_newer(plugin, version),
            ),
        ],
    }
}

/// Returns the statements that update the history.
pub(super) fn history_changes(step: MigrationStep<'_>) -> String {
    let (plugin, migration) = (step.plugin, step.migration);
    let delete = || history_sql::delete(plugin, &migration.version);
    let insert = || {
        let checksum = migration.checksum();
        history_sql::insert(
            plugin,
            &migration.version,
            &migration.name,
            checksum.as_deref(),
        )
    };
    match step.direction {
        Direction::Up => format!("{};\n", insert()),
        Direction::Down => format!("{};\n", delete()),
        Direction::Redo => format!("{};\n{};\n", delete(), insert()),
    }
}
