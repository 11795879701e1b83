use crate::sql::history_sql;

/// The maximum length of a migration's version, in characters: the history's column holds no more.
pub const MAX_VERSION_LENGTH: usize = history_sql::MAX_VERSION_LENGTH;

/// Returns the version of the migration with this name, as Diesel reads it: the part before the first `_`, without
/// dashes.
///
/// Versions are compared as strings.
///
/// ```
/// use watertight_migrations::migration_version;
///
/// assert_eq!(migration_version("2026-01-02-030405_add_price"), "20260102030405");
/// ```
pub fn migration_version(name: &str) -> String {
    let before = name.split_once('_').map_or(name, |(before, _)| before);
    before.replace('-', "")
}
