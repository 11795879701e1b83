use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};

/// A server that a command has started, in the foreground as far as the command can tell. Dropped, it is told to stop.
pub struct RunningServer {
    child: Child,
    url: String,
}

impl RunningServer {
    /// Starts it, and waits until it listens.
    ///
    /// # Panics
    ///
    /// Panics when it does not.
    pub fn start(mut command: Command) -> Self {
        // A group of its own, which is told to stop as a terminal does with Ctrl-C.
        let command = command.stdout(Stdio::piped()).process_group(0);
        let mut child = command.spawn().unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        // Before it, `cargo xtask dev` says what was migrated.
        let mut said = String::new();
        for line in stdout.lines() {
            let line = line.unwrap();
            if let Some(url) = line.strip_prefix("Listening on ") {
                let url = url.replace("0.0.0.0", "127.0.0.1");
                return Self { child, url };
            }
            said += &line;
        }
        let _ = child.wait();
        panic!("the server does not listen, it says {said:?}")
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What a terminal does with Ctrl-C; gives how the command ended.
    pub fn interrupt(mut self) -> ExitStatus {
        self.signal("INT")
    }

    /// What a service manager does; gives how the command ended.
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
