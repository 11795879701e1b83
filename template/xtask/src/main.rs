//! `cargo xtask`: see `watertight_xtask`.
fn main() -> std::process::ExitCode {
    watertight_xtask::main()
}
