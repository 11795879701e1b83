//! The runners that are compared. All read the same SQL from files, and keep one history for each plugin in its schema.

mod diesel;
pub mod floor;
mod refinery;
mod sqlx;
pub mod watertight;
pub mod xtask;

use anyhow::Result;
use tokio::runtime::{Builder, Runtime};

use crate::workload::Workload;

/// What is in the database before a run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Start {
    Empty,
    UpToDate,
}

/// A runner of migrations.
pub struct Peer {
    pub name: &'static str,
    /// Connects to the database at a URL and runs the pending migrations, as a program does that is started for it. Only
    /// the floor makes use of knowing what is in the database.
    pub migrate: fn(&Workload, &str, Start) -> Result<()>,
}

pub const DIESEL: &str = "Diesel's harness";
pub const FLOOR: &str = "raw floor";

pub const PEERS: [Peer; 6] = [
    Peer {
        name: "Watertight",
        migrate: watertight::migrate,
    },
    Peer {
        name: "`cargo xtask migrate`",
        migrate: xtask::migrate,
    },
    Peer {
        name: FLOOR,
        migrate: floor::migrate,
    },
    Peer {
        name: DIESEL,
        migrate: diesel::migrate,
    },
    Peer {
        name: "sqlx",
        migrate: sqlx::migrate,
    },
    Peer {
        name: "refinery",
        migrate: refinery::migrate,
    },
];

fn runtime() -> Result<Runtime> {
    Ok(Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?)
}
