//! Reading a journal behind its writer: whole lines that a checkpoint signs, each once, from where a cursor says. It
//! takes no part in writing and must not know what lines mean.

mod cursor;

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

pub use cursor::Cursor;

use crate::signed::note_text;

/// A line of the trail as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// In which log.
    pub log: String,
    /// Its number there.
    pub seq: u64,
    /// The number of the first line of its segment, which names that.
    pub segment: u64,
    /// Where it begins in the segment, in bytes.
    pub offset: u64,
    /// The line itself, without its line feed.
    pub text: String,
}

/// Below a journal's directory: the logs of those who read the trail with the keys, while a replica may be writing its own.
pub const READERS: &str = "readers";

/// A reader of all logs of a journal, those of its [readers](READERS) too. What it gives is signed, hence durable: it can be
/// proved to whoever is told. Logs are told apart by where they lie in the journal.
#[derive(Debug)]
pub struct Follower {
    journal: PathBuf,
    /// The journal's directory on a second disk, which has the same lines.
    second: Option<PathBuf>,
    cursor: Cursor,
    open: Option<Open>,
    /// Logs that have ended and were read to their end.
    finished: HashSet<String>,
}

/// The segment that is being read. Nothing is read ahead: what lies behind the signed lines may still change.
#[derive(Debug)]
struct Open {
    log: String,
    first: u64,
    next: u64,
    offset: u64,
    file: File,
}

impl Follower {
    /// Goes on in `journal` where the cursor says.
    pub fn new(journal: &Path, cursor: Cursor) -> Self {
        Self {
            journal: journal.to_owned(),
            second: None,
            cursor,
            open: None,
            finished: HashSet::new(),
        }
    }

    /// With the journal's directory on a second disk: a segment that the first has lost is read there.
    #[must_use]
    pub fn beside(self, second: Option<PathBuf>) -> Self {
        Self { second, ..self }
    }

    /// Where it goes on: behind all lines that it has given.
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The next lines, all of one log, `most` of them at most; none where there are no more yet. Blocks on the disk.
    ///
    /// # Errors
    /// If the journal cannot be read. The same lines come next time.
    pub fn read(&mut self, most: usize) -> io::Result<Vec<Line>> {
        let logs = logs(&self.journal)?;
        self.cursor.keep_only(&logs);
        for log in logs {
            if self.finished.contains(&log) {
                continue;
            }
            let place = self.journal.join(&log);
            // Asked first: what is closed gets no more lines.
            let closed = place.join("closed").exists();
            let end = signed(&place)?;
            while self.cursor.next(&log) < end {
                let lines = self.of_log(&log, end, most)?;
                if !lines.is_empty() {
                    return Ok(lines);
                }
            }
            if closed {
                self.finished.insert(log);
            }
        }
        Ok(Vec::new())
    }

    /// How many signed lines it has not given yet.
    ///
    /// # Errors
    /// If the journal cannot be read.
    pub fn behind(&self) -> io::Result<u64> {
        let mut behind = 0_u64;
        for log in logs(&self.journal)? {
            if self.finished.contains(&log) {
                continue;
            }
            let end = signed(&self.journal.join(&log))?;
            behind = behind.saturating_add(end.saturating_sub(self.cursor.next(&log)));
        }
        Ok(behind)
    }

    /// Lines of one log, before `end`. None: nothing readable is left of the segment, and the cursor is behind it.
    fn of_log(&mut self, log: &str, end: u64, most: usize) -> io::Result<Vec<Line>> {
        let next = self.cursor.next(log);
        let at_hand = self
            .open
            .take()
            .filter(|open| open.log == log && open.next == next);
        let mut open = match at_hand {
            Some(open) => open,
            None => match Self::seek(&self.journal, log, next)? {
                Found::Segment(open) => open,
                Found::Behind(first) => {
                    self.skip(log, next, first.min(end))?;
                    return Ok(Vec::new());
                }
            },
        };
        let lines = open.read(most, end)?;
        self.cursor.set(log, open.next);
        if lines.is_empty() {
            // This segment is at its end, and signed lines follow: in the next one, or nowhere.
            let following = segments(&self.journal.join(log))?;
            let later = following
                .iter()
                .map(|(first, _)| *first)
                .find(|first| *first > open.first);
            let goes_on = later.unwrap_or(end).min(end);
            if goes_on > next {
                self.skip(log, next, goes_on)?;
            }
            return Ok(lines);
        }
        self.open = Some(open);
        Ok(lines)
    }

