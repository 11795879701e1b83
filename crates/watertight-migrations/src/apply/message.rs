//! The message that applies a migration, and its parts.

use std::fmt::Write;
use std::ops::Range;
use std::time::Duration;

use watertight_diagnostics::PostgresError;
use watertight_metadata::PluginId;

use super::migration_step::MigrationStep;
use super::statement_marker;
use crate::direction::Direction;
use crate::session::{Lock, SessionSettings, StopReason};
use crate::sources::{Migration, Script};
use crate::sql::{Strings, byte_offset, do_block, history_sql, leading_set_transaction, split};

/// A migration as one message: `BEGIN`, lock, checks, SQL, guard, history row, `COMMIT`.
///
/// PostgreSQL completes the parts one after the other, so the number of completed ones says which one failed. It reads
/// all strings of a message before it runs any of it, so a migration that changes how strings are read is several
/// messages.
pub(super) struct Message {
    sql: String,
    pub(super) parts: Vec<MessagePart>,
    /// The first part of each message, and its first byte.
    starts: Vec<(usize, usize)>,
}

/// A statement of a [`Message`].
pub(super) struct MessagePart {
    /// Its bytes in the message.
    pub(super) range: Range<usize>,
    pub(super) kind: PartKind,
}

/// What a statement of a [`Message`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartKind {
    Begin,
    Check,
    /// A statement of the migration: the index of the script, and its first byte there.
    Statement {
        script: usize,
        start: usize,
    },
    RestoreSettings,
    Guard,
    History,
    Commit,
}

/// A migration in a transaction, ready to be sent.
pub(super) struct PreparedStep<'a> {
    pub(super) step: MigrationStep<'a>,
    pub(super) scripts: Vec<&'a Script>,
    /// The settings to restore afterwards, if the SQL may change any.
    pub(super) settings: Option<SessionSettings>,
    /// PL/pgSQL that runs first.
    pub(super) clean_up: String,
}

impl PreparedStep<'_> {
    /// Returns the length of its SQL in bytes.
    pub(super) fn sql_len(&self) -> usize {
        self.scripts.iter().map(|script| script.sql.len()).sum()
    }
}

/// How the progress inside a message becomes known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Tracking {
    /// The session reports completed statements.
    Completions,
    /// The message leaves a marker before each statement.
    Markers,
}

/// Sent after a statement, which may end in a comment or without a semicolon.
const STATEMENT_END: &str = "\n;\n";

impl Message {
    /// `previous` is a migration that must be applied, or the message stops.
    pub(super) fn new(
        prepared: &PreparedStep<'_>,
        previous: Option<&Migration>,
        lock_timeout: Option<Duration>,
        tracking: Tracking,
    ) -> Self {
        let mut builder = Builder {
            sql: String::new(),
            parts: Vec::new(),
            lock_timeout,
            starts: vec![(0, 0)],
            strings: prepared.step.strings,
            tracking,
            marker: None,
        };
        builder.add_migration(prepared, previous);
        Message {
            sql: builder.sql,
            parts: builder.parts,
            starts: builder.starts,
        }
    }

    /// Returns the messages to send, which are more than one if the migration changes how strings are read.
    pub(super) fn messages(&self) -> Vec<&str> {
        let starts = self.starts.iter().map(|(_, start)| *start);
        let ends = starts.clone().skip(1).chain([self.sql.len()]);
        starts
            .zip(ends)
            .map(|(start, end)| &self.sql[start..end])
            .collect()
    }

    /// Returns the number of messages to send.
    pub(super) fn count(&self) -> usize {
        self.starts.len()
    }

    /// Returns the index of the part that failed: the one after the completed ones. If none of its message is complete,
    /// PostgreSQL may have failed to parse the message, and the part is the one at the error's position.
    pub(super) fn failed_part(&self, completed: usize, error: &PostgresError) -> usize {
        let begins_message = self.starts.iter().any(|(part, _)| *part == completed);
        let parsed = || self.part_at(self.byte_of(completed, error)?);
        let part = begins_message.then(parsed).flatten().unwrap_or(completed);
        part.min(self.parts.len() - 1)
    }

    /// Returns the first part of the message with this index.
    pub(super) fn first_part(&self, message: usize) -> usize {
        self.starts[message].0
    }

    /// Returns the byte of an error in the message with this part.
    pub(super) fn byte_of(&self, part: usize, error: &PostgresError) -> Option<usize> {
        let index = self.starts.partition_point(|(first, _)| *first <= part) - 1;
        let (_, start) = self.starts[index];
        Some(start + byte_offset(self.messages()[index], error.position()?)?)
    }

    /// Returns the part at this byte.
    fn part_at(&self, offset: usize) -> Option<usize> {
        let index = self.parts.partition_point(|part| part.range.end <= offset);
        let part = self.parts.get(index)?;
        part.range.contains(&offset).then_some(index)
    }
}

struct Builder {
    sql: String,
    parts: Vec<MessagePart>,
    lock_timeout: Option<Duration>,
    starts: Vec<(usize, usize)>,
    /// How PostgreSQL reads the strings of the current message.
    strings: Strings,
    tracking: Tracking,
    marker: Option<usize>,
}

