use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use toml_edit::{Item, TableLike};

use super::migrate_settings::MigrateSettings;
use crate::output::hint::{Hint as _, hinted};

/// The settings in `[workspace.metadata.watertight]`. Folders are relative to the root.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    pub(super) plugins: PathBuf,
    pub(super) server: PathBuf,
    pub(super) templates: PathBuf,
    pub(super) template: Option<PathBuf>,
    pub(super) refresh_schema: bool,
    pub(super) migrate: MigrateSettings,
}

impl Settings {
    /// Reads the settings from a root manifest.
    ///
    /// # Errors
    ///
    /// When a key is not known or a value is not valid.
    pub(super) fn read(manifest: &Item) -> Result<Self> {
        let mut settings = Self {
            plugins: "plugins".into(),
            server: "server".into(),
            templates: "templates".into(),
            template: None,
            refresh_schema: true,
            migrate: MigrateSettings::default(),
        };
        let table = manifest.get("workspace").and_then(|workspace| {
            workspace
                .get("metadata")?
                .get("watertight")?
                .as_table_like()
        });
        for (key, value) in table.into_iter().flat_map(TableLike::iter) {
            match key {
                "plugins" => settings.plugins = folder(key, value)?,
                // The root package can be the server.
                "server" if value.as_str() == Some(".") => settings.server = PathBuf::new(),
                "server" => settings.server = folder(key, value)?,
                "templates" => settings.templates = folder(key, value)?,
                "template" => settings.template = Some(folder(key, value)?),
                "refresh_schema" => {
                    settings.refresh_schema = value.as_bool().context(
                        "`refresh_schema` in `[workspace.metadata.watertight]` is neither true nor false",
                    )?;
                }
                "migrate" => settings.migrate = MigrateSettings::read(value)?,
                _ => bail!(hinted(
                    format!("`[workspace.metadata.watertight]` has an unknown key `{key}`"),
                    "valid keys are `plugins`, `server`, `templates`, `template`, `refresh_schema` and `migrate`"
                )),
            }
        }
        Ok(settings)
    }
}

fn folder(key: &str, value: &Item) -> Result<PathBuf> {
    let folder = value.as_str().filter(|folder| is_below(Path::new(folder)));
    folder
        .map(PathBuf::from)
        .ok_or_else(|| {
            anyhow!(
                "`{key}` in `[workspace.metadata.watertight]` is not a folder below the root of the workspace"
            )
        })
        .hint("write it as a relative path without `..`")
}

/// Returns whether a relative path stays below the folder that it starts from.
pub(crate) fn is_below(path: &Path) -> bool {
    path.components().next().is_some()
        && path
            .components()
            .all(|part| matches!(part, Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use toml_edit::DocumentMut;

    use super::*;

    fn read(settings: &str) -> Result<Settings> {
        let manifest = format!("[workspace.metadata.watertight]\n{settings}\n");
        let document: DocumentMut = manifest.parse().unwrap();
        Settings::read(document.as_item())
    }

    #[test]
    fn only_the_server_may_be_the_root() {
        assert_eq!(read("server = \".\"").unwrap().server, Path::new(""));
        for wrong in [
            "plugins = \".\"",
            "server = \"..\"",
            "server = \"/srv\"",
            "server = 1",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
