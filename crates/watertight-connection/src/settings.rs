//! What a URL and libpq's variables together mean.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, SslNegotiation, TargetSessionAttrs};

use crate::DatabaseUrlError;
use crate::parameters::Parameters;
use crate::passfile;
use crate::values::{Environment, Values, invalid};

/// libpq's variables that stand for a setting of the session.
pub(crate) const SESSION_VARIABLES: [(&str, &str); 3] = [
    ("PGDATESTYLE", "datestyle"),
    ("PGTZ", "timezone"),
    ("PGGEQO", "geqo"),
];

/// How a connection is encrypted, and what is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SslMode {
    Disable,
    Allow,
    Prefer,
    Require,
    VerifyCa,
    VerifyFull,
}

/// Which certificates are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SslRoots {
    /// `sslrootcert` was not given: libpq's file in the home folder, where there is one.
    Default(Option<PathBuf>),
    File(PathBuf),
    System,
}

/// One server to try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HostSettings {
    /// A name, an address or a socket folder; none: the machine's default.
    pub(crate) host: Option<String>,
    /// Where to connect, if that is not to be looked up from `host`.
    pub(crate) address: Option<std::net::IpAddr>,
    pub(crate) port: u16,
}

/// Everything that a connection needs to know.
#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) hosts: Vec<HostSettings>,
    pub(crate) shuffle_hosts: bool,
    pub(crate) user: String,
    pub(crate) password: Option<String>,
    /// Where to look for a password that is not given.
    pub(crate) passfile: Option<PathBuf>,
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

/// What the kernel does about a server that falls silent. None: the system's default.
#[derive(Debug, Clone)]
pub(crate) struct TcpSettings {
    pub(crate) keepalives: bool,
    pub(crate) idle: Option<Duration>,
    pub(crate) interval: Option<Duration>,
    pub(crate) retries: Option<u32>,
    pub(crate) user_timeout: Option<Duration>,
}

impl Settings {
    /// What `parameters` say, completed from the variables of `environment`.
    pub(crate) fn new(
        parameters: &Parameters,
        environment: Environment<'_>,
    ) -> Result<Self, DatabaseUrlError> {
        let values = Values::new(parameters, environment)?;
        refuse_what_cannot_be_honoured(&values)?;
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
        let pgpass = || home.as_ref().map(|home| home.join(passfile::DEFAULT_NAME));
        Ok(Self {
            hosts: hosts(&values)?,
            shuffle_hosts: values.choice(
                "load_balance_hosts",
                &[("disable", false), ("random", true)],
            )?,
            password: values.get("password"),
            passfile: values.get("passfile").map(PathBuf::from).or_else(pgpass),
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

/// These may be given when what they ask for is what happens anyway.
fn refuse_what_cannot_be_honoured(values: &Values<'_>) -> Result<(), DatabaseUrlError> {
    values.choice("gssencmode", &[("prefer", ()), ("disable", ())])?;
    values.choice("sslcompression", &[("0", ())])?;
    values.choice("sslsni", &[("1", ())])?;
    values.choice(
        "client_encoding",
        &[("UTF8", ()), ("utf8", ()), ("UTF-8", ()), ("utf-8", ())],
    )
}

/// `options`, after what libpq's variables say about the session.
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
        // As in libpq: whoever trusts every public authority has to check the name.
        modes.retain(|(_, mode)| *mode == SslMode::VerifyFull);
    }
    // Another way to say `require`, from JDBC.
    if values.get("sslmode").is_none() && values.choice("ssl", &[("", false), ("true", true)])? {
        return Ok(SslMode::Require.max(modes[0].1));
    }
    values.choice("sslmode", &modes)
}

fn hosts(values: &Values<'_>) -> Result<Vec<HostSettings>, DatabaseUrlError> {
    let list = |key: &str| -> Vec<String> {
        let text = values.get(key);
        text.map(|text| text.split(',').map(|part| part.trim().to_owned()).collect())
            .unwrap_or_default()
    };
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = names.len().max(addresses.len()).max(1);
    for (name, length) in [("host", names.len()), ("hostaddr", addresses.len())] {
        if length != 0 && length != count {
            return Err(invalid(
                name,
                "as many hosts as there are in `host` or `hostaddr`",
            ));
        }
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(invalid("port", "one port, or one for each host"));
    }
    (0..count)
        .map(|at| {
            let address = addresses.get(at).filter(|text| !text.is_empty());
            let address = address.map(|text| {
                text.parse()
                    .map_err(|_| invalid("hostaddr", "an IP address"))
            });
            let port = match ports.get(at).or(ports.first()).map_or("", String::as_str) {
                "" => 5432,
                text => match text.parse() {
                    Ok(port) if port > 0 => port,
                    _ => return Err(invalid("port", "a number from 1 to 65535")),
                },
            };
            let host = names.get(at).filter(|name| !name.is_empty()).cloned();
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
