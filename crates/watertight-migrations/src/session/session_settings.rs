use std::fmt::Write;

use postgres_protocol::escape::escape_literal;
use serde::Deserialize;

use super::messages::{Session, SettingsSource, load, load_in_transaction};
use super::pooler::Pooler;
use super::session_error::SessionError;
use crate::sql::{MentionedNames, do_block};

/// PL/pgSQL that restores the settings with which a connection of the runner's own begins.
pub(super) const RESET: &str =
    "RESET SESSION AUTHORIZATION;\nRESET ROLE;\nRESET ALL;\nSET TIME ZONE 'UTC';\n";

/// The settings of a session before a migration.
pub(crate) enum SessionSettings {
    /// Those of a caller's session.
    Read(ReadSettings),
    /// Those with which a connection of the runner's own begins: PostgreSQL knows them, so they are not read.
    OfNewConnection,
    /// Those of the sessions of a pooler.
    OfPooler(Pooler),
}

pub(crate) struct ReadSettings {
    rows: Vec<SettingRow>,
    mentioned: MentionedNames,
}

#[derive(Deserialize)]
struct SettingRow {
    name: String,
    value: Option<String>,
    /// Whether every role may set it.
    for_all: bool,
}

impl SessionSettings {
    /// Returns the settings to restore after SQL that mentions these.
    pub(crate) fn of<S: Session>(
        session: &mut S,
        mentioned: MentionedNames,
    ) -> Result<Self, SessionError> {
        Ok(match session.settings_source() {
            SettingsSource::Query => return Self::read(session, mentioned),
            SettingsSource::NewConnection => Self::OfNewConnection,
            SettingsSource::Pooler(pooler) => Self::OfPooler(pooler),
        })
    }

    /// Reads all settings that a session can change with one query. Of custom settings (`app.tenant`), which PostgreSQL
    /// does not list, it reads the mentioned ones.
    pub(crate) fn read<S: Session>(
        session: &mut S,
        mentioned: MentionedNames,
    ) -> Result<Self, SessionError> {
        let rows = load(session, &query(&mentioned))?;
        Ok(Self::Read(ReadSettings { rows, mentioned }))
    }

    /// Reads the settings inside a transaction, which the caller rolls back if this fails.
    pub(crate) fn read_in_transaction<S: Session>(session: &mut S) -> Result<Self, SessionError> {
        let mentioned = MentionedNames::default();
        let rows = load_in_transaction(session, &query(&mentioned))?;
        Ok(Self::Read(ReadSettings { rows, mentioned }))
    }

    /// Returns what makes psql read the settings into its variable `watertight_settings`, as SQL that restores those
    /// that have changed.
    pub(crate) fn save_in_psql(mentioned: &MentionedNames) -> String {
        format!(
            "SELECT 'DO ' || pg_catalog.quote_literal('BEGIN ' || pg_catalog.string_agg(pg_catalog.format(\
             'IF pg_catalog.current_setting(%1$L, true) IS DISTINCT FROM %2$L \
             THEN PERFORM pg_catalog.set_config(%1$L, %3$L, false); END IF;', name, value, coalesce(value, '')), \
             ' ') || ' END') AS watertight_settings\nFROM ({}) AS settings (name, value, for_all)\n\\gset\n",
            query(mentioned)
        )
    }

    /// Returns a statement that restores the settings that have changed, the role first because it decides what may be
    /// set.
    pub(crate) fn restore(&self) -> String {
        match self {
            Self::Read(settings) => settings.restore(),
            Self::OfNewConnection => do_block(&format!("BEGIN\n{RESET}END")),
            Self::OfPooler(pooler) => pooler.clean_session(),
        }
    }
}

impl ReadSettings {
    /// Mentioned settings are restored even if they look unchanged, because a `SET LOCAL` may hide a `SET`.
    fn restore(&self) -> String {
        let mut names = String::new();
        let mut values = String::new();
        let mut always = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let value = row
                .value
                .as_deref()
                .map_or_else(|| "NULL".to_owned(), escape_literal);
            let is_mentioned =
                row.for_all && self.mentioned.words.contains(&row.name.to_lowercase());
            let _ = write!(names, "{comma}{}", escape_literal(&row.name));
            let _ = write!(values, "{comma}{value}");
            let _ = write!(always, "{comma}{is_mentioned}");
        }
        do_block(&format!(
            "DECLARE\n\
             names pg_catalog.text[] := ARRAY[{names}];\n\
             before pg_catalog.text[] := ARRAY[{values}]::pg_catalog.text[];\n\
             always pg_catalog.bool[] := ARRAY[{always}];\n\
             setting record;\n\
             BEGIN\n\
             FOR setting IN SELECT * FROM ROWS FROM (pg_catalog.unnest(names), pg_catalog.unnest(before), \
             pg_catalog.unnest(always)) AS settings (name, before, always) LOOP\n\
             IF setting.always OR pg_catalog.current_setting(setting.name, true) IS DISTINCT FROM setting.before THEN\n\
             PERFORM pg_catalog.set_config(setting.name, coalesce(setting.before, ''), false);\n\
             END IF;\n\
             END LOOP;\n\
             END"
        ))
    }
}

/// In PGlite nobody has logged in and the setting `session_authorization` is empty at first, so its value comes from
/// `session_user`.
fn query(mentioned: &MentionedNames) -> String {
    let custom: Vec<_> = mentioned
        .dotted
        .iter()
        .map(|name| escape_literal(name))
        .collect();
    format!(
        "SELECT name, value, true AS for_all \
         FROM (VALUES (1, 'session_authorization', session_user::pg_catalog.text), \
         (2, 'role', pg_catalog.current_setting('role'))) AS identity (position, name, value) \
         UNION ALL SELECT * FROM (SELECT name::pg_catalog.text, pg_catalog.current_setting(name, true), \
         context = 'user' FROM pg_catalog.pg_settings WHERE context IN ('user', 'superuser') \
         AND pg_catalog.left(name, 12) <> 'transaction_' ORDER BY name) AS listed \
         UNION ALL SELECT name, pg_catalog.current_setting(name, true), true \
         FROM pg_catalog.unnest(ARRAY[{}]::pg_catalog.text[]) AS name",
        custom.join(", ")
    )
}
