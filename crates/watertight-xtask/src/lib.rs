//! The commands of `cargo xtask` in a Watertight workspace.
//!
//! A workspace has a package `xtask` whose `main` calls [`main`]. Each command is a file below
//! `src/commands`. Those that write files compute a plan first and then show, print or apply it.

mod plugin_source;
mod text_style;
mod workspace;

pub use workspace::{Workspace, WorkspacePlugin};

/// Placeholder.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
