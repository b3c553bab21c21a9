//! A log as an archive keeps it: pieces of signed lines, tiles and checkpoints, each under a name that is written once
//! and holds the same bytes whoever makes it again. Reads a journal behind its writer; it must not know where an archive is.

mod lines;
mod object;
mod tiles;

use std::io;
use std::path::{Path, PathBuf};

pub use object::ArchiveObject;

use crate::following;
use crate::signed::note_text;
use crate::tree::{Growing, Hash, TILE_WIDTH, Tiles as _, leaf_hash, tile_path};
use crate::verify::OnDisk;
use lines::Lines;
pub use tiles::tiles_since;

/// Where logs lie below a journal's directory, those of its [readers](crate::READERS) too, sorted.
///
/// # Errors
/// If the directory cannot be read.
pub fn logs(journal: &Path) -> io::Result<Vec<String>> {
    following::logs(journal)
}

/// One log of a journal, read for an archive. What it gives is named by where the log lies in the journal.
#[derive(Debug)]
pub struct ArchivedLog {
    place: String,
    directory: PathBuf,
    lines: Lines,
}

/// The latest checkpoint of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// How many lines it signs.
    pub size: u64,
    /// The signed note.
    pub note: String,
}

/// The next lines of a log.
#[derive(Debug)]
pub struct Piece {
    /// The number of its first line.
    pub first: u64,
    /// The number of the line where the next piece begins.
    pub next: u64,
    /// The lines with their line feeds; none if they are not in the journal any more.
    pub object: Option<ArchiveObject>,
}

impl ArchivedLog {
    /// The log that lies at `place` below the journal's directory.
    pub fn new(journal: &Path, place: &str) -> Self {
        let directory = journal.join(place);
        Self {
            place: place.to_owned(),
            lines: Lines::new(&directory),
            directory,
        }
    }

    /// The latest checkpoint; none before the first. What lies before its end does not change any more.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn signed(&self) -> io::Result<Option<Signed>> {
        let note = match std::fs::read_to_string(self.directory.join("checkpoint")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            note => note?,
        };
        let size = note_text(&note).and_then(|text| text.lines().nth(1)?.parse().ok());
        Ok(size.map(|size| Signed { size, note }))
    }

    /// Whether it has ended. Asked before [`signed`](Self::signed), it says that no more will be signed.
    pub fn is_closed(&self) -> bool {
        self.directory.join("closed").exists()
    }

    /// The certificate of the log's key.
    ///
    /// # Errors
    /// If it cannot be read, or is no signed note.
    pub fn certificate(&self) -> io::Result<ArchiveObject> {
        let text = std::fs::read(self.directory.join("certificate"))?;
        ArchiveObject::note(format!("{}/certificate", self.place), text)
            .ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// A checkpoint under the name of its size.
    pub fn checkpoint(&self, signed: &Signed) -> Option<ArchiveObject> {
        let name = format!("{}/checkpoint/{:020}", self.place, signed.size);
        ArchiveObject::note(name, signed.note.clone().into_bytes())
    }

    /// The lines from number `first` on, before `end`, of one segment and some MiB at most. Blocks on the disk.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn piece(&mut self, first: u64, end: u64) -> io::Result<Piece> {
        let (lines, next) = self.lines.read(first, end, PIECE)?;
        let object = (!lines.is_empty()).then(|| {
            let last = next.saturating_sub(1);
            let name = format!("{}/segments/{first:020}-{last:020}.jsonl", self.place);
            ArchiveObject::lines(name, lines)
        });
        Ok(Piece {
            first,
            next,
            object,
        })
    }

    /// A tile of the tree, from its file; where the checkpointer has replaced that, or the disk has lost it, made again of
    /// the lines. None if those are lost too. Blocks on the disk.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn tile(
        &mut self,
        (level, index, width): (u8, u64, u64),
    ) -> io::Result<Option<ArchiveObject>> {
        let name = format!("{}/{}", self.place, tile_path(level, index, width));
        let hashes = self.hashes(level, index, width)?;
        Ok(hashes.map(|hashes| ArchiveObject::tile(name, &hashes)))
    }

    fn hashes(&mut self, level: u8, index: u64, width: u64) -> io::Result<Option<Vec<Hash>>> {
        let wanted = usize::try_from(width).unwrap_or(usize::MAX);
        let held = OnDisk(self.directory.clone()).tile(level, index, width);
        if let Some(mut hashes) = held.filter(|hashes| hashes.len() >= wanted) {
            hashes.truncate(wanted);
            return Ok(Some(hashes));
        }
        let first = index.saturating_mul(TILE_WIDTH);
        let end = first.saturating_add(width);
        let Some(below) = level.checked_sub(1) else {
            return self.leaves(first, end);
        };
        let mut hashes = Vec::new();
        for at in first..end {
            match self.hashes(below, at, TILE_WIDTH)? {
                Some(full) => hashes.push(root(&full)),
                None => return Ok(None),
            }
        }
        Ok(Some(hashes))
    }

    fn leaves(&self, first: u64, end: u64) -> io::Result<Option<Vec<Hash>>> {
        let (mut lines, mut at, mut hashes) = (Lines::new(&self.directory), first, Vec::new());
        while at < end {
            let (bytes, next) = lines.read(at, end, PIECE)?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let whole = bytes.split_inclusive(|byte| *byte == b'\n');
            hashes.extend(whole.map(|line| leaf_hash(line.strip_suffix(b"\n").unwrap_or(line))));
            at = next;
        }
        Ok(Some(hashes))
    }
}

/// The root over a full tile's hashes.
fn root(hashes: &[Hash]) -> Hash {
    let mut tree = Growing::default();
    for hash in hashes {
        tree.push(*hash, &mut Vec::new());
    }
    tree.root()
}

/// Bytes after which a piece ends. In memory as a whole while it is sent.
const PIECE: usize = 4 * 1024 * 1024;

#[cfg(test)]
mod tests;
