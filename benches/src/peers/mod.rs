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

pub const WATERTIGHT: Peer = Peer {
    name: "Watertight",
    migrate: watertight::migrate,
};

pub const FLOOR: Peer = Peer {
    name: "raw floor",
    migrate: floor::migrate,
};

pub const DIESEL: Peer = Peer {
    name: "Diesel's harness",
    migrate: diesel::migrate,
};

pub const PEERS: [Peer; 6] = [
    WATERTIGHT,
    Peer {
        name: "`cargo xtask migrate`",
        migrate: xtask::migrate,
    },
    FLOOR,
    DIESEL,
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
