//! Small libraries in C that are loaded before a program, so that it meets a machine that behaves otherwise. It knows
//! no program.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::world::World;

/// Builds `tools/<name>.c`, and gives the library.
///
/// # Panics
/// If the machine's C compiler does not make it.
pub fn library(name: &str) -> PathBuf {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tools/{name}.c"));
    let library = World::get().scratch().keep().join(format!("{name}.so"));
    let made = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .expect("there is a C compiler");
    assert!(made.success(), "{made}");
    library
}
