//! The unit tests of the modules of `watertight-pglite` that do not use PGlite. The whole helper takes minutes to build.

#![allow(dead_code, reason = "the rest of the helper uses it")]

#[path = "../../helpers/pglite/src/holder.rs"]
mod holder;
#[path = "../../helpers/pglite/src/startup.rs"]
mod startup;
#[path = "../../helpers/pglite/src/turn.rs"]
mod turn;
