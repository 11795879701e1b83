//! A database URL that never shows its password.

pub(crate) mod database_url_error;
pub(crate) mod parameters;
pub(crate) mod pg_variables;
pub(crate) mod settings;

use std::fmt;
use std::str::FromStr;

use crate::connect::password_file::is_open_to_others;
use database_url_error::DatabaseUrlError;
use parameters::Parameters;
use settings::ConnectionSettings;

/// The URL of a PostgreSQL database: what libpq calls a connection string, in either of its two forms.
///
/// `Debug` and `Display` show `***` instead of the password.
#[derive(Clone)]
pub struct DatabaseUrl {
    given: String,
    parameters: Parameters,
    settings: ConnectionSettings,
}

impl DatabaseUrl {
    /// Parses a URL. libpq's environment variables (`PGHOST`, `PGPASSWORD`, …) fill in what it leaves out.
    ///
    /// # Errors
    /// When the URL is malformed, or it or a variable asks for something unsupported.
    pub fn parse(url: &str) -> Result<Self, DatabaseUrlError> {
        Self::parse_in(url, &|name| std::env::var(name).ok())
    }

    /// As [`parse`](Self::parse), with the variables that `environment` returns.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_in(
        url: &str,
        environment: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, DatabaseUrlError> {
        let url = url.trim();
        let parameters = parameters::parse(url)?;
        let settings = ConnectionSettings::new(&parameters, environment)?;
        // A child process such as `diesel` supports only URLs.
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

    /// Creates a URL from libpq's parameters (`host`, `dbname`, …) alone, ignoring the environment.
    ///
    /// # Errors
    /// When a parameter is unsupported or has an invalid value.
    pub fn from_parameters(parameters: &[(&str, &str)]) -> Result<Self, DatabaseUrlError> {
        let parameters = parameters
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect();
        let settings = ConnectionSettings::new(&parameters, &|_| None)?;
        Ok(Self {
            given: parameters::render(&parameters, None),
            parameters,
            settings,
        })
    }

    /// Returns the URL as it was given, including the password. A `key=value` list is converted to a URL.
    ///
    /// This is for the environment of a child process, which fills in what the URL leaves out from the same variables.
    pub fn expose_secret(&self) -> &str {
        &self.given
    }

    /// Returns the name of the database. It defaults to the user's name.
    pub fn database_name(&self) -> &str {
        &self.settings.database
    }

    /// Returns the name of the user that connects.
    pub fn user_name(&self) -> &str {
        &self.settings.user
    }

    /// Returns the URL of another database on the same server.
    #[must_use]
    pub fn with_database(&self, name: &str) -> Self {
        let mut url = self.clone();
        name.clone_into(&mut url.settings.database);
        url.set_parameter("dbname", name.to_owned());
        url
    }

    /// Returns the URL of the same database, with `schema` as the whole `search_path`: an unqualified name that is
    /// missing there is not found in another schema.
    #[must_use]
    pub fn with_search_path(&self, schema: &str) -> Self {
        let path = postgres_protocol::escape::escape_identifier(schema);
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

    /// Returns the URL of the same database, with another `application_name` for the connections of this process, as
    /// shown in `pg_stat_activity`. The URL's string does not change.
    #[must_use]
    pub fn with_application_name(&self, name: &str) -> Self {
        let mut url = self.clone();
        name.clone_into(&mut url.settings.application_name);
        url
    }

    /// Returns what is wrong with the settings although a connection may be possible, each as one sentence to print: a
    /// password file that is ignored because other users can read it.
    pub fn warnings(&self) -> Vec<String> {
        let settings = &self.settings;
        let file = settings.password_file.as_deref();
        file.filter(|file| settings.password.is_none() && is_open_to_others(file))
            .map(|file| {
                format!(
                    "the password file {0} is ignored, because other users can read it; run `chmod 600 {0}`",
                    file.display()
                )
            })
            .into_iter()
            .collect()
    }

    pub(crate) fn settings(&self) -> &ConnectionSettings {
        &self.settings
    }

    fn set_parameter(&mut self, key: &str, value: String) {
        self.parameters.retain(|(known, _)| known != key);
        self.parameters.push((key.to_owned(), value));
        self.given = parameters::render(&self.parameters, None);
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
