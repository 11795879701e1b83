//! A PgBouncer in front of a test's database.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use watertight_connection::DatabaseUrl;

use crate::simple_client::SimpleClient;
use crate::test_database::TestDatabase;

/// The servers in each pool.
pub const POOL_SIZE: usize = 5;

/// Runs PgBouncer until its input ends, which is also when this process is killed.
const RUN: &str = r#"pgbouncer "$1" & read -r _; kill -INT $!; wait"#;

/// A running PgBouncer. It gives the servers of a pool out in turn, so that in transaction mode two transactions of a
/// client are never on the same server by chance.
pub struct Pooler {
    shell: Child,
    url: DatabaseUrl,
    port: u16,
    _folder: TempDir,
}

impl Pooler {
    /// Starts PgBouncer with these lines in its configuration. Returns `None` on a machine without it where it cannot be
    /// installed either, or if the server has one connection only.
    pub fn start(database: &TestDatabase, settings: &str) -> Option<Self> {
        let server = database.database_url();
        if server.serves_one_connection() {
            eprintln!("skipped: PGlite serves one connection");
            return None;
        }
        if version().is_none() {
            eprintln!(
                "skipped: pgbouncer is not installed, and `apt-get install pgbouncer` needs root"
            );
            return None;
        }
        let socket = server.socket_folder().unwrap();
        let (name, user) = (server.database_name(), server.user_name());
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let configuration = folder.path().join("pgbouncer.ini");
        let socket_folder = socket.display();
        fs::write(
            &configuration,
            format!(
                "[databases]\n{name} = host={socket_folder} port=5432 user={user}\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
                 default_pool_size = {POOL_SIZE}\nserver_round_robin = 1\n{settings}\n"
            ),
        )
        .unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", RUN, "sh"]).arg(&configuration);
        // PgBouncer does not run as root. Only the server's user can enter the folder of its socket.
        let owner = fs::metadata(socket).unwrap();
        if owner.uid() != fs::metadata(folder.path()).unwrap().uid() {
            command.uid(owner.uid()).gid(owner.gid());
        }
        let shell = command
            .env("PATH", path())
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let url = DatabaseUrl::from_parameters(&[
            ("host", "127.0.0.1"),
            ("port", &port.to_string()),
            ("user", user),
            ("dbname", name),
            ("sslmode", "disable"),
        ]);
        let this = Self {
            shell,
            url: url.unwrap(),
            port,
            _folder: folder,
        };
        this.fill();
        Some(this)
    }

    pub fn url(&self) -> &DatabaseUrl {
        &self.url
    }

    /// Connects a client that needs no session of its own.
    pub fn client(&self) -> SimpleClient {
        self.try_client().unwrap()
    }

    fn try_client(&self) -> Result<SimpleClient, String> {
        SimpleClient::connect(self.port, self.url.user_name(), self.url.database_name())
    }

    /// Executes `sql` on all servers of the pool.
    pub fn on_each_server(&self, sql: &str) {
        let mut clients: Vec<_> = (0..POOL_SIZE).map(|_| self.client()).collect();
        for client in &mut clients {
            client.execute(&format!("BEGIN; {sql}"));
        }
        for client in &mut clients {
            client.execute("COMMIT");
        }
    }

    /// Waits until PgBouncer accepts connections, and opens all servers of the pool.
    fn fill(&self) {
        let start = Instant::now();
        while let Err(error) = self.try_client() {
            assert!(start.elapsed() < Duration::from_secs(30), "{error}");
            thread::sleep(Duration::from_millis(20));
        }
        self.on_each_server("SELECT 1");
    }
}

impl Drop for Pooler {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Returns PgBouncer's version, after it was installed if need be.
pub fn version() -> Option<(u32, u32)> {
    static VERSION: OnceLock<Option<(u32, u32)>> = OnceLock::new();
    *VERSION.get_or_init(|| {
        installed_version().or_else(|| {
            install();
            installed_version()
        })
    })
}

fn installed_version() -> Option<(u32, u32)> {
    let output = Command::new("pgbouncer")
        .env("PATH", path())
        .arg("--version")
        .output()
        .ok()?;
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut numbers = output.split_whitespace().nth(1)?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn install() {
    if fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
        && Path::new("/usr/bin/apt-get").exists()
    {
        for arguments in [
            &["update", "-qq"][..],
            &["install", "-y", "-qq", "pgbouncer"],
        ] {
            let _ = Command::new("apt-get").args(arguments).output();
        }
    }
}

/// Debian's PgBouncer is in a folder for administrators.
fn path() -> String {
    format!("{}:/usr/sbin", std::env::var("PATH").unwrap_or_default())
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