    /// Goes on with these lines on the second disk, or behind them if they are nowhere. The second disk is asked only
    /// here: while it hangs, what the first has is read.
    fn skip(&mut self, log: &str, from: u64, to: u64) -> io::Result<()> {
        if let Some(second) = &self.second
            && let Some(open) = there(second, log, from, to)?
        {
            self.open = Some(open);
            return Ok(());
        }
        tracing::error!(
            log,
            from,
            to,
            "signed lines are not in the journal any more; going on behind them"
        );
        self.cursor.set(log, to);
        Ok(())
    }

    /// The segment with line `next`, read up to it, or the first line that there is behind it.
    fn seek(journal: &Path, log: &str, next: u64) -> io::Result<Found> {
        let segments = segments(&journal.join(log))?;
        let within = segments.iter().rev().find(|(first, _)| *first <= next);
        let behind = segments.iter().find(|(first, _)| *first > next);
        let behind = behind.map_or(u64::MAX, |(first, _)| *first);
        let Some((first, path)) = within else {
            return Ok(Found::Behind(behind));
        };
        let mut open = Open {
            log: log.to_owned(),
            first: *first,
            next: *first,
            offset: 0,
            file: File::open(path)?,
        };
        while open.next < next {
            let wanted = usize::try_from(next.saturating_sub(open.next)).unwrap_or(usize::MAX);
            if open.read(wanted.min(MANY), next)?.is_empty() {
                return Ok(Found::Behind(behind));
            }
        }
        Ok(Found::Segment(open))
    }
}

impl Open {
    /// Reads `most` lines at most, of those before `end`.
    fn read(&mut self, most: usize, end: u64) -> io::Result<Vec<Line>> {
        let mut reader = BufReader::with_capacity(1 << 16, &self.file);
        reader.seek(SeekFrom::Start(self.offset))?;
        let mut lines = Vec::new();
        while lines.len() < most && self.next < end {
            let mut bytes = Vec::new();
            let length = reader.read_until(b'\n', &mut bytes)?;
            if bytes.pop() != Some(b'\n') {
                break;
            }
            lines.push(Line {
                log: name_of(&self.log).to_owned(),
                seq: self.next,
                segment: self.first,
                offset: self.offset,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            });
            self.next = self.next.saturating_add(1);
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            self.offset = self.offset.saturating_add(length);
        }
        Ok(lines)
    }
}

/// The segment with line `next`, if it has that line. A disk that does not answer may have it: that is an error.
fn there(journal: &Path, log: &str, next: u64, end: u64) -> io::Result<Option<Open>> {
    let mut open = match Follower::seek(journal, log, next) {
        Ok(Found::Segment(open)) => open,
        Ok(Found::Behind(_)) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound && journal.is_dir() => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let (at, offset) = (open.next, open.offset);
    let has_it = !open.read(1, end)?.is_empty();
    (open.next, open.offset) = (at, offset);
    Ok(has_it.then_some(open))
}

enum Found {
    Segment(Open),
    Behind(u64),
}

/// How many lines of a log its latest checkpoint signs.
fn signed(log: &Path) -> io::Result<u64> {
    let note = match fs::read_to_string(log.join("checkpoint")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        note => note?,
    };
    let size = note_text(&note).and_then(|text| text.lines().nth(1)?.parse().ok());
    Ok(size.unwrap_or(0))
}

/// Where logs lie below the journal's directory, sorted. Those of readers of whose directory this process may see nothing
/// are left out: whoever follows the others must not wait for that.
pub(crate) fn logs(journal: &Path) -> io::Result<Vec<String>> {
    let mut logs = logs_in(journal)?;
    match logs_in(&journal.join(READERS)) {
        Ok(readers) => logs.extend(readers.iter().map(|log| format!("{READERS}/{log}"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
        Err(error) => return Err(error),
    }
    logs.sort();
    Ok(logs)
}

fn logs_in(directory: &Path) -> io::Result<Vec<String>> {
    let mut logs = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if let Ok(name) = entry.file_name().into_string()
            && entry.path().join(SEGMENTS).is_dir()
        {
            logs.push(name);
        }
    }
    Ok(logs)
}

/// Where a log of a journal lies, by the name that lines have for it: one of the replica's own, or of its [readers](READERS).
pub fn place_of(journal: &Path, log: &str) -> PathBuf {
    let own = journal.join(log);
    if own.is_dir() {
        return own;
    }
    journal.join(READERS).join(log)
}

/// What lines call a log.
fn name_of(place: &str) -> &str {
    place.rsplit('/').next().unwrap_or(place)
}

pub(crate) fn segments(log: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(log.join(SEGMENTS))? {
        let path = entry?.path();
        let first = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".jsonl")?.parse().ok());
        if let Some(first) = first {
            segments.push((first, path));
        }
    }
    segments.sort();
    Ok(segments)
}

const SEGMENTS: &str = "segments";
/// Lines that are read at once where they are only passed by.
const MANY: usize = 4096;

#[cfg(test)]
mod tests;
