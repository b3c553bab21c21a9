//! `cargo xtask conformance`: runs the core of ceph/s3-tests against the gateway. The tests come from a
//! checkout that the caller brings; the run itself is `integration-tests/tests/conformance`.

use std::fs;
use std::path::PathBuf;

use crate::command::{self, Failure};
use crate::{tools, workspace};

/// What the caller may choose.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A checkout of <https://github.com/ceph/s3-tests>
    checkout: PathBuf,
    /// What to test: the gateway over seaweedfs, the gateway over embedded, or store-alone
    #[arg(long, default_value = "seaweedfs")]
    on: String,
    /// Run only the tests that this pytest expression selects, and leave the scores alone
    #[arg(long, value_name = "EXPRESSION")]
    only: Option<String>,
}

/// Fetches the tools, builds the gateway, runs the tests and compares.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let checkout = fs::canonicalize(&arguments.checkout)?;
    let tools = tools::fetch()?;
    tools::fetch_for_conformance()?;
    command::run(workspace::cargo().args(["build", "--package", "gateway"]))?;
    let mut cargo = workspace::cargo();
    cargo
        .args(["test", "--package", "integration-tests"])
        .args(["--test", "conformance", "--"])
        .arg(checkout)
        .args(["--on", &arguments.on])
        .args(arguments.only.iter().flat_map(|only| ["--only", only]))
        .env("SEALGATE_BIN", workspace::target().join("debug/sealgate"))
        .env("SEALGATE_TOOLS", tools);
    command::run(&mut cargo)
}
