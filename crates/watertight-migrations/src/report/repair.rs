use std::fmt;

use watertight_metadata::PluginId;

/// What a repair changes in a plugin's history, so that it describes the migrations in the code as applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// The plugin.
    pub plugin: PluginId,
    /// The rows to change, by version. Empty if there is nothing to repair.
    pub changes: Vec<RepairChange>,
}

/// A row of the history that a repair changes.
///
/// `Display` describes the change in a few words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepairChange {
    /// The migration's name in the code.
    pub name: String,
    /// The migration's version in the code.
    pub version: String,
    /// The row's version.
    pub applied_version: String,
    /// What is wrong with the row.
    pub reason: RepairReason,
    pub(crate) applied_checksum: Option<String>,
    /// `None` for a Rust migration, whose row keeps what it has.
    pub(crate) checksum: Option<String>,
}

/// What is wrong with a row of the history.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairReason {
    /// The migration's SQL was modified since it was applied.
    Modified,
    /// The migration was applied as another version.
    Renumbered,
    /// The migration was applied with this name.
    Renamed(String),
    /// The row has no checksum or no name, because Diesel wrote it.
    Incomplete,
    /// The checksum is one of an earlier version of Watertight, in which comments and whitespace count.
    OutdatedChecksum,
}

impl fmt::Display for RepairChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.reason {
            RepairReason::Modified => f.write_str("accept its modified SQL as applied"),
            RepairReason::Renumbered => write!(
                f,
                "record it as version {} instead of {}",
                self.version, self.applied_version
            ),
            RepairReason::Renamed(name) => write!(f, "record its new name; it was {name}"),
            RepairReason::Incomplete => f.write_str("record its checksum and name"),
            RepairReason::OutdatedChecksum => {
                f.write_str("rewrite its checksum, so that comments do not count")
            }
        }
    }
}
