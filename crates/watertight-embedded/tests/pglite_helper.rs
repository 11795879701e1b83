//! The parts of the helper `watertight-pglite` that do not need PGlite: their own tests run here, since the helper as a whole
//! takes minutes to build.

#![allow(dead_code, reason = "the helper uses the rest")]

#[path = "../helpers/pglite/src/holder.rs"]
mod holder;
#[path = "../helpers/pglite/src/startup.rs"]
mod startup;
#[path = "../helpers/pglite/src/turn.rs"]
mod turn;
