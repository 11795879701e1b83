//! Connecting to real servers, and the errors when that fails.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use diesel::RunQueryDsl as _;
use diesel::connection::SimpleConnection as _;
use diesel::dsl::sql;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Bool, Integer};
use diesel_async::async_connection_wrapper::BlockOn as _;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tempfile::TempDir;
use watertight_connection::{ConnectError, DatabaseUrl, SharedRuntime};
use watertight_diagnostics::ErrorReport;
use watertight_embedded::{EmbeddedKind, EmbeddedServer, usual_binary_folders};

/// A PostgreSQL server on 127.0.0.1 with TLS, whose certificate is for `localhost`.
struct TlsServer {
    process: Child,
    port: u16,
    data: PathBuf,
    folder: TempDir,
}

impl TlsServer {
    /// Returns `None` on a machine without PostgreSQL.
    fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let kind = EmbeddedServer::status(folder.path()).unwrap().kind;
        if kind != EmbeddedKind::Postgresql {
            eprintln!("skipped: the embedded server of this machine is {kind}");
            return None;
        }
        let embedded = EmbeddedServer::acquire(folder.path()).unwrap();
        let sql = "SET password_encryption = 'scram-sha-256'; CREATE ROLE app LOGIN PASSWORD 'right password'; CREATE ROLE only_tls LOGIN; CREATE ROLE only_plain LOGIN";
        embedded
            .url()
            .connect()
            .unwrap()
            .batch_execute(sql)
            .unwrap();
        let data = EmbeddedServer::status(folder.path())
            .unwrap()
            .data_folder
            .unwrap();
        EmbeddedServer::stop(folder.path()).unwrap();

        let authority = authority("the authority");
        fs::write(folder.path().join("ca.pem"), authority.pem()).unwrap();
        fs::write(
            folder.path().join("other.pem"),
            self::authority("another authority").pem(),
        )
        .unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        install(&data, &certificate.pem(), &key);
        fs::write(
            data.join("pg_hba.conf"),
            "hostssl all only_tls 127.0.0.1/32 trust
hostnossl all only_plain 127.0.0.1/32 trust
host all watertight 127.0.0.1/32 trust
host all app 127.0.0.1/32 scram-sha-256
",
        )
        .unwrap();

        let postgres = usual_binary_folders()
            .iter()
            .filter_map(|folder| fs::canonicalize(folder.join("postgres")).ok())
            .find(|postgres| postgres.with_file_name("initdb").exists())
            .unwrap();
        let port = free_port();
        let owner = fs::metadata(&data).unwrap();
        let mut command = Command::new(postgres);
        if owner.uid() != fs::metadata(folder.path()).unwrap().uid() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let process = command
            .arg("-D")
            .arg(&data)
            .args([
                "-p",
                &port.to_string(),
                "-c",
                "listen_addresses=127.0.0.1",
                "-c",
                "ssl=on",
            ])
            .args(["-c", "unix_socket_directories="])
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let server = Self {
            process,
            port,
            data,
            folder,
        };
        server.wait_until_up();
        Some(server)
    }

    fn wait_until_up(&self) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while self
            .url("watertight@127.0.0.1", "sslmode=disable")
            .connect()
            .is_err()
        {
            assert!(Instant::now() < deadline, "the server did not come up");
            sleep(Duration::from_millis(50));
        }
    }

    fn url(&self, user_and_host: &str, parameters: &str) -> DatabaseUrl {
        let parameters = parameters.replace("FOLDER", self.folder.path().to_str().unwrap());
        let url = format!(
            "postgres://{user_and_host}:{}/watertight?{parameters}",
            self.port
        );
        without_environment(&url)
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        let pid = self.process.id().to_string();
        let _ = Command::new("kill").args(["-INT", &pid]).status();
        let _ = self.process.wait();
    }
}

fn without_environment(url: &str) -> DatabaseUrl {
    DatabaseUrl::parse_in(url, &|_| None).unwrap()
}

