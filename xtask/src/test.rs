//! `cargo xtask test`: everything that must hold before a change is taken. It does not know single
//! tests; cargo finds them.

use std::fs;
use std::path::Path;

use crate::command::{self, Failure};
use crate::{tools, workspace};

/// What the caller may choose.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Run only the tests whose name contains this, without format check and lints
    #[arg(long, value_name = "FILTER")]
    only: Option<String>,
}

/// Fetches the tools, checks format and lints, and runs every test.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let tools = tools::fetch()?;
    if arguments.only.is_none() {
        command::run(workspace::cargo().args(["fmt", "--all", "--check"]))?;
        command::run(workspace::cargo().args([
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ]))?;
    }
    let tested = test(&tools, arguments.only.as_deref());
    // The stores' data is of use only until the failure is understood.
    if tested.is_ok() {
        let _ = fs::remove_dir_all(workspace::target().join("world"));
    }
    tested
}

/// The gateway's own tests need its binary, so cargo has built it before the first test runs.
fn test(tools: &Path, only: Option<&str>) -> Result<(), Failure> {
    let mut cargo = workspace::cargo();
    cargo
        .args(["test", "--workspace", "--no-fail-fast"])
        .args(only)
        .env("SEALGATE_BIN", workspace::target().join("debug/sealgate"))
        .env("SEALGATE_TOOLS", tools);
    command::run(&mut cargo)
}
