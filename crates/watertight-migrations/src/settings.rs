use std::fmt::Write;

use diesel::QueryableByName;
use diesel::sql_types::{Bool, Nullable, Text};

use crate::session::{Fault, PgSession, load};
use crate::sql::{Mentioned, literal};

/// The settings of a session as they were before a migration.
pub(crate) struct Settings {
    rows: Vec<Setting>,
    mentioned: Mentioned,
}

#[derive(QueryableByName)]
#[diesel(check_for_backend(diesel::pg::Pg))]
struct Setting {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Nullable<Text>)]
    value: Option<String>,
    /// Anybody may set it, also to what it is.
    #[diesel(sql_type = Bool)]
    for_all: bool,
}

impl Settings {
    /// Reads all that a session can change, with one query. Settings that somebody made up (`app.tenant`) are
    /// listed nowhere: those that the SQL names are read.
    pub(crate) fn read<C: PgSession>(
        connection: &mut C,
        mentioned: Mentioned,
    ) -> Result<Self, Fault> {
        let rows = load(connection, &query(&mentioned))?;
        Ok(Self { rows, mentioned })
    }

    /// The same inside a transaction of Diesel's, which is Diesel's to roll back.
    pub(crate) fn read_in_transaction<C: PgSession>(
        connection: &mut C,
    ) -> diesel::QueryResult<Self> {
        let mentioned = Mentioned {
            words: Vec::new(),
            dotted: Vec::new(),
        };
        let rows = diesel::RunQueryDsl::load(diesel::sql_query(query(&mentioned)), connection)?;
        Ok(Self { rows, mentioned })
    }

    /// SQL that puts back what differs. First who the session is, as that decides what it may set.
    ///
    /// What the migration names is put back although it looks the same, because a `SET LOCAL` may hide a `SET`.
    pub(crate) fn restore(&self) -> String {
        let mut names = String::new();
        let mut values = String::new();
        let mut always = String::new();
        for (index, row) in self.rows.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            let value = row
                .value
                .as_deref()
                .map_or_else(|| "NULL".to_owned(), literal);
            let is_mentioned =
                row.for_all && self.mentioned.words.contains(&row.name.to_lowercase());
            let _ = write!(names, "{comma}{}", literal(&row.name));
            let _ = write!(values, "{comma}{value}");
            let _ = write!(always, "{comma}{is_mentioned}");
        }
        format!(
            "DO $watertight$\n\
             DECLARE\n\
             names pg_catalog.text[] := ARRAY[{names}];\n\
             before pg_catalog.text[] := ARRAY[{values}]::pg_catalog.text[];\n\
             always pg_catalog.bool[] := ARRAY[{always}];\n\
             BEGIN\n\
             FOR i IN 1 .. {} LOOP\n\
             IF always[i] OR pg_catalog.current_setting(names[i], true) IS DISTINCT FROM before[i] THEN\n\
             PERFORM pg_catalog.set_config(names[i], coalesce(before[i], ''), false);\n\
             END IF;\n\
             END LOOP;\n\
             END $watertight$;\n",
            self.rows.len()
        )
    }
}

/// In a PGlite nobody has logged in, and the setting `session_authorization` is empty at first: it is not asked for.
fn query(mentioned: &Mentioned) -> String {
    let custom: Vec<_> = mentioned.dotted.iter().map(|name| literal(name)).collect();
    format!(
        "SELECT name, value, true AS for_all \
         FROM (VALUES (1, 'session_authorization', session_user::pg_catalog.text), \
         (2, 'role', pg_catalog.current_setting('role'))) AS identity (place, name, value) \
         UNION ALL SELECT * FROM (SELECT name::pg_catalog.text, pg_catalog.current_setting(name, true), \
         context = 'user' FROM pg_catalog.pg_settings WHERE context IN ('user', 'superuser') \
         AND pg_catalog.left(name, 12) <> 'transaction_' ORDER BY name) AS listed \
         UNION ALL SELECT name, pg_catalog.current_setting(name, true), true \
         FROM pg_catalog.unnest(ARRAY[{}]::pg_catalog.text[]) AS name",
        custom.join(", ")
    )
}
