//! `cargo xtask proofs`: what is proved of the policies, and the command that proves. Apart from `test`, because the
//! prover takes long to build and needs a solver that no registry of crates has.

use crate::command::{self, Failure};
use crate::workspace;

/// Lints and tests what is built with the prover only.
pub(crate) fn run() -> Result<(), Failure> {
    let rooms = ["--package", "policies", "--package", "gateway"];
    let prover = ["--features", "policies/proofs,gateway/proofs"];
    command::run(
        workspace::cargo()
            .arg("clippy")
            .args(rooms)
            .args(prover)
            .args(["--all-targets", "--", "--deny", "warnings"]),
    )?;
    command::run(
        workspace::cargo()
            .arg("test")
            .args(rooms)
            .args(prover)
            .args(["--test", "proofs", "--test", "policy_diff"]),
    )
}
