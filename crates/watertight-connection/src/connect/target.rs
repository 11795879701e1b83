//! The host of a connection attempt, and tokio-postgres's configuration for it.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use tokio_postgres::config::{Config, SslMode as TlsAttempt};

use super::password_file;
use crate::database_url::settings::{ConnectionSettings, HostSettings};

/// The folders where servers create their sockets by default.
const SOCKET_FOLDERS: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// A host to connect to.
#[derive(Clone)]
pub(crate) struct Target {
    /// The host name for TLS, or the socket folder.
    pub(crate) name: String,
    pub(crate) address: Option<IpAddr>,
    pub(crate) port: u16,
}

impl Target {
    pub(super) fn new(host: &HostSettings) -> Self {
        let default = || match host.address {
            Some(address) => address.to_string(),
            None => SOCKET_FOLDERS
                .into_iter()
                .find(|folder| {
                    Path::new(folder)
                        .join(format!(".s.PGSQL.{}", host.port))
                        .exists()
                })
                .unwrap_or("localhost")
                .to_owned(),
        };
        Self {
            name: host.host.clone().unwrap_or_else(default),
            address: host.address,
            port: host.port,
        }
    }

    pub(super) fn is_socket(&self) -> bool {
        self.name.starts_with('/') && self.address.is_none()
    }

    /// Returns the path of the socket.
    pub(crate) fn socket(&self) -> Option<PathBuf> {
        let path = || Path::new(&self.name).join(format!(".s.PGSQL.{}", self.port));
        self.is_socket().then(path)
    }

    /// Returns the configuration of a connection to this host, with TLS or without.
    pub(super) fn config(&self, settings: &ConnectionSettings, attempt: TlsAttempt) -> Config {
        let mut config = Config::new();
        config
            .host(&self.name)
            .port(self.port)
            .user(&settings.user)
            .dbname(&settings.database)
            .application_name(&settings.application_name)
            .ssl_mode(attempt)
            .ssl_negotiation(settings.ssl_negotiation)
            .channel_binding(settings.channel_binding)
            .target_session_attrs(settings.session)
            .keepalives(settings.tcp.keepalives);
        if let Some(address) = self.address {
            config.hostaddr(address);
        }
        if let Some(password) = self.password(settings) {
            config.password(password);
        }
        if let Some(options) = &settings.options {
            config.options(options);
        }
        if let Some(idle) = settings.tcp.idle {
            config.keepalives_idle(idle);
        }
        if let Some(interval) = settings.tcp.interval {
            config.keepalives_interval(interval);
        }
        if let Some(retries) = settings.tcp.retries {
            config.keepalives_retries(retries);
        }
        if let Some(timeout) = settings.tcp.user_timeout {
            config.tcp_user_timeout(timeout);
        }
        config
    }

    fn password(&self, settings: &ConnectionSettings) -> Option<String> {
        if settings.password.is_some() {
            return settings.password.clone();
        }
        // As libpq does for its default socket.
        let name = if SOCKET_FOLDERS.contains(&self.name.as_str()) {
            "localhost"
        } else {
            &self.name
        };
        let file = settings.password_file.as_deref()?;
        password_file::password(file, name, self.port, &settings.database, &settings.user)
    }
}
