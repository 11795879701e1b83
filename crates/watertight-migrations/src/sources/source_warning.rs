use std::path::{Path, PathBuf};

use watertight_diagnostics::Diagnostic;
use watertight_metadata::PluginId;

/// A file or folder among a plugin's migrations that is ignored, and probably should not be.
///
/// Hidden files, backups of editors, and documentation (`README`, `.md`, `.txt`) are ignored without a warning.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path} of plugin `{plugin}` is ignored: {reason}", path = path.display())]
pub struct SourceWarning {
    /// The plugin.
    pub plugin: PluginId,
    /// The file or folder.
    pub path: PathBuf,
    /// Why it is ignored.
    pub reason: &'static str,
    /// What to do about it.
    remedy: String,
}

impl Diagnostic for SourceWarning {
    fn hint(&self) -> Option<String> {
        Some(self.remedy.clone())
    }
}

/// The files of a migration.
const FILES: [&str; 3] = ["up.sql", "down.sql", "metadata.toml"];

/// Endings, in lower case, of files that are expected beside migrations: documentation and backups of editors.
const EXPECTED_ENDINGS: [&str; 9] = [
    ".md", ".txt", "~", ".bak", ".orig", ".rej", ".swp", ".tmp", "#",
];

/// Returns the warning about an entry of `migrations/` that is no folder, unless it is expected there.
pub(super) fn beside_migrations(plugin: PluginId, path: &Path) -> Option<SourceWarning> {
    let name = unexpected_name(path)?;
    let (reason, remedy) = if leads_nowhere(path) {
        dangling()
    } else {
        let remedy = match name.to_lowercase().strip_suffix(".sql") {
            Some("up" | "down") => "move it into the folder of its migration".to_owned(),
            Some(stem) => {
                let (stem, file) = match stem.rsplit_once('.') {
                    Some((stem, "down")) => (stem.len(), "down.sql"),
                    Some((stem, "up")) => (stem.len(), "up.sql"),
                    _ => (stem.len(), "up.sql"),
                };
                // Lowercasing may change the length of letters that are not ASCII.
                let stem = name.get(..stem).unwrap_or(&name);
                format!("rename it to `{stem}/{file}`")
            }
            None => "move it to another folder".to_owned(),
        };
        ("a migration is a folder with an up.sql", remedy)
    };
    Some(warning(plugin, path, reason, remedy))
}

/// Returns the warning about an entry of a migration's folder, unless it is part of the migration or expected there.
pub(super) fn in_migration(plugin: PluginId, path: &Path) -> Option<SourceWarning> {
    let name = unexpected_name(path)?;
    if FILES.contains(&name.as_str()) {
        return None;
    }
    let (reason, remedy) = if leads_nowhere(path) {
        dangling()
    } else {
        let remedy = match misspelt(&name) {
            Some(file) => format!("rename it to `{file}`"),
            None => "move it to another folder".to_owned(),
        };
        (
            "a migration has an up.sql, a down.sql and a metadata.toml",
            remedy,
        )
    };
    Some(warning(plugin, path, reason, remedy))
}

/// Returns which file of a migration has this name in another spelling, such as `Up.sql` or `up.SQL`.
pub(super) fn misspelt(name: &str) -> Option<&'static str> {
    let spelling = |name: &str| name.to_lowercase().replace(['-', '_', ' '], "");
    FILES
        .into_iter()
        .find(|file| name != *file && spelling(name) == spelling(file))
}

/// Returns the name of an entry, unless it is hidden, documentation or a backup.
fn unexpected_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let lower = name.to_lowercase();
    let is_expected = lower.starts_with('.')
        || lower.starts_with("readme")
        || ["thumbs.db", "desktop.ini", "license"].contains(&lower.as_str())
        || EXPECTED_ENDINGS
            .iter()
            .any(|ending| lower.ends_with(ending));
    (!is_expected).then_some(name)
}

fn leads_nowhere(path: &Path) -> bool {
    path.is_symlink() && !path.exists()
}

fn dangling() -> (&'static str, String) {
    (
        "it is a symbolic link to something that does not exist",
        "restore what it refers to, or remove it".to_owned(),
    )
}

fn warning(plugin: PluginId, path: &Path, reason: &'static str, remedy: String) -> SourceWarning {
    SourceWarning {
        plugin,
        path: path.to_owned(),
        reason,
        remedy,
    }
}
