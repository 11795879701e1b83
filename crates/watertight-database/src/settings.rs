//! What a URL and libpq's variables together mean.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::{ChannelBinding, SslNegotiation, TargetSessionAttrs};

use crate::DatabaseUrlError;
use crate::parameters::Parameters;
use crate::passfile;

/// Reads one variable of the environment, or of what a test says the environment is.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// libpq's variables that say the same as a parameter.
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

/// libpq's variables that change how or to what it connects, and that we cannot honour.
const REFUSED_VARIABLES: [&str; 15] = [
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

/// libpq's variables that stand for a setting of the session.
const SESSION_VARIABLES: [(&str, &str); 3] = [
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
    pub(crate) keepalives: bool,
    pub(crate) keepalives_idle: Option<Duration>,
    pub(crate) keepalives_interval: Option<Duration>,
    pub(crate) keepalives_retries: Option<u32>,
    pub(crate) tcp_user_timeout: Option<Duration>,
}

impl Settings {
    /// Merges `parameters` with the variables of `environment`, which fill in what is left out.
    pub(crate) fn new(
        parameters: &Parameters,
        environment: Environment<'_>,
    ) -> Result<Self, DatabaseUrlError> {
        check_names(parameters)?;
        let variable = |name: &str| environment(name).filter(|value| !value.is_empty());
        if let Some(name) = REFUSED_VARIABLES
            .iter()
            .find(|name| variable(name).is_some())
        {
            return Err(DatabaseUrlError::UnsupportedVariable { name });
        }
        let get = |key: &str| {
            let given = parameters
                .iter()
                .find(|(known, _)| known == key)
                .map(|(_, value)| value.clone());
            let filled_in = || {
                let (name, _) = VARIABLES.iter().find(|(_, parameter)| *parameter == key)?;
                variable(name)
            };
            given.filter(|value| !value.is_empty()).or_else(filled_in)
        };
        let home = variable("HOME").map(PathBuf::from);
        let user = match get("user") {
            Some(user) => user,
            None => operating_system_user()?,
        };
        let ssl = match get("ssl").as_deref() {
            Some("true") => Some("require".to_owned()),
            None => None,
            Some(_) => return Err(invalid("ssl", "`true`")),
        };
        let ssl_roots = match get("sslrootcert") {
            Some(system) if system == "system" => SslRoots::System,
            Some(file) => SslRoots::File(file.into()),
            None => SslRoots::Default(home.as_ref().map(|home| home.join(".postgresql/root.crt"))),
        };
        check_harmless("gssencmode", get("gssencmode"), &["disable", "prefer"])?;
        check_harmless("sslcompression", get("sslcompression"), &["0"])?;
        check_harmless("sslsni", get("sslsni"), &["1"])?;
        check_harmless(
            "client_encoding",
            get("client_encoding"),
            &["UTF8", "utf8", "UTF-8", "utf-8"],
        )?;

        let session_settings = SESSION_VARIABLES
            .iter()
            .filter_map(|(name, setting)| {
                let value = variable(name)?.replace('\\', r"\\").replace(' ', r"\ ");
                Some(format!("-c {setting}={value}"))
            })
            .chain(get("options"))
            .collect::<Vec<_>>();

        Ok(Self {
            hosts: hosts(get("host"), get("hostaddr"), get("port"))?,
            shuffle_hosts: choice(
                "load_balance_hosts",
                get("load_balance_hosts"),
                &[("disable", false), ("random", true)],
            )?,
            password: get("password"),
            passfile: get("passfile")
                .map(PathBuf::from)
                .or_else(|| home.map(|home| home.join(passfile::DEFAULT_NAME))),
            database: get("dbname").unwrap_or_else(|| user.clone()),
            user,
            options: (!session_settings.is_empty()).then(|| session_settings.join(" ")),
            application_name: get("application_name").unwrap_or_else(|| "watertight".to_owned()),
            ssl_mode: ssl_mode(get("sslmode").or(ssl), &ssl_roots)?,
            ssl_roots,
            ssl_negotiation: choice(
                "sslnegotiation",
                get("sslnegotiation"),
                &[
                    ("postgres", SslNegotiation::Postgres),
                    ("direct", SslNegotiation::Direct),
                ],
            )?,
            connect_timeout: seconds("connect_timeout", get("connect_timeout"))?,
            channel_binding: choice(
                "channel_binding",
                get("channel_binding"),
                &[
                    ("prefer", ChannelBinding::Prefer),
                    ("disable", ChannelBinding::Disable),
                    ("require", ChannelBinding::Require),
                ],
            )?,
            session: choice(
                "target_session_attrs",
                get("target_session_attrs"),
                &[
                    ("any", TargetSessionAttrs::Any),
                    ("read-write", TargetSessionAttrs::ReadWrite),
                    ("read-only", TargetSessionAttrs::ReadOnly),
                ],
            )?,
            keepalives: choice(
                "keepalives",
                get("keepalives"),
                &[("1", true), ("0", false)],
            )?,
            keepalives_idle: seconds("keepalives_idle", get("keepalives_idle"))?,
            keepalives_interval: seconds("keepalives_interval", get("keepalives_interval"))?,
            keepalives_retries: number("keepalives_count", get("keepalives_count"))?
                .filter(|count| *count > 0),
            tcp_user_timeout: number("tcp_user_timeout", get("tcp_user_timeout"))?
                .filter(|milliseconds| *milliseconds > 0)
                .map(|milliseconds| Duration::from_millis(milliseconds.into())),
        })
    }
}

/// Parameters that a URL may hold but no variable stands for.
const ONLY_IN_URL: [&str; 6] = [
    "ssl",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
];

fn check_names(parameters: &Parameters) -> Result<(), DatabaseUrlError> {
    let known = |key: &str| {
        ONLY_IN_URL.contains(&key) || VARIABLES.iter().any(|(_, parameter)| *parameter == key)
    };
    let Some((key, _)) = parameters.iter().find(|(key, _)| !known(key)) else {
        return Ok(());
    };
    // What does not look like a name may be a piece of a password that was not percent-encoded.
    let is_name = key.len() <= 32
        && key
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    Err(DatabaseUrlError::UnsupportedParameter {
        name: if is_name {
            format!(" `{key}`")
        } else {
            String::new()
        },
    })
}

/// What a value asks for is what happens anyway, or it is refused.
fn check_harmless(
    name: &'static str,
    value: Option<String>,
    harmless: &[&str],
) -> Result<(), DatabaseUrlError> {
    match value {
        Some(value) if !harmless.contains(&value.as_str()) => Err(invalid(name, &quoted(harmless))),
        _ => Ok(()),
    }
}

/// The first choice is the default.
fn choice<T: Copy>(
    name: &'static str,
    value: Option<String>,
    choices: &[(&str, T)],
) -> Result<T, DatabaseUrlError> {
    let Some(value) = value else {
        return Ok(choices[0].1);
    };
    let found = choices.iter().find(|(text, _)| *text == value);
    let names: Vec<_> = choices.iter().map(|(text, _)| *text).collect();
    found
        .map(|(_, choice)| *choice)
        .ok_or_else(|| invalid(name, &quoted(&names)))
}

fn quoted(names: &[&str]) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(" or ")
}

