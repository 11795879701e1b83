use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use toml_edit::{Document, Value};
use watertight_metadata::PluginId;

use super::migration::{Migration, MigrationBody, Script};
use super::migration_version::migration_version;
use super::source_warning::{self, SourceWarning, misspelt};
use crate::errors::LoadError;

/// Reads the migrations in a folder that is laid out like one of Diesel's command line, and collects warnings about
/// other files in it.
///
/// Reports an error where Diesel would ignore a faulty file.
pub(super) fn read(
    plugin: PluginId,
    folder: &Path,
) -> Result<(Vec<Migration>, Vec<SourceWarning>), LoadError> {
    let mut reader = Reader {
        plugin,
        warnings: Vec::new(),
    };
    let migrations = reader
        .migration_folders(folder)?
        .iter()
        .map(|folder| reader.migration(folder))
        .collect::<Result<_, _>>()?;
    reader.warnings.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((migrations, reader.warnings))
}

struct Reader {
    plugin: PluginId,
    warnings: Vec<SourceWarning>,
}

impl Reader {
    fn migration_folders(&mut self, folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
        let entries = fs::read_dir(folder).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => LoadError::NoFolder {
                plugin: self.plugin,
                path: folder.to_owned(),
            },
            _ => self.unreadable(folder, error),
        })?;
        let mut folders = Vec::new();
        for entry in entries {
            let entry = entry.map_err(|error| self.unreadable(folder, error))?;
            let path = entry.path();
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            if hidden {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else {
                let warning = source_warning::beside_migrations(self.plugin, &path);
                self.warnings.extend(warning);
            }
        }
        folders.sort();
        Ok(folders)
    }

    fn migration(&mut self, folder: &Path) -> Result<Migration, LoadError> {
        let name = folder
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| LoadError::NotUtf8 {
                plugin: self.plugin,
                path: folder.to_owned(),
            })?;
        let up = self
            .script(&folder.join("up.sql"))?
            .ok_or_else(|| self.no_up_sql(folder))?;
        self.warn_about_other_files(folder)?;
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

    fn warn_about_other_files(&mut self, folder: &Path) -> Result<(), LoadError> {
        for path in self.entries(folder)? {
            let warning = source_warning::in_migration(self.plugin, &path);
            self.warnings.extend(warning);
        }
        Ok(())
    }

    fn no_up_sql(&self, folder: &Path) -> LoadError {
        let entries = match self.entries(folder) {
            Ok(entries) => entries,
            Err(error) => return error,
        };
        let misspelt = entries.iter().find(|path| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.and_then(misspelt) == Some("up.sql")
        });
        LoadError::NoUpSql {
            plugin: self.plugin,
            path: folder.to_owned(),
            misspelt: misspelt.cloned(),
            has_migrations: entries.iter().any(|path| path.join("up.sql").exists()),
        }
    }

    fn entries(&self, folder: &Path) -> Result<Vec<PathBuf>, LoadError> {
        let entries = fs::read_dir(folder).and_then(|entries| {
            entries
                .map(|entry| Ok(entry?.path()))
                .collect::<io::Result<_>>()
        });
        entries.map_err(|error| self.unreadable(folder, error))
    }

    fn in_transaction(&self, path: &Path) -> Result<bool, LoadError> {
        let Some(toml) = self.contents(path)? else {
            return Ok(true);
        };
        let file = Script::new(path.display().to_string(), &toml);
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

    /// Returns the contents of a file, or `None` if it does not exist. A symbolic link to nothing is an error.
    fn contents(&self, path: &Path) -> Result<Option<String>, LoadError> {
        match fs::read(path) {
            Ok(bytes) => match String::from_utf8(bytes) {
                Ok(contents) => Ok(Some(contents)),
                Err(_) => Err(LoadError::NotUtf8 {
                    plugin: self.plugin,
                    path: path.to_owned(),
                }),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound && !path.is_symlink() => Ok(None),
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
    use watertight_diagnostics::{Diagnostic, ErrorReport};

    use super::*;

    const PLUGIN: PluginId = PluginId::new("catalog");

    /// Reads a migrations folder with these files. The error is as a program prints it, with paths below `migrations`.
    fn read_files(files: &[(&str, &[u8])]) -> Result<Vec<Migration>, String> {
        read_with_warnings(files, &[]).map(|(migrations, _)| migrations)
    }

    /// Like [`read_files`], with symbolic links to nothing, and with the warnings.
    fn read_with_warnings(
        files: &[(&str, &[u8])],
        links: &[&str],
    ) -> Result<(Vec<Migration>, Vec<String>), String> {
        let folder = tempfile::tempdir().unwrap();
        for (path, content) in files {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        for link in links {
            std::os::unix::fs::symlink("/nowhere", folder.path().join(link)).unwrap();
        }
        let shown = |diagnostic: &dyn Diagnostic| {
            ErrorReport::new(diagnostic)
                .to_string()
                .replace(&folder.path().display().to_string(), "migrations")
        };
        match read(PLUGIN, folder.path()) {
            Ok((migrations, warnings)) => {
                let warnings = warnings.iter().map(|warning| shown(warning));
                Ok((migrations, warnings.collect()))
            }
            Err(error) => Err(shown(&error)),
        }
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

    #[test]
    fn what_is_no_migration_is_a_warning() {
        let (migrations, warnings) = read_with_warnings(
            &[
                ("1_a/up.sql", b"select 1"),
                ("1_a/Down.sql", b""),
                ("1_a/metadata.TOML", b""),
                ("1_a/old/up.sql", b""),
                ("1_a/seed.csv", b""),
                ("2_b.up.sql", b""),
                ("2_b.down.sql", b""),
                ("3_c.SQL", b""),
                ("up.sql", b""),
                ("V4__d.rs", b""),
            ],
            &["5_e", "1_a/rows.sql"],
        )
        .unwrap();
        assert_eq!(migrations.len(), 1);
        insta::assert_snapshot!(warnings.join("\n"), @"
        error: migrations/1_a/Down.sql of plugin `catalog` is ignored: a migration has an up.sql, a down.sql and a metadata.toml
        hint: rename it to `down.sql`
        error: migrations/1_a/metadata.TOML of plugin `catalog` is ignored: a migration has an up.sql, a down.sql and a metadata.toml
        hint: rename it to `metadata.toml`
        error: migrations/1_a/old of plugin `catalog` is ignored: a migration has an up.sql, a down.sql and a metadata.toml
        hint: move it to another folder
        error: migrations/1_a/rows.sql of plugin `catalog` is ignored: it is a symbolic link to something that does not exist
        hint: restore what it refers to, or remove it
        error: migrations/1_a/seed.csv of plugin `catalog` is ignored: a migration has an up.sql, a down.sql and a metadata.toml
        hint: move it to another folder
        error: migrations/2_b.down.sql of plugin `catalog` is ignored: a migration is a folder with an up.sql
        hint: rename it to `2_b/down.sql`
        error: migrations/2_b.up.sql of plugin `catalog` is ignored: a migration is a folder with an up.sql
        hint: rename it to `2_b/up.sql`
        error: migrations/3_c.SQL of plugin `catalog` is ignored: a migration is a folder with an up.sql
        hint: rename it to `3_c/up.sql`
        error: migrations/5_e of plugin `catalog` is ignored: it is a symbolic link to something that does not exist
        hint: restore what it refers to, or remove it
        error: migrations/V4__d.rs of plugin `catalog` is ignored: a migration is a folder with an up.sql
        hint: move it to another folder
        error: migrations/up.sql of plugin `catalog` is ignored: a migration is a folder with an up.sql
        hint: move it into the folder of its migration
        ");
    }

    #[test]
    fn what_is_expected_beside_migrations_is_no_warning() {
        let files = [
            ".gitkeep",
            ".DS_Store",
            ".up.sql.swp",
            "README",
            "Readme.md",
            "notes.txt",
            "up.sql~",
            "up.sql.orig",
            "#up.sql#",
            "Thumbs.db",
        ];
        let beside = files.map(|file| (file.to_owned(), b"".as_slice()));
        let inside = files.map(|file| (format!("1_a/{file}"), b"".as_slice()));
        let migration = [
            ("1_a/up.sql", b"select 1".as_slice()),
            ("1_a/down.sql", b"select 1"),
            ("1_a/metadata.toml", b"run_in_transaction = true"),
        ];
        let files = beside.iter().chain(&inside);
        let files: Vec<_> = files
            .map(|(path, contents)| (path.as_str(), *contents))
            .chain(migration)
            .collect();
        let (_, warnings) = read_with_warnings(&files, &[]).unwrap();
        assert_eq!(warnings, [""; 0]);
    }

    #[test]
    fn a_folder_without_an_up_sql_is_refused_with_what_it_has_instead() {
        insta::assert_snapshot!(error(&[("1_a/Up.sql", b"select 1")]), @"
        error: failed to read the migrations of plugin `catalog`: migrations/1_a has no up.sql
        hint: rename migrations/1_a/Up.sql to up.sql
        ");
        insta::assert_snapshot!(error(&[("archive/1_a/up.sql", b"select 1")]), @"
        error: failed to read the migrations of plugin `catalog`: migrations/archive has no up.sql
        hint: move the migrations in it into the folder of the migrations
        ");
    }

    #[test]
    fn a_script_that_is_a_symbolic_link_to_nothing_is_refused() {
        let error = read_with_warnings(&[("1_a/up.sql", b"select 1")], &["1_a/down.sql"])
            .err()
            .unwrap();
        insta::assert_snapshot!(error, @"
        error: failed to read migrations/1_a/down.sql of plugin `catalog`: No such file or directory (os error 2)
        hint: restore what the symbolic link refers to, or remove it
        ");
        let error = read_with_warnings(&[("1_a/down.sql", b"select 1")], &["1_a/up.sql"])
            .err()
            .unwrap();
        insta::assert_snapshot!(error, @"
        error: failed to read migrations/1_a/up.sql of plugin `catalog`: No such file or directory (os error 2)
        hint: restore what the symbolic link refers to, or remove it
        ");
    }
}
