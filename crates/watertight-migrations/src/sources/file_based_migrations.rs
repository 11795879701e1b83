use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Value};
use watertight_metadata::PluginId;

use super::migration::{Migration, MigrationBody, Script};
use super::migration_version::migration_version;
use crate::errors::LoadError;

/// Reads the migrations in a folder that is laid out like one of Diesel's command line.
///
/// Reports an error where Diesel would ignore a faulty file.
pub(super) fn read(plugin: PluginId, folder: &Path) -> Result<Vec<Migration>, LoadError> {
    let reader = Reader { plugin };
    reader
        .migration_folders(folder)?
        .iter()
        .map(|folder| reader.migration(folder))
        .collect()
}

struct Reader {
    plugin: PluginId,
}

impl Reader {
    fn migration_folders(&self, folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
        let unreadable = |source| self.unreadable(folder, source);
        let entries = fs::read_dir(folder).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => LoadError::NoFolder {
                plugin: self.plugin,
                path: folder.to_owned(),
            },
            _ => unreadable(error),
        })?;
        let mut folders = Vec::new();
        for entry in entries {
            let path = entry.map_err(unreadable)?.path();
            let hidden = path
                .file_name()
                .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && path.is_dir() {
                folders.push(path);
            }
        }
        folders.sort();
        Ok(folders)
    }

    fn migration(&self, folder: &Path) -> Result<Migration, LoadError> {
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| LoadError::NotUtf8 {
                plugin: self.plugin,
                path: folder.to_owned(),
            })?;
        let up = self
            .script(&folder.join("up.sql"))?
            .ok_or_else(|| LoadError::NoUpSql {
                plugin: self.plugin,
                path: folder.to_owned(),
            })?;
        let body = MigrationBody::Sql {
            up,
            down: self.script(&folder.join("down.sql"))?,
        };
        Ok(Migration {
            name: name.to_owned(),
            version: migration_version(name),
            in_transaction: self.in_transaction(&folder.join("metadata.toml"))?,
            body,
        })
    }

    fn in_transaction(&self, path: &Path) -> Result<bool, LoadError> {
        let Some(toml) = self.contents(path)? else {
            return Ok(true);
        };
        let file = Script {
            file: path.display().to_string(),
            sql: toml.clone(),
        };
        let invalid = |offset: usize, reason: String| LoadError::Metadata {
            plugin: self.plugin,
            location: file.line_at(offset),
            reason,
        };
        let document = Document::parse(toml.as_str()).map_err(|error| {
            invalid(
                error.span().map_or(0, |span| span.start),
                error.message().trim().to_owned(),
            )
        })?;
        let Some(item) = document.get("run_in_transaction") else {
            return Err(invalid(0, "`run_in_transaction` is missing".to_owned()));
        };
        item.as_value().and_then(Value::as_bool).ok_or_else(|| {
            let offset = item.span().map_or(0, |span| span.start);
            invalid(
                offset,
                "`run_in_transaction` is neither true nor false".to_owned(),
            )
        })
    }

    fn script(&self, path: &Path) -> Result<Option<Script>, LoadError> {
        let sql = self.contents(path)?;
        Ok(sql.map(|sql| Script::new(path.display().to_string(), &sql)))
    }

    /// Returns the contents of a file, or `None` if it does not exist.
    fn contents(&self, path: &Path) -> Result<Option<String>, LoadError> {
        match fs::read(path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(contents) => Ok(Some(contents)),
                Err(_) => Err(LoadError::NotUtf8 {
                    plugin: self.plugin,
                    path: path.to_owned(),
                }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.unreadable(path, error)),
        }
    }

    fn unreadable(&self, path: &Path, source: io::Error) -> LoadError {
        LoadError::Unreadable {
            plugin: self.plugin,
            path: path.to_owned(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use watertight_diagnostics::ErrorReport;

    use super::*;

    const PLUGIN: PluginId = PluginId::new("catalog");

    /// Reads a migrations folder with these files. The error is as a program prints it, with paths below `migrations`.
    fn read_files(files: &[(&str, &[u8])]) -> Result<Vec<Migration>, String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        read(PLUGIN, folder.path()).map_err(|error| {
            ErrorReport::new(&error)
                .to_string()
                .replace(&folder.path().display().to_string(), "migrations")
        })
    }

    fn error(files: &[(&str, &[u8])]) -> String {
        read_files(files).err().unwrap()
    }

    #[test]
    fn a_folder_is_read_as_diesel_reads_it() {
        let migrations = read_files(&[
            ("2026-01-02-000000_b/up.sql", b"select 1"),
            ("2026-01-02-000000_b/down.sql", b"select 2"),
            (
                "2026-01-02-000000_b/metadata.toml",
                b"other = 1\nrun_in_transaction = false\n",
            ),
            ("1_a/up.sql", b"\xef\xbb\xbfselect 3"),
            (".hidden/x", b""),
            ("README.md", b""),
        ])
        .unwrap();
        assert_eq!(migrations.len(), 2);
        let [a, b] = [&migrations[0], &migrations[1]];
        assert_eq!((a.version.as_str(), a.in_transaction), ("1", true));
        assert_eq!(
            (b.version.as_str(), b.in_transaction),
            ("20260102000000", false)
        );
        let (MigrationBody::Sql { up: a, down: None }, MigrationBody::Sql { down: Some(b), .. }) =
            (&a.body, &b.body)
        else {
            panic!("one has a down.sql");
        };
        assert_eq!((a.sql.as_str(), b.sql.as_str()), ("select 3", "select 2"));
    }

    #[test]
    fn an_invalid_metadata_file_is_refused_with_its_line() {
        let metadata = |toml: &'static str| {
            error(&[
                ("1_a/up.sql", b"select 1"),
                ("1_a/metadata.toml", toml.as_bytes()),
            ])
        };
        insta::assert_snapshot!(metadata("a = 1"), @"
        error: failed to read migrations/1_a/metadata.toml:1 of plugin `catalog`: `run_in_transaction` is missing
         --> migrations/1_a/metadata.toml:1
          |
        1 | a = 1
          |
        hint: write `run_in_transaction = true` or `run_in_transaction = false`
        ");
        insta::assert_snapshot!(metadata("# x\n\nrun_in_transaction = 'no'"), @"
        error: failed to read migrations/1_a/metadata.toml:3 of plugin `catalog`: `run_in_transaction` is neither true nor false
         --> migrations/1_a/metadata.toml:3
          |
        3 | run_in_transaction = 'no'
          |
        hint: write `run_in_transaction = true` or `run_in_transaction = false`
        ");
        assert!(metadata("a = 1\nrun_in_transaction = fals").starts_with(
            "error: failed to read migrations/1_a/metadata.toml:2 of plugin `catalog`: "
        ));
    }

    #[test]
    fn missing_and_unreadable_files_are_named() {
        insta::assert_snapshot!(error(&[("1_a/down.sql", b"")]), @"
        error: failed to read the migrations of plugin `catalog`: migrations/1_a has no up.sql
        hint: write one, or remove the folder
        ");
        insta::assert_snapshot!(error(&[("1_a/up.sql", b"\xff")]), @"
        error: failed to read migrations/1_a/up.sql of plugin `catalog`: it is not UTF-8
        hint: save it as UTF-8
        ");
        insta::assert_snapshot!(error(&[("1_a/up.sql/x", b"")]), @"
        error: failed to read migrations/1_a/up.sql of plugin `catalog`: Is a directory (os error 21)
        hint: make it readable
        ");
        let missing = read(PLUGIN, Path::new("no/such/folder")).err().unwrap();
        insta::assert_snapshot!(ErrorReport::new(&missing), @"
        error: failed to read the migrations of plugin `catalog`: there is no folder no/such/folder
        hint: create it
        ");
    }
}
