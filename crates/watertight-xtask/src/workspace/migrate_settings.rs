use std::time::Duration;

use anyhow::{Result, bail};
use toml_edit::{Item, TableLike};
use watertight_migrations::{Migrator, Policy};

use crate::output::hint::hinted;

/// The settings in `[workspace.metadata.watertight.migrate]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct MigrateSettings {
    ahead: Policy,
    out_of_order: Policy,
    /// `None` for the migrator's default.
    statement_lock_timeout: Option<Duration>,
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
                "statement_lock_timeout" => {
                    settings.statement_lock_timeout = Some(duration(key, value)?);
                }
                _ => bail!(hinted(
                    format!("`[workspace.metadata.watertight.migrate]` has an unknown key `{key}`"),
                    "valid keys are `ahead`, `out_of_order` and `statement_lock_timeout`"
                )),
            }
        }
        Ok(settings)
    }

    /// Returns the migrator with these settings.
    pub(crate) fn apply(&self, migrator: Migrator) -> Migrator {
        let migrator = migrator.ahead(self.ahead).out_of_order(self.out_of_order);
        match self.statement_lock_timeout {
            Some(timeout) => migrator.statement_lock_timeout(timeout),
            None => migrator,
        }
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

/// Reads a duration as PostgreSQL's settings are written, of which 0 is none.
fn duration(key: &str, value: &Item) -> Result<Duration> {
    let parse = |text: &str| {
        let digits = text.trim_end_matches(|c: char| !c.is_ascii_digit());
        let number: u32 = digits.parse().ok()?;
        match text[digits.len()..].trim() {
            "ms" => Some(Duration::from_millis(number.into())),
            "s" => Some(Duration::from_secs(number.into())),
            "min" => Some(Duration::from_mins(number.into())),
            "" if number == 0 => Some(Duration::ZERO),
            _ => None,
        }
    };
    match (value.as_str(), value.as_integer()) {
        (None, Some(0)) | (Some("none"), _) => Ok(Duration::ZERO),
        (Some(text), _) if let Some(duration) = parse(text) => Ok(duration),
        _ => bail!(hinted(
            format!("`{key}` in `[workspace.metadata.watertight.migrate]` is not a duration"),
            "write it like \"500ms\", \"5s\", \"1min\" or \"none\""
        )),
    }
}

#[cfg(test)]
mod tests {
    use toml_edit::{Value, value};

    use super::*;

    #[test]
    fn durations_have_a_unit_unless_they_are_zero() {
        let read = |written: Value| duration("key", &value(written)).ok();
        assert_eq!(read("250ms".into()), Some(Duration::from_millis(250)));
        assert_eq!(read("5s".into()), Some(Duration::from_secs(5)));
        assert_eq!(read("1 min".into()), Some(Duration::from_mins(1)));
        for zero in [Value::from(0), "0".into(), "0s".into(), "none".into()] {
            assert_eq!(read(zero), Some(Duration::ZERO));
        }
        for wrong in [
            Value::from(5),
            "5".into(),
            "5 h".into(),
            "-1s".into(),
            "".into(),
        ] {
            assert_eq!(read(wrong), None);
        }
    }
}
