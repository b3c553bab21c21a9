//! Segments as files of one directory: the place where segments are opened, made and cut.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use super::segments::{Placement, SegmentFile, Volume, first_seq};

/// The directory of one log's segments.
#[derive(Clone)]
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// A directory that is there.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its segments with the `seq` in their names, in order.
    pub(super) fn segments(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut segments = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if let Some(first) = first_seq(&path) {
                segments.push((first, path));
            }
        }
        segments.sort();
        Ok(segments)
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
