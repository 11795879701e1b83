use anyhow::{Result, bail};
use toml_edit::{Item, TableLike};
use watertight_migrations::{Migrator, Policy};

use crate::output::hint::hinted;

/// The settings in `[workspace.metadata.watertight.migrate]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct MigrateSettings {
    ahead: Policy,
    out_of_order: Policy,
}

impl MigrateSettings {
    /// Reads the settings from the table.
    ///
    /// # Errors
    ///
    /// When a key is not known or a value is not valid.
    pub(super) fn read(table: &Item) -> Result<Self> {
        let mut settings = Self::default();
        for (key, value) in table.as_table_like().into_iter().flat_map(TableLike::iter) {
            match key {
                "ahead" => settings.ahead = policy(key, value)?,
                "out_of_order" => settings.out_of_order = policy(key, value)?,
                _ => bail!(hinted(
                    format!("`[workspace.metadata.watertight.migrate]` has an unknown key `{key}`"),
                    "valid keys are `ahead` and `out_of_order`"
                )),
            }
        }
        Ok(settings)
    }

    /// Returns the migrator with these settings.
    pub(crate) fn apply(&self, migrator: Migrator) -> Migrator {
        migrator.ahead(self.ahead).out_of_order(self.out_of_order)
    }
}

fn policy(key: &str, value: &Item) -> Result<Policy> {
    match value.as_str() {
        Some("allow") => Ok(Policy::Allow),
        Some("warn") => Ok(Policy::Warn),
        Some("deny") => Ok(Policy::Deny),
        _ => bail!(hinted(
            format!("`{key}` in `[workspace.metadata.watertight.migrate]` is not a policy"),
            "write \"allow\", \"warn\" or \"deny\""
        )),
    }
}
