//! The settings of a connection, from the URL and libpq's variables.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, SslNegotiation, TargetSessionAttrs};

use super::database_url_error::DatabaseUrlError;
use super::parameters::Parameters;
use super::pg_variables::{Environment, Values, invalid};

/// The name of the password file in the home folder.
const PASSWORD_FILE: &str = ".pgpass";

/// libpq's variables that set a parameter of the session.
pub(crate) const SESSION_VARIABLES: [(&str, &str); 3] = [
    ("PGDATESTYLE", "datestyle"),
    ("PGTZ", "timezone"),
    ("PGGEQO", "geqo"),
];

/// How a connection is encrypted and verified: libpq's `sslmode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// The certificates to trust.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SslRoots {
    /// `sslrootcert` is not set: libpq's file in the home folder, if it exists.
    Default(Option<PathBuf>),
    File(PathBuf),
    System,
}

/// A server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostSettings {
    /// A host name, an IP address or a socket folder. `None` means the default socket, or else `localhost`.
    pub(crate) host: Option<String>,
    /// The IP address to connect to, instead of looking up `host`.
    pub(crate) address: Option<std::net::IpAddr>,
    pub(crate) port: u16,
}

/// The settings of a connection.
#[derive(Clone)]
pub(crate) struct ConnectionSettings {
    pub(crate) hosts: Vec<HostSettings>,
    pub(crate) shuffle_hosts: bool,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    /// The file with the password, if it is not given.
    pub(crate) password_file: Option<PathBuf>,
    pub(crate) database: String,
    pub(crate) options: Option<String>,
    pub(crate) application_name: String,
    pub(crate) ssl_mode: SslMode,
    pub(crate) ssl_roots: SslRoots,
    pub(crate) ssl_negotiation: SslNegotiation,
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) channel_binding: ChannelBinding,
    pub(crate) session: TargetSessionAttrs,
    pub(crate) tcp: TcpSettings,
}

/// TCP timeouts. `None` means the default of the operating system.
#[derive(Debug, Clone)]
pub(crate) struct TcpSettings {
    pub(crate) keepalives: bool,
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) retries: Option<u32>,
    pub(crate) user_timeout: Option<Duration>,
}

impl ConnectionSettings {
    /// Creates settings from `parameters`, with defaults from `environment`.
    pub(crate) fn new(
        parameters: &Parameters,
        environment: Environment<'_>,
    ) -> Result<Self, DatabaseUrlError> {
        let values = Values::new(parameters, environment)?;
        reject_unsupported_values(&values)?;
        let home = values.variable("HOME").map(PathBuf::from);
        let user = match values.get("user") {
            Some(user) => user,
            None => operating_system_user()?,
        };
        let ssl_roots = match values.get("sslrootcert") {
            Some(system) if system == "system" => SslRoots::System,
            Some(file) => SslRoots::File(file.into()),
            None => SslRoots::Default(home.as_ref().map(|home| home.join(".postgresql/root.crt"))),
        };
        let default_password_file = || home.as_ref().map(|home| home.join(PASSWORD_FILE));
        Ok(Self {
            hosts: hosts(&values)?,
            shuffle_hosts: values.choice(
                "load_balance_hosts",
                &[("disable", false), ("random", true)],
            )?,
            password: values.get("password"),
            password_file: values
                .get("passfile")
                .map(PathBuf::from)
                .or_else(default_password_file),
            database: values.get("dbname").unwrap_or_else(|| user.clone()),
            user,
            options: session_options(&values),
            application_name: values
                .get("application_name")
                .unwrap_or_else(|| "watertight".to_owned()),
            ssl_mode: ssl_mode(&values, &ssl_roots)?,
            ssl_roots,
            ssl_negotiation: values.choice(
                "sslnegotiation",
                &[
                    ("postgres", SslNegotiation::Postgres),
                    ("direct", SslNegotiation::Direct),
                ],
            )?,
            connect_timeout: values.seconds("connect_timeout")?,
            channel_binding: values.choice(
                "channel_binding",
                &[
                    ("prefer", ChannelBinding::Prefer),
                    ("disable", ChannelBinding::Disable),
                    ("require", ChannelBinding::Require),
                ],
            )?,
            session: values.choice(
                "target_session_attrs",
                &[
                    ("any", TargetSessionAttrs::Any),
                    ("read-write", TargetSessionAttrs::ReadWrite),
                    ("read-only", TargetSessionAttrs::ReadOnly),
                ],
            )?,
            tcp: TcpSettings {
                keepalives: values.choice("keepalives", &[("1", true), ("0", false)])?,
                idle: values.seconds("keepalives_idle")?,
                interval: values.seconds("keepalives_interval")?,
                retries: values
                    .number("keepalives_count")?
                    .filter(|count| *count > 0),
                user_timeout: values
                    .number("tcp_user_timeout")?
                    .filter(|milliseconds| *milliseconds > 0)
                    .map(|milliseconds| Duration::from_millis(milliseconds.into())),
            },
        })
    }
}