impl Builder {
    fn add_migration(&mut self, prepared: &PreparedStep<'_>, previous: Option<&Migration>) {
        let step = prepared.step;
        let lock = Lock::of_plugin(step.plugin);
        let moved: Vec<_> = prepared
            .scripts
            .iter()
            .map(|script| leading_set_transaction(&script.sql, step.strings))
            .collect();
        self.add(PartKind::Begin, "BEGIN ISOLATION LEVEL READ COMMITTED;\n");
        for (index, script) in prepared.scripts.iter().enumerate() {
            for range in &moved[index] {
                let kind = PartKind::Statement {
                    script: index,
                    start: range.start,
                };
                self.add_sql(kind, &script.sql[range.clone()]);
            }
        }
        let mut conditions = checks(step);
        conditions.extend(previous.map(|previous| is_pending(step.plugin, previous)));
        self.add(
            PartKind::Check,
            &acquire(
                &(prepared.clean_up.clone() + &set_lock_timeout(self.lock_timeout)),
                lock,
                &conditions,
            ),
        );
        for (index, script) in prepared.scripts.iter().enumerate() {
            for statement in split(&script.sql, step.strings).unwrap_or_default() {
                let is_moved = |range: &Range<usize>| range.start == statement.start;
                if moved[index].iter().any(is_moved) {
                    continue;
                }
                let kind = PartKind::Statement {
                    script: index,
                    start: statement.start,
                };
                if statement.strings != self.strings {
                    self.begin_message(statement.strings);
                }
                self.mark();
                self.add_sql(kind, statement.sql(&script.sql));
            }
            if let Some(settings) = &prepared.settings {
                self.mark();
                self.add(PartKind::RestoreSettings, &settings.restore());
            }
        }
        self.mark();
        self.add(PartKind::Guard, &guard(lock));
        self.mark();
        for statement in history_statements(step) {
            self.add(PartKind::History, &format!("{statement};\n"));
        }
        if self.tracking == Tracking::Markers {
            // Checks here what would otherwise fail after the transaction, where the marker could not be removed: a pooler
            // may give what follows another session.
            self.mark();
            self.add(PartKind::Commit, "SET CONSTRAINTS ALL IMMEDIATE;\n");
        }
        if let Some(part) = self.marker {
            self.sql.push_str(&statement_marker::remove(part));
        }
        self.add(PartKind::Commit, "COMMIT;\n");
    }

    fn begin_message(&mut self, strings: Strings) {
        self.strings = strings;
        self.starts.push((self.parts.len(), self.sql.len()));
    }

    fn add(&mut self, kind: PartKind, sql: &str) {
        let start = self.sql.len();
        self.sql.push_str(sql);
        let range = start..self.sql.len();
        self.parts.push(MessagePart { range, kind });
    }

    fn add_sql(&mut self, kind: PartKind, sql: &str) {
        self.add(kind, sql);
        self.sql.push_str(STATEMENT_END);
        if let Some(part) = self.parts.last_mut() {
            part.range.end = self.sql.len();
        }
    }

    /// Adds what says afterwards that the next part was reached.
    fn mark(&mut self) {
        if self.tracking == Tracking::Markers {
            let part = self.parts.len();
            self.sql.push_str(&statement_marker::set(self.marker, part));
            self.marker = Some(part);
        }
    }
}

/// Begins a transaction, takes the lock, and stops if a check's condition is true.
///
/// The transaction is read committed so that the checks see what the previous holder of the lock committed.
pub(super) fn begin(lock: Lock, checks: &[(StopReason, String)]) -> String {
    format!(
        "BEGIN ISOLATION LEVEL READ COMMITTED;\n{}",
        acquire("", lock, checks)
    )
}

/// Takes the lock for the transaction, and stops if it is held or a check's condition is true. `first` is PL/pgSQL that
/// runs before.
pub(super) fn acquire(first: &str, lock: Lock, checks: &[(StopReason, String)]) -> String {
    let mut conditions = vec![(
        StopReason::LockHeld,
        format!("NOT pg_catalog.pg_try_advisory_xact_lock({})", lock.key),
    )];
    conditions.extend_from_slice(checks);
    do_block(&format!(
        "BEGIN\n{first}{}PERFORM pg_catalog.set_config({MARK}, {TRANSACTION}, true);\nEND",
        raise_if(&conditions)
    ))
}

/// Returns PL/pgSQL that sets PostgreSQL's `lock_timeout` for the transaction, unless the session has one.
fn set_lock_timeout(timeout: Option<Duration>) -> String {
    timeout.map_or_else(String::new, |timeout| {
        let milliseconds = timeout.as_millis().clamp(1, i32::MAX as u128);
        format!(
            "IF pg_catalog.current_setting('lock_timeout') = '0' THEN \
             PERFORM pg_catalog.set_config('lock_timeout', '{milliseconds}', true); END IF;\n"
        )
    })
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

/// Stops if a condition is true. `first` is PL/pgSQL that runs before.
pub(super) fn stop_if(first: &str, conditions: &[(StopReason, String)]) -> String {
    do_block(&format!("BEGIN\n{first}{}END", raise_if(conditions)))
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

fn is_pending(plugin: PluginId, migration: &Migration) -> (StopReason, String) {
    let is_applied = history_sql::is_applied(plugin, migration.version.as_str());
    (StopReason::PreviousNotApplied, format!("NOT {is_applied}"))
}

/// Returns the statements that update the history, without semicolons.
fn history_statements(step: MigrationStep<'_>) -> Vec<String> {
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
        Direction::Up => vec![insert()],
        Direction::Down => vec![delete()],
        Direction::Redo => vec![delete(), insert()],
    }
}

/// Returns the statements that update the history.
pub(super) fn history_changes(step: MigrationStep<'_>) -> String {
    history_statements(step)
        .into_iter()
        .map(|statement| statement + ";\n")
        .collect()
}
