//! How long a server is needed.

use std::fs::{File, TryLockError};
use std::io::{self, Read as _};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, Result};

use crate::turn::Turn;

const ROUND: Duration = Duration::from_millis(500);
/// Five seconds.
const ROUNDS_ALONE: u32 = 10;

/// Returns some seconds after the last user has gone. Users hold shared locks on the file `users`, which the kernel
/// takes back however they end, and one who has a session without a lock counts too.
///
/// The file stays locked: whoever then fails to get a lock knows that the server is going.
pub fn while_used(users: &Path, turn: &Turn) -> Result<File> {
    let opened = File::options().read(true).write(true).open(users);
    let file = opened.with_context(|| format!("failed to open {}", users.display()))?;
    let mut alone = 0;
    loop {
        sleep(ROUND);
        match file.try_lock() {
            Ok(()) if turn.holder().is_some() => {
                file.unlock()?;
                alone = 0;
            }
            Ok(()) if alone >= ROUNDS_ALONE => return Ok(file),
            Ok(()) => {
                file.unlock()?;
                alone += 1;
            }
            Err(TryLockError::WouldBlock) => alone = 0,
            Err(TryLockError::Error(error)) => {
                return Err(error).context("failed to look for users");
            }
        }
    }
}

/// Returns when the standard input ends, and says whether the data is to stay.
pub fn until_input_ends() -> bool {
    let mut said = String::new();
    let read = io::stdin().read_to_string(&mut said);
    read.is_ok() && said == "keep\n"
}