/// Rejects settings that are not supported. Values that match the actual behaviour are accepted.
fn reject_unsupported_values(values: &Values<'_>) -> Result<(), DatabaseUrlError> {
    values.choice("gssencmode", &[("prefer", ()), ("disable", ())])?;
    values.choice("sslcompression", &[("0", ())])?;
    values.choice("sslsni", &[("1", ())])?;
    values.choice(
        "client_encoding",
        &[("UTF8", ()), ("utf8", ()), ("UTF-8", ()), ("utf-8", ())],
    )
}

/// Returns the `options` parameter, after the session parameters that libpq's variables set.
fn session_options(values: &Values<'_>) -> Option<String> {
    let variables = SESSION_VARIABLES.iter().filter_map(|(name, setting)| {
        let value = values
            .variable(name)?
            .replace('\\', r"\\")
            .replace(' ', r"\ ");
        Some(format!("-c {setting}={value}"))
    });
    let options: Vec<_> = variables.chain(values.get("options")).collect();
    (!options.is_empty()).then(|| options.join(" "))
}

fn ssl_mode(values: &Values<'_>, roots: &SslRoots) -> Result<SslMode, DatabaseUrlError> {
    let mut modes = vec![
        ("prefer", SslMode::Prefer),
        ("disable", SslMode::Disable),
        ("allow", SslMode::Allow),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ];
    if *roots == SslRoots::System {
        // As in libpq: with every public authority trusted, only the host name identifies the server.
        modes.retain(|(_, mode)| *mode == SslMode::VerifyFull);
    }
    // JDBC's way to write `sslmode=require`.
    if values.get("sslmode").is_none() && values.choice("ssl", &[("", false), ("true", true)])? {
        return Ok(SslMode::Require.max(modes[0].1));
    }
    values.choice("sslmode", &modes)
}

fn hosts(values: &Values<'_>) -> Result<Vec<HostSettings>, DatabaseUrlError> {
    let list = |key: &str| -> Vec<String> {
        let list = values.get(key);
        list.map(|list| list.split(',').map(|part| part.trim().to_owned()).collect())
            .unwrap_or_default()
    };
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = names.len().max(addresses.len()).max(1);
    for (name, length) in [("host", names.len()), ("hostaddr", addresses.len())] {
        if length != 0 && length != count {
            return Err(invalid(
                name,
                "a list as long as the other of `host` and `hostaddr`",
            ));
        }
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(invalid("port", "one port, or one port for each host"));
    }
    (0..count)
        .map(|index| {
            let address = addresses.get(index).filter(|address| !address.is_empty());
            let address = address.map(|address| {
                address
                    .parse()
                    .map_err(|_| invalid("hostaddr", "an IP address"))
            });
            let port = ports.get(index).or(ports.first());
            let port = match port.map_or("", String::as_str) {
                "" => 5432,
                port => match port.parse() {
                    Ok(port) if port > 0 => port,
                    _ => return Err(invalid("port", "a number from 1 to 65535")),
                },
            };
            let host = names.get(index).filter(|name| !name.is_empty()).cloned();
            Ok(HostSettings {
                host,
                address: address.transpose()?,
                port,
            })
        })
        .collect()
}

fn operating_system_user() -> Result<String, DatabaseUrlError> {
    nix::unistd::User::from_uid(nix::unistd::geteuid())
        .ok()
        .flatten()
        .map(|user| user.name)
        .ok_or(DatabaseUrlError::NoUser)
}
