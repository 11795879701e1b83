//! The commands as a program, for this crate's tests. A workspace has a package `xtask` instead.

fn main() -> std::process::ExitCode {
    watertight_xtask::main()
}
