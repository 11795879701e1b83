//! Making a data folder, and starting a server on it.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::binaries::Binaries;
use crate::embedded::acquire::Started;
use crate::embedded::home::{Place, in_folder};
use crate::embedded::log::Log;
use crate::embedded::user::ServerUser;
use crate::embedded::{EmbeddedError, EmbeddedKind};

/// The superuser of the embedded server.
pub(crate) const USER: &str = "watertight";

/// Starts the server in the background, and waits for one line on its standard input before it leaves it
/// alone. When the input ends without that line, then whoever started the server died before it was
/// supervised, and it stops. Closing the shell's own standard output leaves the server's lock to the server.
const START_SCRIPT: &str = r#"
"$@" </dev/null &
server=$!
exec >&- 2>&-
read -r supervised || kill -INT "$server"
"#;

/// A server that has been started, and that stops if this is dropped before it is [released](Started::release).
pub(crate) struct StartedServer {
    shell: Child,
    log: Log,
}

impl Started for StartedServer {
    fn release(mut self) {
        if let Some(mut input) = self.shell.stdin.take() {
            let _ = input.write_all(b"supervised\n");
        }
    }

    fn log_tail(&mut self) -> String {
        self.log.tail()
    }
}

impl Drop for StartedServer {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Starts the server at `place`, on the machine's PostgreSQL in one of `binary_folders`. It may take a while
/// until it answers. The caller holds the guard.
pub(crate) fn start(
    place: &Place,
    user: &ServerUser,
    binary_folders: &[std::path::PathBuf],
    server_lock: File,
) -> Result<StartedServer, EmbeddedError> {
    let data = place.data();
    let binaries = Binaries::find(binary_folders, data_version(&data)?)?;
    if !data.exists() {
        init(&binaries, place, user, &server_lock)?;
    }
    remove_stale_files(place)?;

    let log = Log::open(&place.log())?;
    let errors = log.for_server()?;
    let socket_folder = place.socket_folder.display();
    let mut command = user.command("sh", place.folder());
    command
        .args(["-c", START_SCRIPT, "sh"])
        .arg(binaries.postgres())
        .arg("-D")
        .arg(&data)
        .args([
            "-p",
            "5432",
            "-c",
            "listen_addresses=",
            "-c",
            "unix_socket_permissions=0700",
        ])
        .args([
            "-c",
            &format!("unix_socket_directories=\"{socket_folder}\""),
        ])
        // A server that came back after a crash of one of its processes would have lost its supervisor.
        .args(["-c", "restart_after_crash=off"])
        .args([
            "-c",
            "logging_collector=off",
            "-c",
            "log_destination=stderr",
        ])
        .stdin(Stdio::piped())
        .stdout(server_lock)
        .stderr(errors)
        // Ctrl-C in the terminal is for the command, not for the server that others use too.
        .process_group(0);
    let shell = command.spawn().map_err(|source| EmbeddedError::Start {
        kind: EmbeddedKind::Postgresql,
        reason: format!("`sh` cannot be run: {source}"),
    })?;
    Ok(StartedServer { shell, log })
}

/// The major version of the server that made the data folder.
fn data_version(data: &Path) -> Result<Option<u32>, EmbeddedError> {
    if !data.exists() {
        return Ok(None);
    }
    let file = data.join("PG_VERSION");
    let text = fs::read_to_string(&file).map_err(in_folder(&file))?;
    Ok(text.trim().parse().ok())
}

/// Makes the data folder: beside its place first, so that it is there as a whole or not at all.
///
/// `initdb` holds the server's lock by its standard input, which it does not read: when this process is
/// killed, whoever comes next has to wait for `initdb` to end.
fn init(
    binaries: &Binaries,
    place: &Place,
    user: &ServerUser,
    server_lock: &File,
) -> Result<(), EmbeddedError> {
    let cannot_run = |source: std::io::Error| EmbeddedError::Init {
        reason: source.to_string(),
    };
    let new = place.folder().join("data.new");
    if new.exists() {
        fs::remove_dir_all(&new).map_err(in_folder(&new))?;
    }
    let said = user
        .command(binaries.initdb(), place.folder())
        .arg("-D")
        .arg(&new)
        .args([
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--username",
            USER,
        ])
        .stdin(server_lock.try_clone().map_err(cannot_run)?)
        .output()
        .map_err(cannot_run)?;
    if !said.status.success() {
        let reason = String::from_utf8_lossy(&said.stderr).trim().to_owned();
        return Err(EmbeddedError::Init { reason });
    }
    let data = place.data();
    fs::rename(&new, &data).map_err(in_folder(&data))
}

/// After a crash of the machine, the number in `postmaster.pid` may be another program's, and PostgreSQL
/// would not start for fear that it is a server.
fn remove_stale_files(place: &Place) -> Result<(), EmbeddedError> {
    let pid_file = place.data().join("postmaster.pid");
    let Some(pid) = postmaster_pid(place) else {
        return Ok(());
    };
    let data = place.data().display().to_string();
    if command_line(pid).is_some_and(|command| command.contains(&data)) {
        return Err(EmbeddedError::Foreign { pid });
    }
    fs::remove_file(&pid_file).map_err(in_folder(&pid_file))?;
    for name in [".s.PGSQL.5432", ".s.PGSQL.5432.lock"] {
        let _ = fs::remove_file(place.socket_folder.join(name));
    }
    Ok(())
}

/// The process that runs the server, as PostgreSQL recorded it.
pub(crate) fn postmaster_pid(place: &Place) -> Option<i32> {
    let text = fs::read_to_string(place.data().join("postmaster.pid")).ok()?;
    text.lines()
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
    let said = Command::new("ps")
        .args(["-o", "args=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    Some(String::from_utf8_lossy(&said.stdout).into_owned())
}
