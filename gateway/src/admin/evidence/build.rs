//! Which programs run, so that an auditor can compare them with what was released.

use std::fs::File;
use std::io;
use std::path::Path;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::config::programs;

/// This program and the verifier beside it. Reads both from the disk.
pub(super) fn of_programs() -> Value {
    let programs: Vec<Value> = programs()
        .iter()
        .map(|(name, path)| match sha256(path) {
            Ok(hash) => json!({ "program": name, "sha256": hash }),
            Err(error) => json!({ "program": name, "not_found": error.to_string() }),
        })
        .collect();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "programs": programs,
    })
}

fn sha256(file: &Path) -> io::Result<String> {
    let mut hasher = Hasher(Sha256::new());
    io::copy(&mut File::open(file)?, &mut hasher)?;
    Ok(hex::encode(hasher.0.finalize()))
}

struct Hasher(Sha256);

impl io::Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
