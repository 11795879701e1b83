//! The address of a database, with a password that never shows.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use diesel_async::AsyncPgConnection;
use diesel_async::async_connection_wrapper::BlockOn as _;

use tokio_postgres::config::TargetSessionAttrs;

use crate::parameters::{self, Parameters};
use crate::pglite_marker::PgliteMarker;
use crate::settings::{HostSettings, SESSION_VARIABLES, Settings, SslMode, SslRoots};
use crate::values::REFUSED_VARIABLES;
use crate::{ConnectError, Connection, SharedRuntime};

/// The address of a PostgreSQL database: what libpq calls a connection string, in either of its two forms.
///
/// `Debug` and `Display` show `***` in place of the password.
#[derive(Clone)]
pub struct DatabaseUrl {
    given: String,
    parameters: Parameters,
    settings: Settings,
}

/// Why a database URL is refused. No message repeats the URL: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseUrlError {
    /// It does not begin with `postgres://` or `postgresql://`, nor is it a list of `key=value`.
    #[error(
        "failed to read the database URL: its scheme{scheme} is not `postgres://`; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    Scheme {
        /// The scheme it has, quoted, with a space before it; empty when it has none.
        scheme: String,
    },
    /// Percent-encoding is broken, or the bytes are not UTF-8.
    #[error(
        "failed to read the database URL: the percent-encoding of {what} is broken; write `%25` for a `%`"
    )]
    Encoding {
        /// The part of the URL.
        what: &'static str,
    },
    /// An `@` stands where none may, most often because it belongs to a password.
    #[error(
        "failed to read the database URL: it holds an `@` that does not end the password; write `%40` for an `@`, `%2F` for a `/`, `%3F` for a `?` and `%3A` for a `:` in a user name or password"
    )]
    StrayAt,
    /// The URL is not well-formed.
    #[error(
        "failed to read the database URL: {problem}; write it as postgres://USER:PASSWORD@HOST:PORT/DATABASE"
    )]
    Syntax {
        /// What is wrong.
        problem: &'static str,
    },
    /// A parameter has a value that is not among its values.
    #[error(
        "failed to read the database URL: `{name}`, from the URL or from its `PG…` variable, has to be {expected}; change it, and percent-encode special characters in a password"
    )]
    Value {
        /// The parameter.
        name: &'static str,
        /// What it may be.
        expected: String,
    },
    /// A parameter that libpq may know, but that is not supported here.
    #[error(
        "failed to read the database URL: the parameter{name} is not supported; remove it, and percent-encode special characters in a password"
    )]
    UnsupportedParameter {
        /// The parameter, quoted, with a space before it; empty when it does not look like one.
        name: String,
    },
    /// A variable of libpq that is not supported here, and that would change the connection.
    #[error(
        "failed to read the database URL: the environment variable `{name}` is not supported; unset it, and say in the URL what it says"
    )]
    UnsupportedVariable {
        /// The variable.
        name: &'static str,
    },
    /// Nothing says who connects.
    #[error(
        "failed to read the database URL: it names no user, and this process's user has no name; write the user into the URL, or set PGUSER"
    )]
    NoUser,
}

impl DatabaseUrl {
    /// Reads a URL. libpq's variables (`PGHOST`, `PGPASSWORD`, …) fill in what it leaves out.
    ///
    /// # Errors
    /// When the text is no database URL, or it or a variable asks for something that cannot be honoured.
    pub fn parse(url: &str) -> Result<Self, DatabaseUrlError> {
        Self::parse_in(url, &|name| std::env::var(name).ok())
    }

    /// Reads a URL with the variables that `environment` gives.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_in(
        url: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, DatabaseUrlError> {
        let url = url.trim();
        let parameters = parameters::parse(url)?;
        let settings = Settings::new(&parameters, environment)?;
        // A child process such as `diesel` knows URLs only.
        let given = if parameters::is_url(url) {
            url.to_owned()
        } else {
            parameters::render(&parameters, None)
        };
        Ok(Self {
            given,
            parameters,
            settings,
        })
    }

