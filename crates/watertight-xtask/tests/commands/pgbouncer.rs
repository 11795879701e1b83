//! Commands behind PgBouncer: they work, or stop with an error that says what to set.

use std::fs::{self, Permissions};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::shop::Shop;
use crate::test_workspace::Outcome;

/// Runs PgBouncer until its input ends, which is also when this process is killed.
const RUN: &str = r#"PATH="$PATH:/usr/sbin"; pgbouncer "$1" & read -r _; kill -INT $!; wait"#;

struct PgBouncer {
    shell: Child,
    url: String,
    _folder: TempDir,
}

impl PgBouncer {
    /// Returns `None` where it is not installed, or if the server has one connection only.
    fn start(shop: &Shop, mode: &str) -> Option<Self> {
        let url = shop.database.url();
        let installed = Command::new("sh")
            .args(["-c", r#"PATH="$PATH:/usr/sbin" command -v pgbouncer"#])
            .output()
            .unwrap();
        if url.serves_one_connection() || !installed.status.success() {
            eprintln!("skipped: pgbouncer is not installed, or the server has one connection");
            return None;
        }
        let socket = url.socket_folder().unwrap();
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let configuration = folder.path().join("pgbouncer.ini");
        let (folder_of_socket, user) = (socket.display(), url.user_name());
        fs::write(
            &configuration,
            format!(
                "[databases]\n* = host={folder_of_socket} port=5432 user={user}\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n\
                 server_round_robin = 1\npool_mode = {mode}\n"
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
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let start = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(start.elapsed() < Duration::from_secs(30));
            sleep(Duration::from_millis(20));
        }
        let name = url.database_name();
        Some(Self {
            shell,
            url: format!("postgres://{user}@127.0.0.1:{port}/{name}?sslmode=disable"),
            _folder: folder,
        })
    }

    fn run(&self, shop: &Shop, arguments: &[&str]) -> Outcome {
        let mut command = shop.command(arguments);
        command.env("DATABASE_URL", &self.url);
        Outcome::new(command.output().unwrap())
    }
}

impl Drop for PgBouncer {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// The commands that need a session, in an order in which they succeed.
const COMMANDS: [&[&str]; 7] = [
    &["migrate", "--dry-run"],
    &["migrate", "mark", "--yes", "--applied", "shop/1"],
    &["migrate", "mark", "--yes", "--pending", "shop/1"],
    &["migrate", "repair", "--yes", "--plugin", "shop"],
    &["schema"],
    &["db", "status"],
    &["verify"],
];

fn assert_refused(ran: &Outcome, arguments: &[&str]) {
    let hint = "hint: connect to PostgreSQL directly, or set `pool_mode = session` in PgBouncer\n";
    assert_eq!(ran.code, Some(1), "{arguments:?}: {}", ran.stdout);
    assert!(
        ran.stderr
            .contains("a connection pooler in transaction mode")
            && ran.stderr.ends_with(hint),
        "{arguments:?}: {}",
        ran.stderr
    );
}

#[test]
fn in_transaction_mode_migrate_works_and_commands_that_need_a_session_say_what_to_set() {
    let shop = Shop::new();
    let Some(pgbouncer) = PgBouncer::start(&shop, "transaction") else {
        return;
    };
    pgbouncer
        .run(&shop, &["migrate", "--no-schema"])
        .succeeded();
    assert_eq!(shop.tables(), 4);
    pgbouncer
        .run(&shop, &["migrate", "status", "--check"])
        .succeeded();
    pgbouncer
        .run(&shop, &["migrate", "revert", "--plugin", "shop"])
        .succeeded();
    assert_eq!(shop.tables(), 3);
    // At once, because each of them waits for a notification that does not come.
    thread::scope(|scope| {
        for arguments in COMMANDS {
            scope.spawn(|| assert_refused(&pgbouncer.run(&shop, arguments), arguments));
        }
    });
    assert_eq!(shop.tables(), 3);
}

#[test]
fn in_session_mode_all_commands_work() {
    let shop = Shop::new();
    let Some(pgbouncer) = PgBouncer::start(&shop, "session") else {
        return;
    };
    pgbouncer.run(&shop, &["migrate"]).succeeded();
    for command in ["redo", "revert"] {
        pgbouncer
            .run(&shop, &["migrate", command, "--plugin", "shop"])
            .succeeded();
    }
    for arguments in COMMANDS {
        let ran = pgbouncer.run(&shop, arguments);
        assert_eq!(ran.code, Some(0), "{arguments:?}: {}", ran.stderr);
    }
}
