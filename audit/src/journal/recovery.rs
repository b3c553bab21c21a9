//! What a crash left at the end of the last segment, found and cut off when the journal opens. It
//! must not lose a byte that may have been acknowledged.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use serde::Deserialize;

use super::{
    Opening,
    directory::{Directory, DiskFile},
    segments::{OpenSegment, SegmentFile as _},
};

/// Reads the last segment. Gives what was found and the segment, mended, unless a new one is to be
/// begun.
pub(super) fn recover(directory: &Directory) -> io::Result<(Opening, Option<OpenSegment>)> {
    let Some((path, first_seq)) = directory.last()? else {
        return Ok((
            Opening {
                next_seq: 1,
                ..Opening::default()
            },
            None,
        ));
    };
    let scan = Scan::of(&path, first_seq)?;
    let segment = path.display();
    if scan.lines_behind {
        tracing::error!(%segment, at = scan.whole, "the audit segment is damaged; it is left so");
        let opening = Opening {
            next_seq: scan.next_seq,
            torn_bytes: 0,
            damaged: Some(path),
        };
        return Ok((opening, None));
    }
    let mut file = DiskFile::reopen(path.clone())?;
    if scan.torn > 0 {
        tracing::warn!(%segment, bytes = scan.torn, "cutting a torn end off the audit segment");
        set_aside(&path, scan.whole)?;
        file.cut(scan.whole)?;
    }
    let opening = Opening {
        next_seq: scan.next_seq,
        torn_bytes: scan.torn,
        damaged: None,
    };
    Ok((
        opening,
        Some(OpenSegment {
            file: Box::new(file),
            committed: scan.whole,
            torn: false,
        }),
    ))
}

/// Keeps what is about to be cut off in a file of its own: most likely a batch that a crash tore,
/// but who looks for the reason of a loss wants to see it.
fn set_aside(segment: &Path, from: u64) -> io::Result<()> {
    let mut torn = File::open(segment)?;
    torn.seek(SeekFrom::Start(from))?;
    let path = segment.with_extension(format!("torn-{from}"));
    let mut kept = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    io::copy(&mut torn, &mut kept)?;
    kept.sync_all()
}

/// What a segment holds.
struct Scan {
    /// Bytes of whole lines, in order from the first.
    whole: u64,
    /// Bytes behind them.
    torn: u64,
    /// Whether whole lines lie behind them too: then it is no torn end, but damage.
    lines_behind: bool,
    next_seq: u64,
}

impl Scan {
    fn of(path: &Path, first_seq: u64) -> io::Result<Self> {
        let mut scan = Self {
            whole: 0,
            torn: 0,
            lines_behind: false,
            next_seq: first_seq,
        };
        let mut reader = BufReader::new(File::open(path)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if length == 0 {
                return Ok(scan);
            }
            scan.take(&line, u64::try_from(length).unwrap_or(u64::MAX));
        }
    }

    fn take(&mut self, line: &[u8], length: u64) {
        let seq = seq_of(line);
        if self.torn == 0 && seq == Some(self.next_seq) {
            self.whole = self.whole.saturating_add(length);
            self.next_seq = self.next_seq.saturating_add(1);
            return;
        }
        self.torn = self.torn.saturating_add(length);
        if let Some(seq) = seq {
            self.lines_behind = true;
            self.next_seq = self.next_seq.max(seq.saturating_add(1));
        }
    }
}

/// The `seq` of a whole line.
fn seq_of(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct Head {
        seq: u64,
    }
    let line = line.strip_suffix(b"\n")?;
    serde_json::from_slice::<Head>(line)
        .ok()
        .map(|head| head.seq)
}
