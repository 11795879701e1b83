//! The `cargo xtask` commands.

fn main() -> std::process::ExitCode {
    watertight_xtask::main()
}
