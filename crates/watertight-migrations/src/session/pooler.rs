//! Connection poolers between the sessions of a run and PostgreSQL.

use std::fmt::Write;
use std::sync::OnceLock;

use postgres_protocol::escape::escape_literal;
use watertight_connection::ProtocolConnection;

use crate::sql::do_block;

/// What the sessions of a run know about a pooler.
#[derive(Default)]
pub(crate) struct Pooling {
    /// `None` without a pooler, once that is known.
    pub(super) pooler: OnceLock<Option<Pooler>>,
    /// Whether each connection has a session of its own, as in session mode.
    pub(super) has_own_sessions: OnceLock<bool>,
}

impl Pooling {
    pub(super) fn pooler(&self) -> Option<&Pooler> {
        self.pooler.get()?.as_ref()
    }
}

/// A pooler, which may give each transaction another session.
#[derive(Clone)]
pub(crate) struct Pooler {
    /// Its client's settings, which it sets in each session that the client gets.
    kept: Vec<(&'static str, String)>,
}

/// The settings that PgBouncer keeps.
const KEPT: [&str; 5] = [
    "application_name",
    "client_encoding",
    "DateStyle",
    "standard_conforming_strings",
    "TimeZone",
];

impl Pooler {
    /// PL/pgSQL for the transaction of a migration, because what is set in a session reaches other clients.
    pub(super) const SET_TIME_ZONE: &str = "SET LOCAL TIME ZONE 'UTC';\n";

    pub(super) fn of(connection: &ProtocolConnection) -> Self {
        let value = |name| Some((name, connection.parameter(name)?.to_owned()));
        Self {
            kept: KEPT.into_iter().filter_map(value).collect(),
        }
    }

    /// Returns a statement that removes what SQL may have left in the session: settings, temporary tables, and prepared
    /// statements.
    pub(crate) fn clean_session(&self) -> String {
        let mut kept = String::new();
        for (name, value) in &self.kept {
            let (name, value) = (escape_literal(name), escape_literal(value));
            let _ = writeln!(
                kept,
                "PERFORM pg_catalog.set_config({name}, {value}, false);"
            );
        }
        let set_time_zone = Self::SET_TIME_ZONE;
        do_block(&format!(
            "DECLARE\n\
             prepared record;\n\
             BEGIN\n\
             RESET SESSION AUTHORIZATION;\n\
             RESET ROLE;\n\
             RESET ALL;\n\
             {kept}\
             {set_time_zone}\
             FOR prepared IN SELECT name FROM pg_catalog.pg_prepared_statements WHERE from_sql LOOP\n\
             EXECUTE pg_catalog.format('DEALLOCATE %I', prepared.name);\n\
             END LOOP;\n\
             DISCARD TEMPORARY;\n\
             END"
        ))
    }
}
