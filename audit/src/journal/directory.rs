//! Segments as files of one directory: the place where segments are opened, made and cut.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use rustix::fs::{FallocateFlags, fallocate};

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
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path);
        let file = match created {
            // One we made and could not write to is used; whatever else lies there is not ours to
            // touch.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && is_empty_file(&path) => {
                OpenOptions::new().write(true).open(&path)?
            }
            created => created?,
        };
        File::open(&self.path)?.sync_all()?;
        Ok(Box::new(DiskFile {
            file,
            path,
            end: 0,
            length: 0,
        }))
    }

    fn reopen(&self, name: &str, length: u64) -> io::Result<Box<dyn SegmentFile>> {
        let mut file = DiskFile::reopen(self.path.join(name))?;
        file.cut(length)?;
        Ok(Box::new(file))
    }
}

/// One segment on disk.
///
/// Room is taken for many lines at once: to sync a file whose length changes costs the disk half as much again. Until
/// lines fill it the room reads as zeros.
pub(super) struct DiskFile {
    file: File,
    path: PathBuf,
    /// Where the next line goes.
    end: u64,
    /// The file's length, the room included.
    length: u64,
}

impl DiskFile {
    pub(super) fn reopen(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).open(&path)?;
        let length = file.metadata()?.len();
        Ok(Self {
            file,
            path,
            end: length,
            length,
        })
    }

    /// Takes room for `bytes` more. Where it cannot be had the file grows as it is written.
    fn take_room(&mut self, bytes: u64) {
        let end = self.end.saturating_add(bytes);
        if end <= self.length {
            return;
        }
        let room = end.saturating_add(ROOM).saturating_sub(self.length);
        let taken = fallocate(&self.file, FallocateFlags::empty(), self.length, room);
        self.length = match taken {
            Ok(()) => self.length.saturating_add(room),
            Err(_) => end,
        };
    }
}

impl SegmentFile for DiskFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.take_room(count);
        self.file.write_all_at(bytes, self.end)?;
        self.end = self.end.saturating_add(count);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.set_len(length)?;
        self.file.sync_all()?;
        (self.end, self.length) = (length, length);
        Ok(())
    }

    fn placement(&self) -> io::Result<Placement> {
        let open = self.file.metadata()?;
        match fs::symlink_metadata(&self.path) {
            Ok(named) if (named.dev(), named.ino()) == (open.dev(), open.ino()) => {
                let as_left = open.len() == self.length;
                let length = if as_left { self.end } else { open.len() };
                Ok(Placement::InPlace { length })
            }
            Ok(_) => Ok(Placement::Replaced),
            Err(error) if is_absence(&error) => Ok(Placement::Replaced),
            Err(error) => Err(error),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        self.cut(self.end)
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

/// Bytes of room: some hundreds of lines.
const ROOM: u64 = 256 * 1024;
