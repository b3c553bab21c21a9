//! Programs whose wall clock is ahead of the machine's, so that a test need not wait for days. It knows no program.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use crate::world::World;

/// What a program's environment needs for its clock to be `by` ahead.
///
/// # Panics
/// If the machine's C compiler does not make what is preloaded.
pub fn environment(by: Duration) -> [(&'static str, String); 2] {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/ahead.c");
        let library = World::get().scratch().keep().join("ahead.so");
        let made = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .status()
            .expect("there is a C compiler");
        assert!(made.success(), "{made}");
        library
    });
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("SECONDS_AHEAD", by.as_secs().to_string()),
    ]
}
