//! The commands as a program of their own, for this crate's tests. A workspace has its package `xtask`.

fn main() -> std::process::ExitCode {
    watertight_xtask::main()
}
