//! Room kept on the journal's disk, so that refusals and gaps can be recorded when it is full.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

/// A file of the size of the room, which is removed when the disk is full.
pub(super) struct Headroom {
    path: PathBuf,
    bytes: u64,
    used: bool,
}

impl Headroom {
    /// Room that is not taken yet.
    pub(super) fn new(path: PathBuf, bytes: u64) -> Self {
        Self {
            path,
            bytes,
            used: false,
        }
    }

    /// Takes the room. A disk that has none left is as if it were used already.
    pub(super) fn take(&mut self) {
        if let Err(error) = self.fill() {
            tracing::error!(%error, "no room can be kept for the audit journal");
            self.used = self.bytes > 0;
        }
    }

    /// Whether only what is essential may be written.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    /// Gives the room to the journal.
    pub(super) fn give_up(&mut self) {
        if self.bytes > 0 && !self.used {
            tracing::error!("the audit journal's disk is full; only refusals are recorded now");
            self.used = true;
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Takes the room again, if the disk has it.
    pub(super) fn refill(&mut self) {
        if self.used && self.fill().is_ok() {
            tracing::info!("the audit journal's disk has room again");
            self.used = false;
        }
    }

    fn fill(&self) -> io::Result<()> {
        let length = fs::metadata(&self.path)
            .map(|found| found.len())
            .unwrap_or_default();
        if length == self.bytes {
            return Ok(());
        }
        let filled = self.write();
        if filled.is_err() {
            // Half of it must not take what little there is.
            let _ = fs::remove_file(&self.path);
        }
        filled
    }

    /// Written and not only asked for: a hole takes no room.
    fn write(&self) -> io::Result<()> {
        let mut file: File = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.path)?;
        let zeros = [0; 16 * 1024];
        let mut left = self.bytes;
        while left > 0 {
            let now = usize::try_from(left)
                .unwrap_or(zeros.len())
                .min(zeros.len());
            file.write_all(zeros.get(..now).unwrap_or_default())?;
            left = left.saturating_sub(u64::try_from(now).unwrap_or(u64::MAX));
        }
        file.sync_all()
    }
}
