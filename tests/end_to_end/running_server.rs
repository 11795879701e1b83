use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A server in a process group of its own. It is stopped when this is dropped.
pub struct RunningServer {
    child: Child,
    url: String,
}

impl RunningServer {
    /// Starts a server and waits until it listens.
    ///
    /// # Panics
    ///
    /// Panics if it ends before.
    pub fn start(mut command: Command) -> Self {
        // A terminal sends Ctrl-C to a whole process group.
        let command = command.stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        // `cargo xtask dev` first prints the migrations that it applied.
        let mut output = String::new();
        for line in stdout.lines() {
            let line = line.unwrap();
            if let Some(url) = line.strip_prefix("Listening on ") {
                let url = url.replace("0.0.0.0", "127.0.0.1");
                return Self { child, url };
            }
            output += &line;
        }
        let _ = child.wait();
        panic!("the server does not listen; its output is {output:?}")
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends SIGINT, as a terminal does for Ctrl-C, and waits for the command to end.
    pub fn interrupt(mut self) -> ExitStatus {
        self.signal("INT")
    }

    /// Sends SIGTERM, as a service manager does, and waits for the command to end.
    pub fn terminate(mut self) -> ExitStatus {
        self.signal("TERM")
    }

    fn signal(&mut self, name: &str) -> ExitStatus {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill")
            .args(["-s", name, "--", &group])
            .status();
        self.child.wait().unwrap()
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let _ = self.signal("TERM");
        }
    }
}
