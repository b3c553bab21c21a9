//! The files of a trail, wherever they were copied to. It must not know what they mean.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use crate::journal::without_room;

/// Why a trail cannot be verified at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// A file or a directory.
    #[error("{} cannot be read", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// There is nothing that could be a log.
    #[error("{} holds no audit log: no directory in it has one named segments", .0.display())]
    NoLog(PathBuf),
}

/// The logs of a trail, by name, and the directory of the super-log, if there is one.
#[derive(Debug, Default)]
pub(super) struct Trail {
    pub(super) logs: BTreeMap<String, Place>,
    pub(super) super_log: Option<PathBuf>,
}

/// The directory of one log.
#[derive(Debug)]
pub(super) struct Place(PathBuf);

impl Trail {
    pub(super) fn find(directory: &Path) -> Result<Self, ReadError> {
        let mut trail = Self::default();
        trail.look(directory)?;
        if trail.logs.is_empty() {
            return Err(ReadError::NoLog(directory.to_owned()));
        }
        Ok(trail)
    }

    fn look(&mut self, directory: &Path) -> Result<(), ReadError> {
        let name = directory
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        if directory.join("segments").is_dir() || directory.join("certificate").is_file() {
            self.logs
                .insert(name.to_owned(), Place(directory.to_owned()));
            return Ok(());
        }
        if name == "super" {
            self.super_log = Some(directory.to_owned());
            return Ok(());
        }
        for path in listed(directory)? {
            if path.is_dir() {
                self.look(&path)?;
            }
        }
        Ok(())
    }
}

impl Place {
    /// A small file's text; `None` if there is none or it is no text.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.0.join(name)).ok()
    }

    /// A file's bytes; `None` if there is none.
    pub(super) fn bytes(&self, name: &str) -> Option<Vec<u8>> {
        fs::read(self.0.join(name)).ok()
    }

    /// The segments with the `seq` in their names, in that order.
    pub(super) fn segments(&self) -> Result<Vec<(u64, PathBuf)>, ReadError> {
        let directory = self.0.join("segments");
        if !directory.is_dir() {
            return Ok(Vec::new());
        }
        let mut segments = Vec::new();
        for path in listed(&directory)? {
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let Some((first, rest)) = name.split_at_checked(20) else {
                continue;
            };
            if rest == ".jsonl"
                && let Ok(first) = first.parse()
            {
                segments.push((first, path));
            }
        }
        segments.sort();
        Ok(segments)
    }
}

/// Calls `see` with each line of a segment, without its line feed, and whether it had one. Zeros at the end are room
/// for more lines and no line.
pub(super) fn each_line(path: &Path, mut see: impl FnMut(&[u8], bool)) -> Result<(), ReadError> {
    let failed = |source| ReadError::File {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let mut line = Vec::new();
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line).map_err(failed)? == 0 {
            return Ok(());
        }
        match line.strip_suffix(b"\n") {
            Some(line) => see(line, true),
            None if without_room(&line).is_empty() => {}
            None => see(without_room(&line), false),
        }
    }
}

pub(super) fn listed(directory: &Path) -> Result<Vec<PathBuf>, ReadError> {
    let failed = |source| ReadError::File {
        path: directory.to_owned(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}
