//! PGlite, PostgreSQL compiled to WebAssembly, behind a socket that any PostgreSQL client can use.
//!
//! `watertight-embedded` runs this program; its command line is internal:
//!
//! - `serve FOLDER SOCKET_FOLDER USERS_LOCK`: serves the database of a workspace until no process holds a lock on `USERS_LOCK`.
//! - `scratch FOLDER SOCKET_FOLDER`: serves a scratch database until stdin ends.
//! - `unpack`, `init FOLDER`, `engine FOLDER SOCKET`, `sql FOLDER [ARGUMENT]…`: the child processes of these. `sql` dumps the
//!   database.
//!
//! The data is in `FOLDER/data`.

mod cache;
mod data;
mod dump;
mod engine;
mod holder;
mod lifetime;
mod marker;
mod server;
mod session;
mod startup;
mod turn;

use std::env;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("watertight-pglite: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["serve", folder, sockets, users] => {
            server::serve_workspace(folder.as_ref(), sockets.as_ref(), users.as_ref())
        }
        ["scratch", folder, sockets] => server::serve_scratch(folder.as_ref(), sockets.as_ref()),
        ["init", folder] => data::init(folder.as_ref()),
        ["engine", folder, socket] => engine::run(folder.as_ref(), Path::new(socket)),
        ["sql", folder, ref arguments @ ..] => dump::sql(folder.as_ref(), arguments),
        ["unpack"] => cache::unpack(),
        _ => bail!("this program is run by Watertight; see `cargo xtask db --help`"),
    }
}
