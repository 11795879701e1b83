//! The values of libpq's parameters, from the URL or the environment.

use std::time::Duration;

use super::database_url_error::DatabaseUrlError;
use super::parameters::Parameters;

/// Returns an environment variable.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// libpq's variables, and the parameters that they set.
const VARIABLES: [(&str, &str); 20] = [
    ("PGHOST", "host"),
    ("PGHOSTADDR", "hostaddr"),
    ("PGPORT", "port"),
    ("PGDATABASE", "dbname"),
    ("PGUSER", "user"),
    ("PGPASSWORD", "password"),
    ("PGPASSFILE", "passfile"),
    ("PGOPTIONS", "options"),
    ("PGAPPNAME", "application_name"),
    ("PGCONNECT_TIMEOUT", "connect_timeout"),
    ("PGSSLMODE", "sslmode"),
    ("PGSSLROOTCERT", "sslrootcert"),
    ("PGSSLNEGOTIATION", "sslnegotiation"),
    ("PGCHANNELBINDING", "channel_binding"),
    ("PGTARGETSESSIONATTRS", "target_session_attrs"),
    ("PGLOADBALANCEHOSTS", "load_balance_hosts"),
    ("PGCLIENTENCODING", "client_encoding"),
    ("PGGSSENCMODE", "gssencmode"),
    ("PGSSLCOMPRESSION", "sslcompression"),
    ("PGSSLSNI", "sslsni"),
];

/// libpq's variables that would change the connection, and are not supported.
pub(crate) const UNSUPPORTED_VARIABLES: [&str; 15] = [
    "PGSERVICE",
    "PGSERVICEFILE",
    "PGREALM",
    "PGREQUIRESSL",
    "PGREQUIREPEER",
    "PGREQUIREAUTH",
    "PGSSLCERT",
    "PGSSLKEY",
    "PGSSLCERTMODE",
    "PGSSLCRL",
    "PGSSLCRLDIR",
    "PGSSLMINPROTOCOLVERSION",
    "PGSSLMAXPROTOCOLVERSION",
    "PGKRBSRVNAME",
    "PGGSSLIB",
];

/// Parameters that no variable sets.
const ONLY_IN_URL: [&str; 6] = [
    "ssl",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
];

/// libpq's parameters that are not supported.
const UNSUPPORTED_PARAMETERS: [&str; 14] = [
    "service",
    "sslcert",
    "sslkey",
    "sslpassword",
    "sslcertmode",
    "sslcrl",
    "sslcrldir",
    "ssl_min_protocol_version",
    "ssl_max_protocol_version",
    "requirepeer",
    "require_auth",
    "krbsrvname",
    "gsslib",
    "replication",
];

/// The parameters of a URL, with defaults from the environment.
pub(crate) struct Values<'a> {
    parameters: &'a Parameters,
    environment: Environment<'a>,
}

impl<'a> Values<'a> {
    /// Rejects unsupported parameters and variables.
    pub(crate) fn new(
        parameters: &'a Parameters,
        environment: Environment<'a>,
    ) -> Result<Self, DatabaseUrlError> {
        let values = Self {
            parameters,
            environment,
        };
        if let Some(index) = parameters.iter().position(|(key, _)| !is_supported(key)) {
            let name = displayed_name(parameters, index);
            return Err(DatabaseUrlError::UnsupportedParameter { name });
        }
        match UNSUPPORTED_VARIABLES
            .iter()
            .find(|name| values.variable(name).is_some())
        {
            Some(name) => Err(DatabaseUrlError::UnsupportedVariable { name }),
            None => Ok(values),
        }
    }

    /// Returns an environment variable. As in libpq, an empty one counts as unset.
    pub(crate) fn variable(&self, name: &str) -> Option<String> {
        (self.environment)(name).filter(|value| !value.is_empty())
    }

    /// Returns a parameter, from the URL or else from its variable.
    pub(crate) fn get(&self, key: &str) -> Option<String> {
        let given = self
            .parameters
            .iter()
            .find(|(known, _)| known == key)
            .map(|(_, value)| value);
        given
            .filter(|value| !value.is_empty())
            .cloned()
            .or_else(|| {
                let (name, _) = VARIABLES.iter().find(|(_, parameter)| *parameter == key)?;
                self.variable(name)
            })
    }

    /// Returns the value of a parameter with a fixed set of choices. The first is the default.
    pub(crate) fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Result<T, DatabaseUrlError> {
        let Some(value) = self.get(name) else {
            return Ok(choices[0].1);
        };
        let found = choices.iter().find(|(name, _)| *name == value);
        found.map(|(_, choice)| *choice).ok_or_else(|| {
            let names: Vec<_> = choices
                .iter()
                .filter(|(name, _)| !name.is_empty())
                .map(|(name, _)| format!("`{name}`"))
                .collect();
            invalid(name, &names.join(" or "))
        })
    }

    /// Returns the value of a numeric parameter.
    pub(crate) fn number(&self, name: &'static str) -> Result<Option<u32>, DatabaseUrlError> {
        let value = self.get(name);
        value
            .map(|value| {
                value
                    .trim()
                    .parse()
                    .map_err(|_| invalid(name, "a whole number"))
            })
            .transpose()
    }

    /// Returns the value of a parameter in seconds. As in libpq, zero and negative numbers mean no limit.
    pub(crate) fn seconds(&self, name: &'static str) -> Result<Option<Duration>, DatabaseUrlError> {
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let seconds: i64 = value
            .trim()
            .parse()
            .map_err(|_| invalid(name, "a whole number of seconds"))?;
        Ok(u64::try_from(seconds)
            .ok()
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs))
    }
}

/// Returns the name of a parameter for messages, or an empty string if it may be part of a password that was not
/// percent-encoded.
fn displayed_name(parameters: &Parameters, index: usize) -> String {
    let key = &parameters[index].0;
    let is_name = key.len() <= 32
        && key
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    let after_password = index > 0 && parameters[index - 1].0 == "password";
    if UNSUPPORTED_PARAMETERS.contains(&key.as_str()) || is_name && !after_password {
        format!(" `{key}`")
    } else {
        String::new()
    }
}

fn is_supported(key: &str) -> bool {
    ONLY_IN_URL.contains(&key) || VARIABLES.iter().any(|(_, parameter)| *parameter == key)
}

pub(crate) fn invalid(name: &'static str, expected: &str) -> DatabaseUrlError {
    DatabaseUrlError::Value {
        name,
        expected: expected.to_owned(),
    }
}