fn authority(name: &str) -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn install(data: &Path, certificate: &str, key: &KeyPair) {
    let owner = fs::metadata(data).unwrap();
    for (name, contents) in [
        ("server.crt", certificate),
        ("server.key", &key.serialize_pem()),
    ] {
        let file = data.join(name);
        fs::write(&file, contents).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        chown(&file, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn is_encrypted(url: &DatabaseUrl) -> Result<bool, ConnectError> {
    let encrypted = sql::<Bool>("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()");
    Ok(encrypted.get_result(&mut url.connect()?).unwrap())
}

#[test]
fn the_process_id_of_a_connection_is_known_with_and_without_tls() {
    let Some(server) = TlsServer::start() else {
        return;
    };
    for (parameters, encrypted) in [("sslmode=disable", false), ("sslmode=require", true)] {
        let url = server.url("watertight@127.0.0.1", parameters);
        let connection = SharedRuntime.block_on(url.connect_protocol()).unwrap();
        let of_this = format!(
            "SELECT ssl FROM pg_stat_ssl WHERE pid = {}",
            connection.backend_pid().unwrap()
        );
        let found = sql::<Bool>(&of_this).get_result(&mut url.connect().unwrap());
        assert_eq!(found, Ok(encrypted));
    }
}

#[test]
fn every_sslmode_behaves_as_in_libpq() {
    let Some(server) = TlsServer::start() else {
        return;
    };
    let full = "sslmode=verify-full&sslrootcert=FOLDER/ca.pem";
    let encrypted = [
        ("watertight@127.0.0.1", "sslmode=disable", false),
        ("watertight@127.0.0.1", "sslmode=allow", false),
        ("watertight@127.0.0.1", "sslmode=prefer", true),
        ("watertight@127.0.0.1", "", true),
        ("watertight@127.0.0.1", "sslmode=require", true),
        ("watertight@127.0.0.1", "ssl=true", true),
        // With `allow` and `prefer`, pg_hba.conf decides.
        ("only_tls@127.0.0.1", "sslmode=allow", true),
        ("only_plain@127.0.0.1", "sslmode=prefer", false),
        // Only `require` and stronger modes verify the certificate.
        (
            "watertight@127.0.0.1",
            "sslmode=prefer&sslrootcert=FOLDER/other.pem",
            true,
        ),
        (
            "watertight@127.0.0.1",
            "sslmode=require&sslrootcert=FOLDER/ca.pem",
            true,
        ),
        // `verify-ca` does not verify the host name.
        (
            "watertight@127.0.0.1",
            "sslmode=verify-ca&sslrootcert=FOLDER/ca.pem",
            true,
        ),
        (
            "watertight@localhost",
            &format!("{full}&hostaddr=127.0.0.1"),
            true,
        ),
        (
            "app:right%20password@localhost",
            &format!("{full}&hostaddr=127.0.0.1&channel_binding=require"),
            true,
        ),
    ];
    for (user_and_host, parameters, expected) in encrypted {
        let url = server.url(user_and_host, parameters);
        assert_eq!(
            is_encrypted(&url).unwrap_or_else(|error| panic!("{error}")),
            expected,
            "{url}"
        );
    }

    let refused = [
        ("only_plain@127.0.0.1", "sslmode=require"),
        ("only_tls@127.0.0.1", "sslmode=disable"),
    ];
    for (user_and_host, parameters) in refused {
        let error = is_encrypted(&server.url(user_and_host, parameters)).unwrap_err();
        assert!(
            matches!(error, ConnectError::Authentication { .. }),
            "{user_and_host} {parameters}: {error}"
        );
    }
    let not_trusted = [
        ("watertight@127.0.0.1", full),
        (
            "watertight@127.0.0.1",
            "sslmode=verify-ca&sslrootcert=FOLDER/other.pem",
        ),
        (
            "watertight@127.0.0.1",
            "sslmode=require&sslrootcert=FOLDER/other.pem",
        ),
        (
            "watertight@localhost",
            "sslrootcert=system&hostaddr=127.0.0.1",
        ),
    ];
    for (user_and_host, parameters) in not_trusted {
        let error = is_encrypted(&server.url(user_and_host, parameters)).unwrap_err();
        let no_roots_here = matches!(error, ConnectError::RootCertificates { .. });
        assert!(
            matches!(error, ConnectError::Tls { .. })
                || parameters.contains("system") && no_roots_here,
            "{user_and_host} {parameters}: {error}"
        );
    }
    let no_roots = [
        "sslmode=verify-full",
        "sslmode=verify-ca",
        "sslmode=require&sslrootcert=FOLDER/none.pem",
    ];
    for parameters in no_roots {
        let error = is_encrypted(&server.url("watertight@127.0.0.1", parameters)).unwrap_err();
        assert!(
            matches!(error, ConnectError::RootCertificates { .. }),
            "{parameters}: {error}"
        );
    }

    a_statement_is_cancelled_as_its_connection_was_opened(&server);
    a_self_signed_certificate_can_be_trusted(&server);
    a_wrong_password_is_reported_without_showing_it(&server);
}

fn a_statement_is_cancelled_as_its_connection_was_opened(server: &TlsServer) {
    let full = "sslmode=verify-full&sslrootcert=FOLDER/ca.pem&hostaddr=127.0.0.1";
    for (user_and_host, parameters) in [
        ("only_plain@localhost", "sslmode=disable"),
        ("only_plain@127.0.0.1", "sslmode=prefer"),
        ("only_tls@127.0.0.1", "sslmode=allow"),
        ("only_tls@localhost", full),
    ] {
        let url = server.url(user_and_host, parameters);
        let soon = async { tokio::time::sleep(Duration::from_millis(100)).await };
        let connection = url.connect_cancellable(soon, Duration::from_mins(1));
        let error = connection
            .unwrap()
            .batch_execute("SELECT pg_sleep(600)")
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "canceling statement due to user request",
            "{url}"
        );
    }
}

fn a_self_signed_certificate_can_be_trusted(server: &TlsServer) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    fs::write(server.folder.path().join("self.pem"), certificate.pem()).unwrap();
    install(&server.data, &certificate.pem(), &key);
    let plain = server.url("watertight@127.0.0.1", "sslmode=disable");
    plain
        .connect()
        .unwrap()
        .batch_execute("SELECT pg_reload_conf()")
        .unwrap();

    let full = "sslmode=verify-full&sslrootcert=FOLDER/self.pem";
    let url = server.url(
        "watertight@localhost",
        &format!("{full}&hostaddr=127.0.0.1"),
    );
    let deadline = Instant::now() + Duration::from_secs(10);
    while !is_encrypted(&url).unwrap_or(false) {
        assert!(
            Instant::now() < deadline,
            "{}",
            is_encrypted(&url).unwrap_err()
        );
        sleep(Duration::from_millis(50));
    }
    let error = is_encrypted(&server.url("watertight@127.0.0.1", full)).unwrap_err();
    assert!(matches!(error, ConnectError::Tls { .. }), "{error}");
}

fn a_wrong_password_is_reported_without_showing_it(server: &TlsServer) {
    let url = server.url("app:Wr0ng%20p%40ss@127.0.0.1", "");
    let error = url.connect().err().unwrap();
    assert!(
        matches!(error, ConnectError::Authentication { .. }),
        "{error}"
    );
    let shown = ErrorReport::new(&error)
        .to_string()
        .replace(&server.port.to_string(), "PORT");
    insta::assert_snapshot!(shown, @r#"
    error: failed to connect to postgres://app:***@127.0.0.1:PORT/watertight: password authentication failed for user "app"
    hint: correct the user and the password, or the server's pg_hba.conf
    "#);
    for shown in [format!("{error:?}"), format!("{url:?}"), shown] {
        assert!(!shown.contains("Wr0ng"), "{shown}");
    }

    let no_password = server.url("app@127.0.0.1", "").connect().err().unwrap();
    assert!(
        matches!(no_password, ConnectError::Authentication { .. }),
        "{no_password}"
    );
    let no_database = server
        .url("watertight@127.0.0.1", "dbname=none")
        .connect()
        .err()
        .unwrap();
    assert!(
        matches!(no_database, ConnectError::NoSuchDatabase { .. }),
        "{no_database}"
    );
}

#[test]
fn a_server_that_does_not_respond_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = without_environment(&format!(
        "postgres://me:secret@127.0.0.1:{port}/shop?connect_timeout=1"
    ));
    let started = Instant::now();
    let error = url.connect().err().unwrap();
    assert!(started.elapsed() < Duration::from_secs(3));
    let shown = ErrorReport::new(&error)
        .to_string()
        .replace(&port.to_string(), "PORT");
    insta::assert_snapshot!(shown, @r"
    error: failed to connect to postgres://me:***@127.0.0.1:PORT/shop?connect_timeout=1: no response within 1 s
    hint: correct the host and port, or increase `connect_timeout`
    ");
}

#[test]
fn the_error_names_every_host_that_is_down() {
    let (one, other) = (free_port(), free_port());
    let url = format!("postgres://me:secret@127.0.0.1:{one},[::1]:{other},/shop");
    let error = without_environment(&url.replace(",/", "/"))
        .connect()
        .err()
        .unwrap();
    assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    let shown = ErrorReport::new(&error).to_string();
    assert!(
        shown.contains(&format!("127.0.0.1 port {one}: Connection refused")),
        "{shown}"
    );
    assert!(shown.contains(&format!("::1 port {other}: ")), "{shown}");
    assert!(
        shown.ends_with("start the server, or correct the host and port"),
        "{shown}"
    );
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn the_next_host_is_tried_when_one_is_down() {
    let folder = tempfile::tempdir().unwrap();
    let server = EmbeddedServer::acquire(folder.path()).unwrap();
    let status = EmbeddedServer::status(folder.path()).unwrap();
    let socket = status.running.unwrap().socket_folder;
    let url = format!(
        "postgres:///watertight?user={}&host=127.0.0.1,{}&port={},5432",
        server.url().user_name(),
        socket.display(),
        free_port()
    );
    let options = "&options=-c%20statement_timeout%3D7s&application_name=shop";
    let mut connection = without_environment(&format!("{url}{options}"))
        .connect()
        .unwrap();
    let is_set = "SELECT current_setting('statement_timeout') = '7s' AND current_setting('application_name') = 'shop'";
    assert!(
        sql::<Bool>(is_set)
            .get_result::<bool>(&mut connection)
            .unwrap()
    );
    drop(server);
    EmbeddedServer::stop(folder.path()).unwrap();
}

#[test]
fn errors_of_statements_have_postgresql_s_fields() {
    let folder = tempfile::tempdir().unwrap();
    let server = EmbeddedServer::acquire(folder.path()).unwrap();
    let mut connection = server.url().connect().unwrap();
    let setup =
        "CREATE TABLE a (n int CONSTRAINT positive CHECK (n > 0)); INSERT INTO a VALUES (-1)";
    let Err(Error::DatabaseError(DatabaseErrorKind::CheckViolation, information)) =
        connection.batch_execute(setup)
    else {
        panic!("the check did not fail");
    };
    assert_eq!(information.constraint_name(), Some("positive"));
    assert_eq!(information.details(), Some("Failing row contains (-1)."));
    let Err(Error::DatabaseError(_, information)) = connection.batch_execute("SELECT lenght('a')")
    else {
        panic!("the function exists");
    };
    assert!(
        information
            .hint()
            .unwrap()
            .starts_with("No function matches")
    );

    if server.url().serves_one_connection() {
        return;
    }
    // Many concurrent connections, each on its own thread.
    let url = server.url();
    std::thread::scope(|scope| {
        for number in 0..8 {
            scope.spawn(move || {
                let query = sql::<Integer>(&format!("SELECT {number} FROM pg_sleep(0.2)"));
                assert_eq!(query.get_result(&mut url.connect().unwrap()), Ok(number));
            });
        }
    });
    EmbeddedServer::stop(folder.path()).unwrap();
    assert!(connection.batch_execute("SELECT 1").is_err());
}
