//! Where things lie in this checkout. It starts nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The workspace's root: the parent of this crate.
pub(crate) fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// Cargo's output directory of this checkout.
pub(crate) fn target() -> PathBuf {
    root().join("target")
}

/// The cargo that built this program, at work in the root and writing to [`target`].
pub(crate) fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).env("CARGO_TARGET_DIR", target());
    cargo
}
