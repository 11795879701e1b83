//! Waiting until a server is no longer needed.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::turn::Turn;

const CHECK_INTERVAL: Duration = Duration::from_millis(500);
/// The number of checks without a user after which the server stops: five seconds.
const CHECKS_WITHOUT_USERS: u32 = 10;

/// Returns some seconds after the last user has ended. Users hold shared locks on the file `users`, which the kernel
/// releases however they end. An open session counts as a user too.
///
/// The file stays locked: a process that fails to lock it knows that the server is stopping.
pub fn while_used(users: &Path, turn: &Turn) -> Result<File> {
    let opened = File::options().read(true).write(true).open(users);
    let file = opened.with_context(|| format!("failed to open {}", users.display()))?;
    let mut checks = 0;
    loop {
        sleep(CHECK_INTERVAL);
        match file.try_lock() {
            Ok(()) if turn.holder().is_some() => {
                file.unlock()?;
                checks = 0;
            }
            Ok(()) if checks >= CHECKS_WITHOUT_USERS => return Ok(file),
            Ok(()) => {
                file.unlock()?;
                checks += 1;
            }
            Err(TryLockError::WouldBlock) => checks = 0,
            Err(TryLockError::Error(error)) => {
                return Err(error).context("failed to check for users");
            }
        }
    }
}

/// Waits until stdin ends. Returns whether to keep the data.
pub fn until_input_ends() -> bool {
    let mut input = String::new();
    let read = io::stdin().read_to_string(&mut input);
    read.is_ok() && input == "keep\n"
}
