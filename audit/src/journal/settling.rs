//! Compares, before either end is signed, what two disks hold of a log that its run did not close. A disk that failed
//! while it wrote, and could not cut that off either, holds lines that nobody was told are on record, where the other
//! went on with others. It must not touch what a checkpoint signs.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use super::closing::{HOLE, set_aside, without_room};
use super::directory::{Directory, DiskFile};
use super::home::{CHECKPOINT, CLOSED, Home, LogPlace, sync_directory};
use super::segments::SegmentFile as _;
use super::sign::Signing;
use crate::signed::Checkpoint;
use crate::tree::{Growing, leaf_hash};

/// Where the lines of two disks part.
pub(super) struct Fork {
    /// How many lines they have in common.
    common: u64,
    /// Where the next one is on either: the segment and the bytes before it.
    next: [(PathBuf, u64); 2],
}

/// Sets aside the end of a log that only one disk has, where the other's is signed and this one is not. Gives the names of
/// the logs whose ends stay different: they must not be signed any further.
pub(super) fn settle(homes: [&Home; 2], signing: &Signing) -> io::Result<BTreeSet<String>> {
    let mut differing = BTreeSet::new();
    for log in homes[0].logs()? {
        let places = homes.map(|home| home.place(&log.name));
        match settle_log(&places, signing) {
            Ok(true) => {}
            Ok(false) => {
                tracing::error!(
                    log = log.name,
                    "the disks of the audit journal hold different ends of a log; they are left so and not signed"
                );
                differing.insert(log.name);
            }
            Err(error) => {
                tracing::error!(%error, log = log.name, "the ends of an audit log cannot be compared");
            }
        }
    }
    Ok(differing)
}

/// Whether the disks hold one log, as far as both go.
fn settle_log([a, b]: &[LogPlace; 2], signing: &Signing) -> io::Result<bool> {
    let are_closed = a.read(CLOSED)?.is_some() && b.read(CLOSED)?.is_some();
    if are_closed || !b.segments().is_dir() {
        return Ok(true);
    }
    let Some(fork) = fork(a, b)? else {
        return Ok(true);
    };
    for (loser, winner, (path, at)) in [(a, b, &fork.next[0]), (b, a, &fork.next[1])] {
        if is_loose(loser, fork.common, signing)? && is_proven(winner, fork.common, signing)? {
            tracing::warn!(
                log = loser.name,
                segment = %path.display(),
                "setting aside lines that were not recorded and that the other disk does not have"
            );
            drop_end(loser, path, *at)?;
            return Ok(true);
        }
    }
    Ok(false)
}

/// Where two disks differ in what they both have, if they do. What a crash tore is not compared.
pub(super) fn fork(a: &LogPlace, b: &LogPlace) -> io::Result<Option<Fork>> {
    let (mut of_a, mut of_b) = (Lines::of(a)?, Lines::of(b)?);
    let mut common = 0_u64;
    while of_a.step()? && of_b.step()? {
        if of_a.line != of_b.line {
            let next = [of_a.position(), of_b.position()];
            return Ok(Some(Fork { common, next }));
        }
        common = common.saturating_add(1);
    }
    Ok(None)
}

/// Whether nothing behind the first `common` lines is signed on that disk.
fn is_loose(place: &LogPlace, common: u64, signing: &Signing) -> io::Result<bool> {
    if place.read(CLOSED)?.is_some() {
        return Ok(false);
    }
    if place.read(CHECKPOINT)?.is_none() {
        return Ok(true);
    }
    let signed = checkpoint(place, signing)?;
    Ok(signed.is_some_and(|signed| signed.size <= common))
}

/// Whether a checkpoint signs the disk's lines beyond the first `common`: these lines, and not what somebody made of them.
fn is_proven(place: &LogPlace, common: u64, signing: &Signing) -> io::Result<bool> {
    let Some(signed) = checkpoint(place, signing)?.filter(|signed| signed.size > common) else {
        return Ok(false);
    };
    let (mut lines, mut tree, mut tiles) = (Lines::of(place)?, Growing::default(), Vec::new());
    while tree.size() < signed.size && lines.step()? {
        tree.push(leaf_hash(&lines.line), &mut tiles);
        tiles.clear();
    }
    Ok(tree.size() == signed.size && tree.root() == signed.root)
}

/// The latest checkpoint of a log on a disk, if it is of the log's own key.
pub(super) fn checkpoint(place: &LogPlace, signing: &Signing) -> io::Result<Option<Checkpoint>> {
    let note = place.read(CHECKPOINT)?.unwrap_or_default();
    let note = String::from_utf8(note).ok();
    let key = signing.key(&place.name);
    let opened = note.zip(key);
    Ok(opened.and_then(|(note, key)| Checkpoint::open(&note, key.verifying()).ok()))
}

/// Keeps what is behind a place beside the segments, and then cuts it off: from the end on, so that a crash in between
/// leaves no hole.
fn drop_end(place: &LogPlace, path: &Path, at: u64) -> io::Result<()> {
    let segments = Directory::new(place.segments()).segments()?;
    for (_, segment) in segments.iter().rev() {
        let is_cut = segment == path;
        let from = if is_cut { at } else { 0 };
        let bytes = without_room(&fs::read(segment)?).len();
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        set_aside(segment, from, bytes.saturating_sub(from))?;
        sync_directory(&place.segments())?;
        if is_cut {
            return DiskFile::reopen(segment.clone())?.cut(at);
        }
        fs::remove_file(segment)?;
        sync_directory(&place.segments())?;
    }
    Ok(())
}

/// The whole lines of a log on a disk, one after the other, up to what a crash tore.
struct Lines {
    /// Those that are not read yet, the next one last.
    segments: Vec<PathBuf>,
    open: Option<BufReader<File>>,
    path: PathBuf,
    /// Where the line begins, and the next.
    at: u64,
    end: u64,
    /// Without its line feed.
    line: Vec<u8>,
}

impl Lines {
    fn of(place: &LogPlace) -> io::Result<Self> {
        let segments = Directory::new(place.segments()).segments()?;
        Ok(Self {
            segments: segments.into_iter().rev().map(|(_, path)| path).collect(),
            open: None,
            path: PathBuf::new(),
            at: 0,
            end: 0,
            line: Vec::new(),
        })
    }

    /// Goes to the next line; false where there is none.
    fn step(&mut self) -> io::Result<bool> {
        loop {
            let Some(reader) = &mut self.open else {
                let Some(path) = self.segments.pop() else {
                    return Ok(false);
                };
                self.open = Some(BufReader::new(File::open(&path)?));
                (self.path, self.end) = (path, 0);
                continue;
            };
            self.line.clear();
            let length = reader.read_until(b'\n', &mut self.line)?;
            self.at = self.end;
            self.end = self
                .end
                .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            if self.line.pop_if(|last| *last == b'\n').is_some() && !self.line.contains(&HOLE) {
                return Ok(true);
            }
            if !without_room(&self.line).is_empty() {
                // Torn: what follows is none of it.
                self.segments.clear();
            }
            self.open = None;
        }
    }

    fn position(&self) -> (PathBuf, u64) {
        (self.path.clone(), self.at)
    }
}
