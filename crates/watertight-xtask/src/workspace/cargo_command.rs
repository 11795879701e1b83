use std::env;
use std::path::Path;
use std::process::Command;

/// The variables that Cargo sets for the programs and build scripts that it runs.
const OF_A_RUN: [&str; 8] = [
    "CARGO",
    "CARGO_BIN_NAME",
    "CARGO_CRATE_NAME",
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_MANIFEST_PATH",
    "CARGO_PRIMARY_PACKAGE",
    "OUT_DIR",
];
const PREFIXES_OF_A_RUN: [&str; 4] = [
    "CARGO_BIN_EXE_",
    "CARGO_CFG_",
    "CARGO_FEATURE_",
    "CARGO_PKG_",
];

/// Returns a command that runs the Cargo which runs this program, in the workspace's root.
pub(crate) fn cargo(root: &Path) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    command.current_dir(root);
    without_cargo_variables(&mut command);
    command
}

/// Removes the variables that Cargo has set for this program.
///
/// Build scripts depend on them: with them, Cargo would rebuild what `cargo build` in a shell has built, and the other
/// way round.
pub(crate) fn without_cargo_variables(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_a_run) {
            command.env_remove(name);
        }
    }
}

fn is_of_a_run(name: &str) -> bool {
    OF_A_RUN.contains(&name)
        || PREFIXES_OF_A_RUN
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_users_own_variables_are_kept() {
        for name in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO"] {
            assert!(is_of_a_run(name), "{name}");
        }
        for name in [
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "CARGO_TERM_COLOR",
            "CARGO_BUILD_JOBS",
            "CARGO_PROFILE_DEV_DEBUG",
            "RUSTFLAGS",
        ] {
            assert!(!is_of_a_run(name), "{name}");
        }
    }
}
