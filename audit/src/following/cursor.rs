//! How far a reader of a journal has come, kept in a file of its own. It must not know who reads.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// Of each log, the number of the next line. Without a log's name: from its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    v: u32,
    logs: BTreeMap<String, u64>,
}

impl Cursor {
    /// The number of the next line of a log.
    pub fn next(&self, log: &str) -> u64 {
        self.logs.get(log).copied().unwrap_or(0)
    }

    /// From now on, that is the number of the next line of a log.
    pub fn set(&mut self, log: &str, next: u64) {
        self.logs.insert(log.to_owned(), next);
    }

    pub(super) fn keep_only(&mut self, logs: &[String]) {
        self.logs.retain(|log, _| logs.binary_search(log).is_ok());
    }

    /// Reads the file; the beginning of everything where there is none. A file that is no cursor's, too, gives the
    /// beginning, for what is told twice can be told apart, and what is never told cannot. Blocks on the disk.
    ///
    /// # Errors
    /// If there is a file and it cannot be read.
    pub fn load(file: &Path) -> io::Result<Self> {
        let text = match fs::read(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::default()),
            text => text?,
        };
        let cursor = serde_json::from_slice(&text).ok();
        Ok(cursor
            .filter(|cursor: &Self| cursor.v == VERSION)
            .unwrap_or_else(|| {
                tracing::error!(
                    file = %file.display(),
                    "this is no cursor; what was told is told once more, from the beginning"
                );
                Self::default()
            }))
    }

    /// Replaces the file, durably, whole or not at all. Blocks on the disk.
    ///
    /// # Errors
    /// If the disk does not take it; the file is then as it was.
    pub fn store(&self, file: &Path) -> io::Result<()> {
        let directory = file.parent().unwrap_or(Path::new("."));
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory)?;
        let unfinished = file.with_extension("unfinished");
        let mut written = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        let versioned = Self {
            v: VERSION,
            logs: self.logs.clone(),
        };
        written.write_all(&serde_json::to_vec(&versioned)?)?;
        written.sync_data()?;
        fs::rename(&unfinished, file)?;
        File::open(directory)?.sync_all()
    }
}

const VERSION: u32 = 1;
