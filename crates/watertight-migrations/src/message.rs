use std::fmt::Write;

use watertight_metadata::PluginId;

use crate::history;
use crate::lock::Lock;
use crate::migration::{Migration, Script};
use crate::progress::Direction;
use crate::session::Stop;
use crate::settings::Settings;

/// A migration as one message: lock, check, SQL, guard, history row, commit.
pub(crate) struct Message<'a> {
    pub(crate) text: String,
    /// The migration's own SQL in it.
    pub(crate) parts: Vec<Part<'a>>,
    /// The message up to its first part.
    pub(crate) beginning: String,
}

/// A script, and the byte of the message at which it begins.
pub(crate) struct Part<'a> {
    pub(crate) script: &'a Script,
    pub(crate) start: usize,
}

/// What follows a script, which may end in a comment or without a semicolon.
pub(crate) const PART_END: &str = "\n;\n";

impl<'a> Message<'a> {
    pub(crate) fn new(
        plugin: PluginId,
        migration: &Migration,
        direction: Direction,
        scripts: &[&'a Script],
        settings: Option<&Settings>,
    ) -> Self {
        let lock = Lock::of(plugin);
        let beginning = begin(lock, &checks(plugin, migration, direction));
        let mut text = beginning.clone();
        let mut parts = Vec::new();
        for script in scripts {
            parts.push(Part {
                script,
                start: text.len(),
            });
            text.push_str(&script.sql);
            text.push_str(PART_END);
            if let Some(settings) = settings {
                text.push_str(&settings.restore());
            }
        }
        text.push_str(&guard(lock));
        for statement in records(plugin, migration, direction) {
            text.push_str(&statement);
            text.push_str(";\n");
        }
        text.push_str("COMMIT");
        Self {
            text,
            parts,
            beginning,
        }
    }

    /// The last file in it.
    pub(crate) fn file(&self) -> String {
        self.parts
            .last()
            .map(|part| part.script.file.clone())
            .unwrap_or_default()
    }
}

/// `BEGIN`, the lock, and what must not be so. Read committed, so that the checks see what the last holder of the
/// lock committed.
pub(crate) fn begin(lock: Lock, checks: &[(Stop, String)]) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED;\n{}",
        take(lock, checks)
    )
}

/// Takes the transaction-level lock, and stops when it is held or when a check's condition is true.
pub(crate) fn take(lock: Lock, checks: &[(Stop, String)]) -> String {
    let mut conditions = vec![(
        Stop::LockHeld,
        format!("NOT pg_catalog.pg_try_advisory_xact_lock({})", lock.key),
    )];
    conditions.extend_from_slice(checks);
    block(&format!(
        "{}PERFORM pg_catalog.set_config({MARK}, {TRANSACTION}, true);\n",
        stops(&conditions)
    ))
}

/// A setting that ends with the transaction, and what it holds.
const MARK: &str = "'watertight.transaction'";
const TRANSACTION: &str = "pg_catalog.pg_current_xact_id()::pg_catalog.text";

/// Stops when the transaction is no longer the one that took the lock.
///
/// The mark says so almost for free, but a migration's `RESET ALL` removes it. Then the lock is looked for.
pub(crate) fn guard(lock: Lock) -> String {
    block(&format!(
        "IF pg_catalog.current_setting({MARK}, true) IS DISTINCT FROM {TRANSACTION} THEN\n{}END IF;\n",
        stops(&[(Stop::TransactionEnded, format!("NOT {}", lock.is_mine()))])
    ))
}

/// Stops when a condition is true.
pub(crate) fn stop_if(conditions: &[(Stop, String)]) -> String {
    block(&stops(conditions))
}

fn stops(conditions: &[(Stop, String)]) -> String {
    let mut sql = String::new();
    for (stop, condition) in conditions {
        let constraint = stop.constraint();
        let _ = writeln!(
            sql,
            "IF {condition} THEN RAISE EXCEPTION '{constraint}' USING CONSTRAINT = '{constraint}'; END IF;"
        );
    }
    sql
}

fn block(statements: &str) -> String {
    format!("DO $watertight$ BEGIN\n{statements}END $watertight$;\n")
}

/// What must not be so when the migration begins.
pub(crate) fn checks(
    plugin: PluginId,
    migration: &Migration,
    direction: Direction,
) -> Vec<(Stop, String)> {
    let is_applied = history::is_applied(plugin, &migration.version);
    match direction {
        Direction::Up => vec![(Stop::AlreadyApplied, is_applied)],
        Direction::Down | Direction::Redo => vec![
            (Stop::NotApplied, format!("NOT {is_applied}")),
            (
                Stop::NotNewest,
                history::has_newer(plugin, &migration.version),
            ),
        ],
    }
}

/// What the history says afterwards.
pub(crate) fn records(
    plugin: PluginId,
    migration: &Migration,
    direction: Direction,
) -> Vec<String> {
    let insert = || history::insert(plugin, migration);
    let delete = || history::delete(plugin, &migration.version);
    match direction {
        Direction::Up => vec![insert()],
        Direction::Down => vec![delete()],
        Direction::Redo => vec![delete(), insert()],
    }
}