    /// Creates a URL from libpq's parameters alone; the environment is ignored.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn from_parameters(parameters: &[(&str, &str)]) -> Result<Self, DatabaseUrlError> {
        let parameters = parameters
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let settings = Settings::new(&parameters, &|_| None)?;
        Ok(Self {
            given: parameters::render(&parameters, None),
            parameters,
            settings,
        })
    }

    /// The URL as it was given (or the same as a URL, if it was a `key=value` list), password included: for the environment of a child process, which completes
    /// it from the same variables.
    pub fn expose_secret(&self) -> &str {
        &self.given
    }

    /// The name of the database: the user's name if the URL and the variables name none.
    pub fn database_name(&self) -> &str {
        &self.settings.database
    }

    /// The name of the user that connects.
    pub fn user_name(&self) -> &str {
        &self.settings.user
    }

    /// Another database on the same server.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut url = self.clone();
        name.clone_into(&mut url.settings.database);
        url.set_parameter("dbname", name.to_owned());
        url
    }

    /// The same database, with `schema` alone in the session's search path: where it is missing, nothing falls
    /// through to another.
    #[must_use]
    pub fn with_search_path(&self, schema: &str) -> Self {
        let path = format!("\"{}\"", schema.replace('"', "\"\""));
        let option = format!(
            "-c search_path={}",
            path.replace('\\', r"\\").replace(' ', r"\ ")
        );
        let mut url = self.clone();
        let options = match &self.settings.options {
            Some(options) => format!("{options} {option}"),
            None => option,
        };
        url.settings.options = Some(options.clone());
        url.set_parameter("options", options);
        url
    }

    /// The same database, with another `application_name` for the connections that are made from this value,
    /// which PostgreSQL shows in `pg_stat_activity`. The URL as text stays as it is.
    #[must_use]
    pub fn with_application_name(&self, name: &str) -> Self {
        let mut url = self.clone();
        name.clone_into(&mut url.settings.application_name);
        url
    }

    /// Whether the server takes one connection at a time, as a PGlite does. Then a pool can have one, and whoever needs
    /// a second has to give the first back.
    ///
    /// This does not connect: a PGlite says so beside its socket.
    pub fn serves_one_connection(&self) -> bool {
        self.pglite().is_some()
    }

    /// Returns the description of the PGlite that serves this URL, or `None` if another server does.
    pub fn pglite(&self) -> Option<PgliteMarker> {
        PgliteMarker::beside(self.socket_folder()?)
    }

    /// Returns the folder of the socket, if the URL has one host and it is a socket folder.
    pub fn socket_folder(&self) -> Option<&Path> {
        let [host] = &self.settings.hosts[..] else {
            return None;
        };
        let folder = Path::new(host.host.as_ref()?);
        folder.is_absolute().then_some(folder)
    }

    fn set_parameter(&mut self, key: &str, value: String) {
        self.parameters.retain(|(known, _)| known != key);
        self.parameters.push((key.to_owned(), value));
        self.given = parameters::render(&self.parameters, None);
    }

    /// libpq's variables that lead a child process, such as `psql`, to this database: no secret has to
    /// stand on its command line. A variable without a value has to be removed from the child's environment, where
    /// it would lead elsewhere.
    pub fn pg_environment(&self) -> Vec<(&'static str, Option<String>)> {
        let settings = &self.settings;
        let join = |part: &dyn Fn(&HostSettings) -> String| {
            settings
                .hosts
                .iter()
                .map(part)
                .collect::<Vec<_>>()
                .join(",")
        };
        let host = |host: &HostSettings| host.host.clone().unwrap_or_default();
        let address = |host: &HostSettings| {
            host.address
                .map(|address| address.to_string())
                .unwrap_or_default()
        };
        // Those of the session are in the options, and those that are not supported lead elsewhere.
        let removed = SESSION_VARIABLES
            .iter()
            .map(|(name, _)| *name)
            .chain(REFUSED_VARIABLES)
            .map(|name| (name, None));
        let any = |has: &dyn Fn(&HostSettings) -> bool| settings.hosts.iter().any(has);
        let mut variables = vec![
            (
                "PGHOST",
                any(&|host| host.host.is_some()).then(|| join(&host)),
            ),
            (
                "PGHOSTADDR",
                any(&|host| host.address.is_some()).then(|| join(&address)),
            ),
            ("PGPORT", Some(join(&|host| host.port.to_string()))),
            ("PGUSER", Some(settings.user.clone())),
            ("PGPASSWORD", settings.password.clone()),
            ("PGDATABASE", Some(settings.database.clone())),
            ("PGOPTIONS", settings.options.clone()),
            ("PGAPPNAME", Some(settings.application_name.clone())),
            (
                "PGSSLMODE",
                Some(ssl_mode_name(settings.ssl_mode).to_owned()),
            ),
            (
                "PGSSLROOTCERT",
                match &settings.ssl_roots {
                    SslRoots::System => Some("system".to_owned()),
                    SslRoots::File(file) => Some(file.display().to_string()),
                    SslRoots::Default(_) => None,
                },
            ),
            (
                "PGTARGETSESSIONATTRS",
                session_name(settings.session).map(str::to_owned),
            ),
            (
                "PGCONNECT_TIMEOUT",
                settings
                    .connect_timeout
                    .map(|timeout| timeout.as_secs().to_string()),
            ),
        ];
        variables.extend(removed);
        variables
    }

    /// Connects, for blocking use.
    ///
    /// Neither this nor the connection may be used inside an async task: see [`SharedRuntime`].
    ///
    /// # Errors
    /// When there is no connection to be had; the message says why and never holds the password.
    pub fn connect(&self) -> Result<Connection, ConnectError> {
        SharedRuntime
            .block_on(self.connect_async())
            .map(Connection::from)
    }

    /// Connects, for use in async tasks. The connection's task runs on the caller's runtime.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_async(&self) -> Result<AsyncPgConnection, ConnectError> {
        crate::connect::connect(self).await
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }
}

/// None: any will do.
fn session_name(session: TargetSessionAttrs) -> Option<&'static str> {
    match session {
        TargetSessionAttrs::ReadWrite => Some("read-write"),
        TargetSessionAttrs::ReadOnly => Some("read-only"),
        _ => None,
    }
}

fn ssl_mode_name(mode: SslMode) -> &'static str {
    match mode {
        SslMode::Disable => "disable",
        SslMode::Allow => "allow",
        SslMode::Prefer => "prefer",
        SslMode::Require => "require",
        SslMode::VerifyCa => "verify-ca",
        SslMode::VerifyFull => "verify-full",
    }
}

impl FromStr for DatabaseUrl {
    type Err = DatabaseUrlError;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        Self::parse(url)
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&parameters::render(&self.parameters, Some("***")))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests;
