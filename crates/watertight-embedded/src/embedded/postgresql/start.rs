//! Starting a server on a data folder.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::binaries::Binaries;
use super::initdb::create_data;
use crate::embedded::state::backend::StartedServer;
use crate::embedded::state::embedded_error::EmbeddedError;
use crate::embedded::state::embedded_kind::EmbeddedKind;
use crate::embedded::state::server_location::ServerLocation;
use crate::embedded::state::server_log::ServerLog;
use crate::embedded::state::server_user::ServerUser;
use crate::embedded::state::socket::SOCKET_NAME;

/// Starts the server in the background and waits for a line on its standard input. If the input ends without one, the
/// process that started the server died before the server had a supervisor, and the server is stopped. The shell closes
/// its own standard output so that only the server holds the lock.
const START_SCRIPT: &str = r#"
"$@" </dev/null &
server=$!
exec >&- 2>&-
read -r supervised || kill -INT "$server"
"#;

/// A PostgreSQL server that this process has started.
pub(in crate::embedded) struct StartedPostgresql {
    shell: Child,
    log: ServerLog,
}

impl StartedServer for StartedPostgresql {
    fn release(mut self) {
        if let Some(mut input) = self.shell.stdin.take() {
            let _ = input.write_all(b"supervised\n");
        }
    }

    fn log_tail(&mut self) -> String {
        self.log.tail()
    }
}

impl Drop for StartedPostgresql {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Starts the server at `location` with the first suitable PostgreSQL in `binary_folders`, and creates its data unless
/// it exists. It may not accept connections yet. The caller holds the start lock.
pub(super) fn start(
    location: &ServerLocation,
    user: &ServerUser,
    binary_folders: &[PathBuf],
    server_lock: File,
) -> Result<StartedPostgresql, EmbeddedError> {
    let data = location.data();
    let binaries = Binaries::find(binary_folders, data_version(&data)?)?;
    if !data.exists() {
        create_data(&binaries, location, user, &server_lock)?;
    }
    remove_stale_files(location)?;

    let log = ServerLog::open(&location.log())?;
    let settings = [
        "listen_addresses=".to_owned(),
        "unix_socket_permissions=0700".to_owned(),
        format!(
            "unix_socket_directories=\"{}\"",
            location.socket_folder.display()
        ),
        // After a restart, the server would have no supervisor.
        "restart_after_crash=off".to_owned(),
        "logging_collector=off".to_owned(),
        "log_destination=stderr".to_owned(),
    ];
    let mut command = user.command("sh", location.folder());
    command
        .args(["-c", START_SCRIPT, "sh"])
        .arg(binaries.postgres())
        .arg("-D")
        .arg(&data)
        .args(["-p", "5432"])
        .args(settings.iter().flat_map(|setting| ["-c", setting.as_str()]))
        .stdin(Stdio::piped())
        .stdout(server_lock)
        .stderr(log.for_server()?)
        // Ctrl-C in the terminal must not stop a server that other processes use.
        .process_group(0);
    let shell = command.spawn().map_err(|error| EmbeddedError::Start {
        kind: EmbeddedKind::Postgresql,
        reason: format!("`sh` cannot be run: {error}"),
    })?;
    Ok(StartedPostgresql { shell, log })
}

/// Returns the major version of PostgreSQL that created the data folder.
fn data_version(data: &Path) -> Result<Option<u32>, EmbeddedError> {
    if !data.exists() {
        return Ok(None);
    }
    let file = data.join("PG_VERSION");
    let version = fs::read_to_string(&file).map_err(EmbeddedError::at(&file))?;
    Ok(version.trim().parse().ok())
}

/// Removes the files of a server that did not stop properly.
///
/// After the machine has crashed, the process in `postmaster.pid` may be another program. PostgreSQL would take it for a
/// running server and not start.
fn remove_stale_files(location: &ServerLocation) -> Result<(), EmbeddedError> {
    let pid_file = location.data().join("postmaster.pid");
    let Some(pid) = postmaster_pid(location) else {
        return Ok(());
    };
    let data = location.data().display().to_string();
    if command_line(pid).is_some_and(|command| command.contains(&data)) {
        return Err(EmbeddedError::Foreign { pid });
    }
    fs::remove_file(&pid_file).map_err(EmbeddedError::at(&pid_file))?;
    for name in [SOCKET_NAME.to_owned(), format!("{SOCKET_NAME}.lock")] {
        let _ = fs::remove_file(location.socket_folder.join(name));
    }
    Ok(())
}

/// Returns the main process of the server, as recorded by PostgreSQL.
pub(super) fn postmaster_pid(location: &ServerLocation) -> Option<i32> {
    let contents = fs::read_to_string(location.data().join("postmaster.pid")).ok()?;
    contents
        .lines()
        .next()?
        .trim()
        .parse()
        .ok()
        .filter(|pid| *pid > 1)
}

fn command_line(pid: i32) -> Option<String> {
    if let Ok(bytes) = fs::read(format!("/proc/{pid}/cmdline")) {
        return Some(String::from_utf8_lossy(&bytes).into_owned());
    }
    let output = Command::new("ps")
        .args(["-o", "args=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}
