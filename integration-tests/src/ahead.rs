//! Programs whose wall clock is ahead of the machine's, so that a test need not wait for days. It knows no program.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use crate::preload;

/// What a program's environment needs for its clock to be `by` ahead.
pub fn environment(by: Duration) -> [(&'static str, String); 2] {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    let library = LIBRARY.get_or_init(|| preload::library("ahead"));
    [
        ("LD_PRELOAD", library.display().to_string()),
        ("SECONDS_AHEAD", by.as_secs().to_string()),
    ]
}
