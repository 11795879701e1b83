//! cargo-generate's command line, built from its library.

use anyhow::Result;
use cargo_generate::{Cli, generate};
use clap::Parser;

fn main() -> Result<()> {
    let Cli::Generate(arguments) = Cli::parse();
    generate(arguments)?;
    Ok(())
}
