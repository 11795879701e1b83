//! libpq's environment variables for child processes.

use std::path::Path;

use tokio_postgres::config::TargetSessionAttrs;

use crate::database_url::DatabaseUrl;
use crate::database_url::pg_variables::UNSUPPORTED_VARIABLES;
use crate::database_url::settings::{HostSettings, SESSION_VARIABLES, SslMode, SslRoots};

impl DatabaseUrl {
    /// Returns libpq's environment variables for a child process, such as `psql`, that is to use this database. They
    /// keep the password off its command line. A variable without a value has to be removed from the child's
    /// environment, where it would change the connection.
    pub fn pg_environment(&self) -> Vec<(&'static str, Option<String>)> {
        let settings = self.settings();
        let hosts = &settings.hosts;
        let join = |part: &dyn Fn(&HostSettings) -> String| {
            hosts.iter().map(part).collect::<Vec<_>>().join(",")
        };
        let any = |has: &dyn Fn(&HostSettings) -> bool| hosts.iter().any(has);
        let host = |host: &HostSettings| host.host.clone().unwrap_or_default();
        let address = |host: &HostSettings| {
            host.address
                .map(|address| address.to_string())
                .unwrap_or_default()
        };
        let file = |file: &Path| file.display().to_string();
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
                    SslRoots::File(path) => Some(file(path)),
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
        // The session's variables are part of PGOPTIONS already.
        let removed = SESSION_VARIABLES
            .iter()
            .map(|(name, _)| *name)
            .chain(UNSUPPORTED_VARIABLES);
        variables.extend(removed.map(|name| (name, None)));
        variables
    }
}

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
