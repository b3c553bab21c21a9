//! The journal's directory: one directory for each log, and a lock. It must not know what lines say.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// The directory of all logs that a replica wrote on this disk.
#[derive(Clone, Debug)]
pub(super) struct Home {
    path: PathBuf,
}

/// A home, locked for as long as one of these is there; or not yet, where its disk is gone.
#[derive(Clone, Debug)]
pub(super) struct Held {
    home: Home,
    lock: Arc<OnceLock<File>>,
}

/// The directory of one log.
#[derive(Clone, Debug)]
pub(super) struct LogPlace {
    /// The log's name.
    pub(super) name: String,
    path: PathBuf,
}

impl Home {
    /// The one at `path`, be it there or not.
    pub(super) fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory, for its owner alone, if it is missing.
    pub(super) fn make(&self) -> io::Result<()> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.path)
    }

    /// Keeps other processes out for as long as the file is held.
    fn lock(&self) -> Result<File, TryLockError> {
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.path.join(LOCK))
            .map_err(TryLockError::Error)?;
        lock.try_lock()?;
        Ok(lock)
    }

    /// All logs, by name.
    pub(super) fn logs(&self) -> io::Result<Vec<LogPlace>> {
        let mut logs = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if let Some(name) = name.filter(|_| path.join(SEGMENTS).is_dir()) {
                logs.push(LogPlace {
                    name: name.to_owned(),
                    path,
                });
            }
        }
        logs.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(logs)
    }

    /// The file that keeps room on the disk.
    pub(super) fn headroom(&self) -> PathBuf {
        self.path.join(HEADROOM)
    }

    /// Where a log of that name is or would be.
    pub(super) fn place(&self, name: &str) -> LogPlace {
        LogPlace {
            name: name.to_owned(),
            path: self.path.join(name),
        }
    }
}

impl Held {
    pub(super) fn new(home: Home) -> Self {
        Self {
            home,
            lock: Arc::default(),
        }
    }

    /// Keeps other processes out, if it does not yet.
    pub(super) fn take(&self) -> Result<(), TryLockError> {
        if self.lock.get().is_none() {
            let lock = self.home.lock()?;
            let _ = self.lock.set(lock);
        }
        Ok(())
    }
}

impl LogPlace {
    /// Makes its directory, if it is missing, in the journal's, which must be there.
    pub(super) fn begin(&self) -> io::Result<()> {
        let segments = self.segments();
        for path in [&self.path, &segments] {
            let made = DirBuilder::new().mode(0o700).create(path);
            match made {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => sync_directory(path.parent().unwrap_or(path))?,
            }
        }
        sync_directory(&segments)
    }

    /// The log's directory.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where its segments lie.
    pub(super) fn segments(&self) -> PathBuf {
        self.path.join(SEGMENTS)
    }

    /// Reads a file of the log; `None` if there is none.
    pub(super) fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path.join(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes a file of the log, whole or not at all, and durably.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let directory = self.replace(name, bytes, true)?;
        sync_directory(&directory)
    }

    /// Writes a file that can be made again from the lines: whole or not at all, and some time on disk.
    pub(super) fn write_lazily(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.replace(name, bytes, false).map(drop)
    }

    fn replace(&self, name: &str, bytes: &[u8], durably: bool) -> io::Result<PathBuf> {
        let path = self.path.join(name);
        let directory = path.parent().unwrap_or(&self.path).to_owned();
        // Nothing is made where a disk is gone: it would be in its way when it comes back.
        fs::metadata(&self.path)?;
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&directory)?;
        let unfinished = path.with_extension("unfinished");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(bytes)?;
        if durably {
            file.sync_data()?;
        }
        fs::rename(&unfinished, &path)?;
        Ok(directory)
    }

    /// Removes a file of the log, if it is there.
    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.path.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

const LOCK: &str = "journal.lock";
const HEADROOM: &str = "headroom";
const SEGMENTS: &str = "segments";

/// Of a log: what its key may sign.
pub(super) const CERTIFICATE: &str = "certificate";
/// Of a log: its latest checkpoint.
pub(super) const CHECKPOINT: &str = "checkpoint";
/// Of a log: that it ended, and how.
pub(super) const CLOSED: &str = "closed";
/// Of a log that a crash ended: its intents without an outcome, until they are reconciled.
pub(super) const OPEN_INTENTS: &str = "open-intents";
