//! Segment files: where the next batch goes, and what is owed to the disk after it failed. It must
//! not know what a line says, nor wait for anything but the disk.

use std::{io, path::Path};

/// Where segments lie. A seam, so that tests can have a failing disk.
pub(super) trait Volume: Send {
    /// A new, empty segment of that name, itself durable.
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;
    /// One that is there, cut to `length` bytes.
    fn reopen(&self, name: &str, length: u64) -> io::Result<Box<dyn SegmentFile>>;
}

/// One segment, open for appending.
pub(super) trait SegmentFile: Send {
    /// Writes at the end; part of it may be written when this fails.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes what was appended durable.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file to `length` bytes, durably.
    fn cut(&mut self, length: u64) -> io::Result<()>;
    /// What the directory shows where the file should be.
    fn placement(&self) -> io::Result<Placement>;
    /// Gives back the room behind the lines, durably: nothing more will be written.
    fn finish(&mut self) -> io::Result<()>;
}

/// What became of a segment since it was written last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Placement {
    /// It is where it was, with this many bytes.
    InPlace {
        /// Bytes, without the room that was taken for more of them.
        length: u64,
    },
    /// Its name is gone or names another file.
    Replaced,
}

/// Where a log's lines end on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// The first line of the open segment,
    pub(super) first: u64,
    /// how many bytes of it are lines,
    pub(super) bytes: u64,
    /// and the line that comes next.
    pub(super) next: u64,
}

/// The chain of segments, at its writing end.
pub(super) struct Segments {
    volume: Box<dyn Volume>,
    segment_bytes: u64,
    next_seq: u64,
    open: Option<OpenSegment>,
}

/// The segment that is written to.
struct OpenSegment {
    file: Box<dyn SegmentFile>,
    /// The `seq` of its first line.
    first: u64,
    /// Bytes that were committed; what lies behind them was never acknowledged.
    committed: u64,
    /// Whether bytes may lie behind the committed ones that have to be cut off before the next
    /// batch.
    torn: bool,
}

impl Segments {
    /// Those of a new log.
    pub(super) fn new(volume: Box<dyn Volume>, segment_bytes: u64) -> Self {
        Self {
            volume,
            segment_bytes,
            next_seq: 0,
            open: None,
        }
    }

    /// The `seq` of the next line.
    pub(super) fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Appends `count` lines, given as one block, and makes them durable: all of them or, on an
    /// error, none. Where the open segment is not what we left, a new one is begun if `begin_anew`, else it is an error.
    pub(super) fn commit(&mut self, lines: &[u8], count: u64, begin_anew: bool) -> io::Result<()> {
        // Where it cannot be mended now it stays open: what is torn must not be left behind.
        if let Some(segment) = &mut self.open
            && !segment.is_ready()?
        {
            if !begin_anew {
                return Err(io::Error::other("the segment is not what was left there"));
            }
            tracing::error!("beginning a new audit segment");
            self.open = None;
        }
        if self
            .open
            .as_ref()
            .is_some_and(|segment| segment.committed >= self.segment_bytes)
        {
            self.finish();
        }
        self.extend(lines, count)
    }

    /// The same, behind the last line of the open segment, of which nothing is asked.
    pub(super) fn extend(&mut self, lines: &[u8], count: u64) -> io::Result<()> {
        let segment = self.opened()?;
        let outcome = segment
            .file
            .append(lines)
            .and_then(|()| segment.file.sync());
        if let Err(error) = outcome {
            segment.torn = true;
            // At once if the disk lets us, so that a crash now leaves no line without an answer.
            segment.mend().unwrap_or_else(|error| {
                tracing::error!(%error, "cannot cut torn lines off the audit segment yet");
            });
            return Err(error);
        }
        let length = u64::try_from(lines.len()).unwrap_or(u64::MAX);
        segment.committed = segment.committed.saturating_add(length);
        self.next_seq = self.next_seq.saturating_add(count);
        Ok(())
    }

    /// Ends the open segment.
    pub(super) fn finish(&mut self) {
        if let Some(mut segment) = self.open.take()
            && let Err(error) = segment.mend().and_then(|()| segment.file.finish())
        {
            // Zeros stay behind its lines; whoever reads it knows that they are none.
            tracing::warn!(%error, "an audit segment cannot be finished");
        }
    }

    /// Where the lines end: the open segment's first line and its bytes.
    pub(super) fn end(&self) -> Option<(u64, u64)> {
        let open = self.open.as_ref();
        open.map(|segment| (segment.first, segment.committed))
    }

    /// The same, in all.
    pub(super) fn placed(&self) -> Placed {
        let (first, bytes) = self.end().unwrap_or((self.next_seq, 0));
        Placed {
            first,
            bytes,
            next: self.next_seq,
        }
    }

    /// Whether the open segment is what we left, with nothing torn behind it; so is none.
    pub(super) fn is_as_left(&mut self) -> io::Result<bool> {
        self.open.as_mut().map_or(Ok(true), OpenSegment::is_ready)
    }

    /// Forgets all: the log's lines come again from the first on.
    pub(super) fn restart(&mut self) {
        self.open = None;
        self.next_seq = 0;
    }

    /// Goes on in a segment that is there: its first `length` bytes are the next `count` lines.
    pub(super) fn adopt(&mut self, length: u64, count: u64) -> io::Result<()> {
        let file = self.volume.reopen(&file_name(self.next_seq), length)?;
        self.open = Some(OpenSegment {
            file,
            first: self.next_seq,
            committed: length,
            torn: false,
        });
        self.next_seq = self.next_seq.saturating_add(count);
        Ok(())
    }

    /// The open segment, or a new one.
    fn opened(&mut self) -> io::Result<&mut OpenSegment> {
        let segment = if let Some(segment) = self.open.take() {
            segment
        } else {
            let file = self.volume.create(&file_name(self.next_seq))?;
            OpenSegment {
                file,
                first: self.next_seq,
                committed: 0,
                torn: false,
            }
        };
        Ok(self.open.insert(segment))
    }
}

impl OpenSegment {
    /// Whether the next batch may go here; on an error nothing may be written anywhere yet.
    fn is_ready(&mut self) -> io::Result<bool> {
        let Placement::InPlace { length } = self.file.placement()? else {
            tracing::error!("the audit segment was removed or replaced");
            return Ok(false);
        };
        let committed = self.committed;
        if length < committed || (length > committed && !self.torn) {
            tracing::error!(length, committed, "others changed the audit segment");
            return Ok(false);
        }
        self.mend()?;
        Ok(true)
    }

    fn mend(&mut self) -> io::Result<()> {
        if self.torn {
            self.file.cut(self.committed)?;
            self.torn = false;
        }
        Ok(())
    }
}

/// A segment is named by the `seq` of its first line, in 20 digits, so that names sort as segments
/// follow.
pub(super) fn file_name(first_seq: u64) -> String {
    format!("{first_seq:020}{SUFFIX}")
}

/// The `seq` of the first line, if `path` is named as a segment.
pub(super) fn first_seq(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    let in_digits = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| in_digits)
}

const SUFFIX: &str = ".jsonl";
const DIGITS: usize = 20;
