//! What one disk has of a log and another has not, copied: the same lines in the same segments. It must not lose a
//! byte that differs, nor take a line that is not in its place.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::closing::{ends_the_log, set_aside};
use super::device::Whole;
use super::directory::Directory;
use super::disk::{Batch, Disk};
use super::home::LogPlace;
use super::segments::file_name;
use super::writer::head_of_line;
use crate::tree::leaf_hash;

/// From which disk to which.
pub(super) struct Copying<'a> {
    from: &'a Whole,
    to: &'a LogPlace,
    segments: Vec<(u64, PathBuf)>,
}

/// A segment on the disk that has all.
struct Source {
    first: u64,
    path: PathBuf,
    /// Bytes of it that count.
    length: u64,
    /// The first line behind it.
    end: u64,
}

impl<'a> Copying<'a> {
    /// Looks at what there is.
    pub(super) fn new(from: &'a Whole, to: &'a LogPlace) -> io::Result<Self> {
        let segments = Directory::new(from.place.segments()).segments()?;
        Ok(Self { from, to, segments })
    }

    /// Copies onto the disk all that it has not. Gives how many bytes.
    pub(super) fn onto(&self, disk: &mut Disk) -> io::Result<u64> {
        if disk.segments.next_seq() == 0 {
            self.set_strays_aside()?;
        }
        let mut copied = 0_u64;
        while disk.segments.next_seq() < self.from.end.next {
            let next = disk.segments.next_seq();
            let source = self.source(next)?;
            let offset = match disk.segments.end() {
                Some((first, offset)) if first == source.first => offset,
                _ if source.first == next => {
                    disk.segments.finish();
                    self.adopt(&source, disk)?
                }
                _ => return Err(io::ErrorKind::InvalidData.into()),
            };
            let rest = self.rest(&source, offset, disk)?;
            copied = copied.saturating_add(rest);
            if disk.segments.next_seq() < source.end {
                return Err(io::Error::other("the other disk lacks lines too"));
            }
        }
        Ok(copied)
    }

    /// The segment with line `next`.
    fn source(&self, next: u64) -> io::Result<Source> {
        let behind = self.segments.partition_point(|(first, _)| *first <= next);
        let (first, path) = behind
            .checked_sub(1)
            .and_then(|at| self.segments.get(at))
            .ok_or(io::ErrorKind::NotFound)?;
        let open = *first == self.from.end.first;
        let following = self.segments.get(behind).map(|(first, _)| *first);
        Ok(Source {
            first: *first,
            path: path.clone(),
            length: if open {
                self.from.end.bytes
            } else {
                fs::metadata(path)?.len()
            },
            end: following.filter(|_| !open).unwrap_or(self.from.end.next),
        })
    }

    /// Keeps what this disk has of a segment, as far as it is the same. Gives how many bytes that are.
    fn adopt(&self, source: &Source, disk: &mut Disk) -> io::Result<u64> {
        let path = self.to.segments().join(file_name(source.first));
        let there = match File::open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
            there => there?,
        };
        let length = there.metadata()?.len();
        let mut there = BufReader::new(there);
        let mut lines = Lines::new(source, 0, &self.from.place.name)?;
        let (mut same, mut found) = (Batch::default(), Vec::new());
        while let Some(line) = lines.next(source.first.saturating_add(same.count()))? {
            found.clear();
            there.by_ref().take(LINE).read_until(b'\n', &mut found)?;
            if found != line {
                break;
            }
            same.leaves
                .push(leaf_hash(line.strip_suffix(b"\n").unwrap_or(line)));
            same.stops = ends_the_log(&found);
            lines.taken = lines
                .taken
                .saturating_add(u64::try_from(found.len()).unwrap_or(0));
        }
        let kept = lines.taken;
        if !only_room(&path, kept)? {
            set_aside(&path, kept, length.saturating_sub(kept))?;
        }
        disk.segments.adopt(kept, same.count())?;
        disk.tell(&same);
        Ok(kept)
    }

    /// Copies a segment from `offset` on. Gives how many bytes.
    fn rest(&self, source: &Source, offset: u64, disk: &mut Disk) -> io::Result<u64> {
        let mut lines = Lines::new(source, offset, &self.from.place.name)?;
        let mut copied = 0_u64;
        loop {
            let mut batch = Batch::default();
            while batch.lines.len() < BLOCK {
                let next = disk.segments.next_seq().saturating_add(batch.count());
                let Some(line) = lines.next(next)? else { break };
                batch
                    .leaves
                    .push(leaf_hash(line.strip_suffix(b"\n").unwrap_or(line)));
                batch.stops = ends_the_log(line);
                batch.lines.extend_from_slice(line);
            }
            if batch.lines.is_empty() {
                return Ok(copied);
            }
            disk.extend(&batch)?;
            copied = copied.saturating_add(u64::try_from(batch.lines.len()).unwrap_or(u64::MAX));
        }
    }

    /// Segments that the other disk has not were begun for lines that nobody was told are on record.
    fn set_strays_aside(&self) -> io::Result<()> {
        for (first, path) in Directory::new(self.to.segments()).segments()? {
            if !self.segments.iter().any(|(known, _)| *known == first) {
                if !only_room(&path, 0)? {
                    set_aside(&path, 0, fs::metadata(&path)?.len())?;
                }
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }
}

/// The lines of a segment, each checked to be in its place.
struct Lines {
    reader: io::Take<BufReader<File>>,
    log: String,
    line: Vec<u8>,
    taken: u64,
}

impl Lines {
    fn new(source: &Source, offset: u64, log: &str) -> io::Result<Self> {
        let mut reader = BufReader::new(File::open(&source.path)?);
        reader.seek(SeekFrom::Start(offset))?;
        Ok(Self {
            reader: reader.take(source.length.saturating_sub(offset)),
            log: log.to_owned(),
            line: Vec::new(),
            taken: 0,
        })
    }

    /// The next line, with its line feed, which must be line `seq`; `None` at the end.
    fn next(&mut self, seq: u64) -> io::Result<Option<&[u8]>> {
        self.line.clear();
        self.reader.read_until(b'\n', &mut self.line)?;
        if self.line.last() != Some(&b'\n') {
            return Ok(None);
        }
        if !self
            .line
            .starts_with(head_of_line(&self.log, seq).as_bytes())
        {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(Some(&self.line))
    }
}

/// Whether nothing but room for lines lies behind the first `from` bytes.
fn only_room(path: &Path, from: u64) -> io::Result<bool> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut reader = BufReader::new(file);
    loop {
        let block = reader.fill_buf()?;
        if block.iter().any(|byte| *byte != super::closing::HOLE) {
            return Ok(false);
        }
        match block.len() {
            0 => return Ok(true),
            length => reader.consume(length),
        }
    }
}

/// Bytes that are made durable together.
const BLOCK: usize = 1 << 20;

/// No line is longer.
const LINE: u64 = 16 * 1024;
