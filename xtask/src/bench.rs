//! `cargo xtask bench`: builds the gateway as it is shipped and measures it beside other proxies. The
//! measurement itself is `integration-tests/benches/proxies`.

use std::fs;

use crate::command::{self, Failure};
use crate::{tools, workspace};

/// What the caller may choose.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// How often every proxy has its turn; the table shows min, median and max over the rounds
    #[arg(long, default_value_t = 5)]
    rounds: u32,
}

/// Fetches the tools, builds for release, measures, and leaves the table on standard output.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let tools = tools::fetch()?;
    command::run(workspace::cargo().args(["build", "--release", "--package", "gateway"]))?;
    let mut cargo = workspace::cargo();
    cargo
        .args(["bench", "--package", "integration-tests"])
        .args(["--bench", "proxies", "--"])
        .arg(arguments.rounds.to_string())
        .env("SEALGATE_BIN", workspace::target().join("release/sealgate"))
        .env("SEALGATE_TOOLS", tools);
    command::run(&mut cargo)?;
    // Gigabytes in the store, of no use once they are measured.
    fs::remove_dir_all(workspace::target().join("world"))?;
    Ok(())
}