fn invalid(name: &'static str, expected: &str) -> DatabaseUrlError {
    DatabaseUrlError::Value {
        name,
        expected: expected.to_owned(),
    }
}

fn number(name: &'static str, value: Option<String>) -> Result<Option<u32>, DatabaseUrlError> {
    value
        .map(|value| {
            value
                .trim()
                .parse()
                .map_err(|_| invalid(name, "a whole number"))
        })
        .transpose()
}

/// As in libpq, zero and negative numbers mean: no limit.
fn seconds(
    name: &'static str,
    value: Option<String>,
) -> Result<Option<Duration>, DatabaseUrlError> {
    let Some(value) = value else { return Ok(None) };
    let seconds: i64 = value
        .trim()
        .parse()
        .map_err(|_| invalid(name, "a whole number of seconds"))?;
    Ok(u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs))
}

fn ssl_mode(value: Option<String>, roots: &SslRoots) -> Result<SslMode, DatabaseUrlError> {
    let modes = [
        ("disable", SslMode::Disable),
        ("allow", SslMode::Allow),
        ("prefer", SslMode::Prefer),
        ("require", SslMode::Require),
        ("verify-ca", SslMode::VerifyCa),
        ("verify-full", SslMode::VerifyFull),
    ];
    if *roots == SslRoots::System {
        // As in libpq: whoever trusts every public authority has to check the name.
        return match value.as_deref() {
            None | Some("verify-full") => Ok(SslMode::VerifyFull),
            Some(_) => Err(invalid(
                "sslmode",
                "`verify-full`, because `sslrootcert` is `system`,",
            )),
        };
    }
    let Some(value) = value else {
        return Ok(SslMode::Prefer);
    };
    choice("sslmode", Some(value), &modes)
}

fn hosts(
    names: Option<String>,
    addresses: Option<String>,
    ports: Option<String>,
) -> Result<Vec<HostSettings>, DatabaseUrlError> {
    let list = |text: Option<String>| -> Vec<String> {
        text.map(|text| text.split(',').map(|part| part.trim().to_owned()).collect())
            .unwrap_or_default()
    };
    let (names, addresses, ports) = (list(names), list(addresses), list(ports));
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
            let port = ports.get(at).or(ports.first()).map_or("", String::as_str);
            let port = match port {
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
