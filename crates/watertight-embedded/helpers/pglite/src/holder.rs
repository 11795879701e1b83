//! The process at the other end of a connection.

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;

/// A process that has a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub pid: i32,
    /// Its command line, with the program's name instead of its path.
    pub command: String,
}

/// The maximum length of a command line in an error, in characters.
const MAX_COMMAND: usize = 80;

impl Holder {
    /// Returns the process that opened this connection.
    pub fn of(stream: &UnixStream) -> Self {
        let pid = peer(stream).unwrap_or(0);
        Self {
            pid,
            command: command_line(pid)
                .map(|words| displayed(&words))
                .filter(|command| !command.is_empty())
                .unwrap_or_else(|| "unknown".to_owned()),
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn peer(stream: &UnixStream) -> Option<i32> {
    use nix::sys::socket::{getsockopt, sockopt};
    getsockopt(stream, sockopt::PeerCredentials)
        .ok()
        .map(|credentials| credentials.pid())
}

#[cfg(target_os = "macos")]
fn peer(stream: &UnixStream) -> Option<i32> {
    use nix::sys::socket::{getsockopt, sockopt};
    getsockopt(stream, sockopt::LocalPeerPid).ok()
}

fn command_line(pid: i32) -> Option<Vec<String>> {
    if let Ok(bytes) = fs::read(format!("/proc/{pid}/cmdline")) {
        let command = String::from_utf8_lossy(&bytes);
        let words = command.split('\0').filter(|word| !word.is_empty());
        return Some(words.map(str::to_owned).collect());
    }
    let output = Command::new("ps")
        .args(["-o", "args=", "-p", &pid.to_string()])
        .output()
        .ok()?;
    let command = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(command.split_whitespace().map(str::to_owned).collect())
}

fn displayed(words: &[String]) -> String {
    let Some((program, arguments)) = words.split_first() else {
        return String::new();
    };
    let name = Path::new(program).file_name();
    let name = name.map_or(program.clone(), |name| name.to_string_lossy().into_owned());
    let command = [&[name], arguments].concat().join(" ");
    // The error is one line.
    let command = command.replace(char::is_control, " ");
    match command.char_indices().nth(MAX_COMMAND) {
        Some((end, _)) => format!("{}…", &command[..end]),
        None => command,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_displayed_without_its_path_and_truncated() {
        let words = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(displayed(&words(&["/a/b/xtask", "dev"])), "xtask dev");
        assert_eq!(
            displayed(&words(&["psql", "-c", "SELECT\n1"])),
            "psql -c SELECT 1"
        );
        assert_eq!(
            displayed(&words(&["ä".repeat(100).as_str()]))
                .chars()
                .count(),
            81
        );
        assert_eq!(displayed(&[]), "");
    }

    #[test]
    fn the_holder_is_the_process_at_the_other_end() {
        let (here, _there) = UnixStream::pair().unwrap();
        let holder = Holder::of(&here);
        assert_eq!(holder.pid, i32::try_from(std::process::id()).unwrap());
        let program = std::env::current_exe().unwrap();
        let program = program.file_name().unwrap().to_str().unwrap();
        assert!(holder.command.starts_with(program), "{holder:?}");
    }
}
