//! A PGlite for a while: a helper of its own on data of its own.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use walkdir::WalkDir;

use crate::embedded::home::{SOCKET_NAME, fits_socket, in_folder};
use crate::embedded::log::Log;
use crate::embedded::{EmbeddedError, EmbeddedKind, POLL};
use watertight_connection::DatabaseUrl;
use watertight_connection::PgliteMarker;

const START_DEADLINE: Duration = Duration::from_secs(30);

/// When whoever began something is surely gone.
const LONG_AGO: Duration = Duration::from_hours(1);

/// The database of an instance. It is there from the beginning.
const DATABASE: &str = "postgres";

/// A helper that ends with this process, however that ends, and then removes its data.
pub(crate) struct Instance {
    process: Child,
    /// Removed when the process has ended.
    place: Place,
}

/// The folders of an instance, removed when this is dropped.
struct Place {
    folder: PathBuf,
    sockets: PathBuf,
    /// What tells a sweep that they are in use. The helper holds it too.
    lock: File,
}

impl Instance {
    /// A fresh instance called `name`, beside the data of the server; with the data in the folder `template`, if one is
    /// given.
    pub(crate) fn start(
        server: &PgliteMarker,
        name: &str,
        template: Option<&Path>,
    ) -> Result<Self, EmbeddedError> {
        let place = Place::create(scratch_folder(server).join(name))?;
        if let Some(template) = template {
            copy(template, &place.data()).map_err(in_folder(template))?;
        }
        let mut log = Log::open(&place.folder.join("log"))?;
        let mut command = Command::new(&server.program);
        command
            .arg("scratch")
            .args([&place.folder, &place.sockets])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(place.lock.try_clone().map_err(in_folder(&place.folder))?)
            .stderr(log.for_server()?)
            // It ends when this process does, and not before.
            .process_group(0);
        let failed = |reason: String| EmbeddedError::Start {
            kind: EmbeddedKind::Pglite,
            reason,
        };
        let program = server.program.display();
        let process = command
            .spawn()
            .map_err(|error| failed(format!("{program} cannot be run: {error}")))?;
        let mut instance = Self { process, place };
        let deadline = Instant::now() + START_DEADLINE;
        while UnixStream::connect(instance.place.sockets.join(SOCKET_NAME)).is_err() {
            let status = instance.process.try_wait();
            if status.is_ok_and(|status| status.is_some()) || Instant::now() > deadline {
                return Err(failed(log.tail()));
            }
            sleep(POLL / 10);
        }
        Ok(instance)
    }

    pub(crate) fn url(&self) -> DatabaseUrl {
        super::url(&self.place.sockets, DATABASE)
    }

    /// Stops the helper, and makes its data the template `template`.
    pub(super) fn into_template(mut self, template: &Path) -> Result<(), EmbeddedError> {
        let input = self.process.stdin.take();
        let told = input.map_or(Ok(()), |mut input| input.write_all(b"keep\n"));
        let ended = told.and_then(|()| self.process.wait());
        let renamed = ended.and_then(|status| {
            if !status.success() {
                return Err(io::Error::other(format!(
                    "its PGlite has failed ({status})"
                )));
            }
            fs::rename(self.place.data(), template)
        });
        renamed.map_err(in_folder(template))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // The helper removes its data when its input ends.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

impl Place {
    fn create(folder: PathBuf) -> Result<Self, EmbeddedError> {
        create_private(&folder)?;
        let lock = lock(&folder).map_err(in_folder(&folder))?;
        let mut place = Self {
            sockets: folder.join("socket"),
            folder,
            lock,
        };
        place.sockets = socket_folder(&place.folder)?;
        Ok(place)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // A sweep finds what stays.
        let _ = remove(&self.folder, &self.sockets);
    }
}

/// Removes the instances with this prefix whose makers and helpers were killed. Gives their names.
pub(crate) fn sweep(
    server: &PgliteMarker,
    is_scratch: impl Fn(&str) -> bool,
) -> Result<Vec<String>, EmbeddedError> {
    let folder = scratch_folder(server);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(in_folder(&folder)(error)),
    };
    let mut removed = Vec::new();
    for entry in entries.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_scratch(&name) && is_left(&entry.path()) {
            let sockets = recorded_socket_folder(&entry.path());
            remove(&entry.path(), &sockets).map_err(in_folder(&entry.path()))?;
            removed.push(name);
        }
    }
    Ok(removed)
}

/// Whether nobody uses the folder of an instance.
fn is_left(folder: &Path) -> bool {
    match File::open(folder.join("lock")) {
        Ok(lock) => lock.try_lock().is_ok(),
        // It is just being made, or going; unless it has been so for long.
        Err(_) => fs::metadata(folder)
            .and_then(|metadata| metadata.modified())
            .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > LONG_AGO)),
    }
}

fn scratch_folder(server: &PgliteMarker) -> PathBuf {
    server.folder.join("scratch")
}

/// Where templates of this server are. Another build of PGlite may not be able to use its data.
pub(super) fn template_folder(server: &PgliteMarker) -> PathBuf {
    let build = server.program.ancestors().nth(2).and_then(Path::file_name);
    server
        .folder
        .join("templates")
        .join(build.unwrap_or_default())
}

/// A lock for the helper to hold. It has its name only when it is held: a sweep leaves alone what has no lock yet.
fn lock(folder: &Path) -> io::Result<File> {
    let new = folder.join("lock.new");
    let lock = File::create(&new)?;
    lock.try_lock()?;
    fs::rename(&new, folder.join("lock"))?;
    Ok(lock)
}

/// Only for this user: whoever can open the socket has the database.
fn create_private(folder: &Path) -> Result<(), EmbeddedError> {
    let created = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder);
    created.map_err(in_folder(folder))
}

/// The folder for the socket, which is recorded when it lies elsewhere.
fn socket_folder(folder: &Path) -> Result<PathBuf, EmbeddedError> {
    let inside = folder.join("socket");
    if fits_socket(&inside) {
        create_private(&inside)?;
        return Ok(inside);
    }
    let made = tempfile::Builder::new()
        .prefix("watertight-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir_in("/tmp");
    let outside = made.map_err(in_folder(Path::new("/tmp")))?.keep();
    let record = folder.join("socket_folder");
    fs::write(&record, outside.as_os_str().as_encoded_bytes()).map_err(in_folder(&record))?;
    Ok(outside)
}

fn recorded_socket_folder(folder: &Path) -> PathBuf {
    fs::read_to_string(folder.join("socket_folder"))
        .map_or_else(|_| folder.join("socket"), PathBuf::from)
}

/// The lock goes last: what is left without one, a sweep leaves alone for long.
fn remove(folder: &Path, sockets: &Path) -> io::Result<()> {
    for folder in [sockets, &folder.join("data"), folder] {
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    for entry in WalkDir::new(from) {
        let entry = entry?;
        let below = entry.path().strip_prefix(from).map_err(io::Error::other)?;
        let target = to.join(below);
        if entry.file_type().is_dir() {
            fs::create_dir(&target)?;
        } else if entry.file_type().is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}
