//! The versions with which the names of migration folders begin.

use std::fs;

use anyhow::{Context, Result, ensure};
use watertight_migrations::{MAX_VERSION_LENGTH, migration_version};

use crate::generator::timestamp::Timestamp;
use crate::output::hint::hinted;
use crate::workspace::{Workspace, WorkspacePlugin};

/// Returns the version of the plugin's next migration: the time, or a later version if the newest one is not older.
///
/// # Errors
///
/// When the plugin's migrations cannot be listed.
pub(crate) fn next(
    workspace: &Workspace,
    plugin: &WorkspacePlugin,
    now: Option<Timestamp>,
) -> Result<String> {
    next_version(
        now.unwrap_or_else(Timestamp::now),
        newest(workspace, plugin)?,
    )
}

/// Returns the newest version in the plugin's folder, as Diesel reads it: the name up to the first underscore, without
/// dashes. Versions are compared as strings.
fn newest(workspace: &Workspace, plugin: &WorkspacePlugin) -> Result<Option<String>> {
    let folder = plugin.migrations_folder();
    if !folder.exists() {
        return Ok(None);
    }
    let failed = || format!("failed to list {}", workspace.relative(&folder).display());
    let mut newest = None;
    for entry in fs::read_dir(&folder).with_context(failed)? {
        let entry = entry.with_context(failed)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.path().is_dir() {
            newest = newest.max(Some(migration_version(&name)));
        }
    }
    Ok(newest)
}

/// Returns the time or, if that does not sort after `newest`, the next version in the format of `newest`.
fn next_version(now: Timestamp, newest: Option<String>) -> Result<String> {
    let Some(newest) = newest.filter(|newest| now.version() <= *newest) else {
        return Ok(now.to_string());
    };
    if let Some(later) = Timestamp::from_version(&newest).and_then(Timestamp::next_second)
        && later.version() > newest
    {
        return Ok(later.to_string());
    }
    let version = count_up(&newest);
    ensure!(
        version.len() <= MAX_VERSION_LENGTH,
        hinted(
            format!(
                "failed to find a version after {newest:?}: it would have more than {MAX_VERSION_LENGTH} characters"
            ),
            "rename the plugin's newest migration, unless a database has applied it already"
        )
    );
    Ok(version)
}

/// Increments the number at the end of a version and keeps its width. After nines, or without a number, appends a zero.
fn count_up(version: &str) -> String {
    let mut bytes = version.to_owned().into_bytes();
    for digit in bytes.iter_mut().rev() {
        match *digit {
            b'9' => *digit = b'0',
            b'0'..=b'8' => {
                *digit += 1;
                return String::from_utf8(bytes).expect("only digits have changed");
            }
            _ => break,
        }
    }
    format!("{version}0")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn next(now: &str, newest: &str) -> String {
        next_version(Timestamp::parse(now).unwrap(), Some(newest.to_owned())).unwrap()
    }

    #[test]
    fn a_version_is_the_time_or_a_second_after_the_newest() {
        assert_eq!(
            next("2026-01-01-000000", "20251231235959"),
            "2026-01-01-000000"
        );
        assert_eq!(
            next("2026-01-01-000000", "20260101000000"),
            "2026-01-01-000001"
        );
        assert_eq!(
            next("2026-01-01-000000", "20261231235959"),
            "2027-01-01-000000"
        );
    }

    #[test]
    fn a_version_of_another_format_is_incremented() {
        for (newest, version) in [
            ("202601010000001", "202601010000002"),
            ("99", "990"),
            ("990", "991"),
            ("3", "4"),
            ("zzz", "zzz0"),
            ("zzz9", "zzz90"),
            ("99991231235959", "99991231235960"),
        ] {
            assert_eq!(next("2026-01-01-000000", newest), version);
        }
    }

    #[test]
    fn a_version_that_would_be_too_long_is_an_error() {
        let newest = "9".repeat(MAX_VERSION_LENGTH);
        let now = Timestamp::parse("2026-01-01-000000").unwrap();
        assert!(next_version(now, Some(newest)).is_err());
    }

    proptest! {
        #[test]
        fn a_version_always_sorts_after_the_newest(newest in "[0-9]{14}|[0-9a-z]{0,20}") {
            let now = Timestamp::parse("2026-01-01-000000").unwrap();
            let version = next_version(now, Some(newest.clone())).unwrap();
            prop_assert!(version.replace('-', "") > newest);
        }
    }
}
