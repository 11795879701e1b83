use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use watertight_connection::DatabaseUrl;
use watertight_metadata::PluginId;

use crate::workspace::schema_file::SchemaFile;

/// The folder of the markers, relative to the root.
const FOLDER: &str = ".watertight/schema-refresh";

/// A file that records which `schema.rs` a run is going to rewrite, in case it is killed between applying migrations and
/// that. The run holds a lock on it.
pub(super) struct RefreshMarker {
    path: PathBuf,
    record: Record,
    /// Locked.
    _file: File,
}

#[derive(Serialize, Deserialize)]
struct Record {
    /// The URL without its password.
    database: String,
    /// For each plugin, the contents of its `schema.rs` if they were not edited since the last migration.
    unedited: BTreeMap<String, Option<String>>,
}

impl RefreshMarker {
    /// Writes a marker before migrations run.
    pub(super) fn write(
        root: &Path,
        database: &DatabaseUrl,
        unedited: &BTreeMap<PluginId, Option<String>>,
    ) -> io::Result<Self> {
        let record = Record {
            database: database.to_string(),
            unedited: unedited
                .iter()
                .map(|(plugin, contents)| (plugin.to_string(), contents.clone()))
                .collect(),
        };
        let folder = root.join(FOLDER);
        fs::create_dir_all(&folder)?;
        let mut file = NamedTempFile::new_in(&folder)?;
        serde_json::to_writer(&mut file, &record)?;
        file.flush()?;
        // Before it has a name under which others look for it.
        file.as_file().lock()?;
        let path = file.path().with_added_extension("json");
        let file = file.persist(&path)?;
        Ok(Self {
            path,
            record,
            _file: file,
        })
    }

    /// Returns the markers of runs on this database that have ended without removing them.
    pub(super) fn of_killed_runs(root: &Path, database: &DatabaseUrl) -> Vec<Self> {
        let Ok(entries) = fs::read_dir(root.join(FOLDER)) else {
            return Vec::new();
        };
        let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
        paths
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == "json")
            })
            .filter_map(Self::of_killed_run)
            .filter(|marker| marker.record.database == database.to_string())
            .collect()
    }

    fn of_killed_run(path: PathBuf) -> Option<Self> {
        let file = File::open(&path).ok()?;
        // The lock of a run that is alive cannot be taken.
        file.try_lock().ok()?;
        let record = serde_json::from_reader(&file).ok()?;
        Some(Self {
            path,
            record,
            _file: file,
        })
    }

    /// Returns whether it names the plugin.
    pub(super) fn has(&self, plugin: PluginId) -> bool {
        self.record.unedited.contains_key(plugin.as_str())
    }

    /// Returns whether the plugin's file has the contents that it had, unedited, before the migrations ran.
    pub(super) fn is_unedited(&self, plugin: PluginId, file: &SchemaFile) -> bool {
        let before = self.record.unedited.get(plugin.as_str());
        before.is_some_and(|before| before.is_some() && *before == file.contents)
    }

    /// Removes the file.
    pub(super) fn remove(self) {
        // Another run may have removed it, or may have one of its own in the folder.
        let _ = fs::remove_file(&self.path);
        let folder = self.path.parent();
        let _ = folder.map(fs::remove_dir);
        let _ = folder.and_then(Path::parent).map(fs::remove_dir);
    }
}
