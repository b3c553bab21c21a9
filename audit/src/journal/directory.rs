//! Segments as files of one directory: the place where segments are opened, made and cut.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::segments::{Placement, SegmentFile, Volume, first_seq};

/// The journal's directory.
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Makes the directory, for its owner alone, if it is missing.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        Ok(Self {
            path: path.to_owned(),
        })
    }

    /// Keeps other processes out for as long as the file is held.
    pub(super) fn lock(&self) -> Result<File, TryLockError> {
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

    /// The last segment's path and the `seq` in its name.
    pub(super) fn last(&self) -> io::Result<Option<(PathBuf, u64)>> {
        let mut last = None;
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if let Some(first) = first_seq(&path)
                && last.as_ref().is_none_or(|(_, highest)| first > *highest)
            {
                last = Some((path, first));
            }
        }
        Ok(last)
    }
}

impl Volume for Directory {
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let path = self.path.join(name);
        let created = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = match created {
            // One we made and could not write to is used; whatever else lies there is not ours to
            // touch.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_empty_file(&path) => {
                OpenOptions::new().append(true).open(&path)?
            }
            created => created?,
        };
        File::open(&self.path)?.sync_all()?;
        Ok(Box::new(DiskFile { file, path }))
    }
}

/// One segment on disk. It is only ever opened for appending, so that a cut moves where the next
/// write goes.
pub(super) struct DiskFile {
    file: File,
    path: PathBuf,
}

impl DiskFile {
    pub(super) fn reopen(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).open(&path)?;
        Ok(Self { file, path })
    }
}

impl SegmentFile for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()
    }

    fn placement(&self) -> io::Result<Placement> {
        let open = self.file.metadata()?;
        match fs::symlink_metadata(&self.path) {
            Ok(named) if (named.dev(), named.ino()) == (open.dev(), open.ino()) => {
                Ok(Placement::InPlace { length: open.len() })
            }
            Ok(_) => Ok(Placement::Replaced),
            Err(error) if is_absence(&error) => Ok(Placement::Replaced),
            Err(error) => Err(error),
        }
    }
}

fn is_empty_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() == 0)
}

fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

const LOCK: &str = "journal.lock";
