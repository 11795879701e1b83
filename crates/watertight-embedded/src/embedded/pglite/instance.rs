//! A PGlite for a scratch database: its own helper process with its own data.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use walkdir::WalkDir;
use watertight_connection::{DatabaseUrl, PgliteMarker};

use super::instance_folders::{InstanceFolders, scratch_folder};
use crate::embedded::state::POLL;
use crate::embedded::state::embedded_error::EmbeddedError;
use crate::embedded::state::embedded_kind::EmbeddedKind;
use crate::embedded::state::server_log::ServerLog;
use crate::embedded::state::socket::SOCKET_NAME;

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// The only user of a PGlite.
const USER: &str = "postgres";

/// The database of an instance, which every PGlite has.
const DATABASE: &str = "postgres";

/// A helper process that ends with this process, and then removes its data.
pub(crate) struct Instance {
    process: Child,
    /// Dropped after the process has ended.
    folders: InstanceFolders,
}

impl Instance {
    /// Starts an instance called `name` beside the server's data, with a copy of the data in `template` if given.
    pub(crate) fn start(
        server: &PgliteMarker,
        name: &str,
        template: Option<&Path>,
    ) -> Result<Self, EmbeddedError> {
        let folders = InstanceFolders::create(scratch_folder(server).join(name))?;
        if let Some(template) = template {
            copy(template, &folders.data()).map_err(EmbeddedError::at(template))?;
        }
        let mut log = ServerLog::open(&folders.folder.join("log"))?;
        let lock = folders.lock.try_clone();
        let mut command = Command::new(&server.program);
        command
            .arg("scratch")
            .args([&folders.folder, &folders.sockets])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(lock.map_err(EmbeddedError::at(&folders.folder))?)
            .stderr(log.for_server()?)
            // Ctrl-C must not end it before this process.
            .process_group(0);
        let failed = |reason: String| EmbeddedError::Start {
            kind: EmbeddedKind::Pglite,
            reason,
        };
        let program = server.program.display();
        let process = command
            .spawn()
            .map_err(|error| failed(format!("{program} cannot be run: {error}")))?;
        let mut instance = Self { process, folders };
        let deadline = Instant::now() + START_TIMEOUT;
        while UnixStream::connect(instance.folders.sockets.join(SOCKET_NAME)).is_err() {
            let status = instance.process.try_wait();
            if status.is_ok_and(|status| status.is_some()) || Instant::now() > deadline {
                return Err(failed(log.tail()));
            }
            sleep(POLL / 10);
        }
        Ok(instance)
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        url(&self.folders.sockets, DATABASE)
    }

    /// Stops the helper, and moves its data to `template`.
    pub(super) fn into_template(mut self, template: &Path) -> Result<(), EmbeddedError> {
        let input = self.process.stdin.take();
        let written = input.map_or(Ok(()), |mut input| input.write_all(b"keep\n"));
        let ended = written.and_then(|()| self.process.wait());
        let moved = ended.and_then(|status| {
            if !status.success() {
                return Err(io::Error::other(format!("its PGlite failed ({status})")));
            }
            fs::rename(self.folders.data(), template)
        });
        moved.map_err(EmbeddedError::at(template))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The helper removes its data when its input ends.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Returns the URL of a database on the PGlite with this socket folder.
pub(super) fn url(socket_folder: &Path, database: &str) -> DatabaseUrl {
    let host = socket_folder
        .to_str()
        .expect("`fits_socket` checked the path");
    let parameters = [
        ("user", USER),
        ("dbname", database),
        ("host", host),
        ("port", "5432"),
        ("sslmode", "disable"),
    ];
    DatabaseUrl::from_parameters(&parameters).expect("the parameters are valid")
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let relative = entry.path().strip_prefix(from).map_err(io::Error::other)?;
        let target = to.join(relative);
        if entry.file_type().is_dir() {
            fs::create_dir(&target)?;
        } else if entry.file_type().is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
