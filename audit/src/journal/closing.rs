//! Closes the logs that earlier runs left: cuts off what a crash tore, signs what is there, and lists the intents
//! without an outcome. It must not lose a byte that may have been acknowledged.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::directory::{Directory, DiskFile};
use super::home::{CHECKPOINT, CLOSED, LogPlace, OPEN_INTENTS};
use super::segments::SegmentFile as _;
use super::sign::Signing;
use crate::signed::Checkpoint;
use crate::tree::{Growing, leaf_hash};

/// How a log ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Its name.
    pub log: String,
    /// How many lines it has.
    pub size: u64,
    /// Whether its replica ended it.
    pub clean: bool,
    /// Bytes cut off its end: lines that a crash tore and nobody was told are recorded.
    pub torn_bytes: u64,
    /// The file that is damaged before its end, if one is. It is left as it is.
    pub damaged: Option<PathBuf>,
    /// How many intents had no outcome.
    pub open_intents: u64,
}

/// Closes a log that its replica did not; `None` if it is closed. Nothing is signed if its end is `disputed`: if another
/// disk has another one.
pub(super) fn close(
    place: &LogPlace,
    signing: &Signing,
    disputed: bool,
) -> io::Result<Option<Closed>> {
    if place.read(CLOSED)?.is_some() {
        return Ok(None);
    }
    let mut scan = Scan::default();
    let note = place.read(CHECKPOINT)?;
    let signed = note
        .as_deref()
        .and_then(|note| signed_size(note, place, signing));
    // Where a checkpoint is damaged too, nothing is taken for what a crash tore.
    let unsigned_from = if note.is_some() { signed } else { Some(0) };
    let segments = Directory::new(place.segments()).segments()?;
    for (n, (first, path)) in segments.iter().enumerate() {
        let is_last = n.saturating_add(1) == segments.len();
        scan.segment(*first, path, unsigned_from.filter(|_| is_last))?;
    }
    let mut closed = Closed {
        log: place.name.clone(),
        clean: scan.stopped,
        damaged: scan.damaged.clone(),
        open_intents: u64::try_from(scan.open.len()).unwrap_or(u64::MAX),
        ..Closed::default()
    };
    if closed.damaged.is_some() {
        tracing::error!(
            log = place.name,
            "an audit log is damaged before its end; it is left so"
        );
    } else if let Some(Torn { path, whole, bytes }) = scan.torn.take() {
        if bytes > 0 {
            tracing::warn!(
                log = place.name,
                bytes,
                "cutting a torn end off an audit log"
            );
            set_aside(&path, whole, bytes)?;
        }
        DiskFile::reopen(path)?.cut(whole)?;
        closed.torn_bytes = bytes;
    }
    closed.size = scan.tree.size();
    if !scan.open.is_empty() {
        let mut lines: Vec<(u64, Vec<u8>)> = scan.open.into_values().collect();
        lines.sort_unstable();
        place.write(
            OPEN_INTENTS,
            &lines
                .into_iter()
                .flat_map(|(_, line)| line)
                .collect::<Vec<_>>(),
        )?;
    }
    if closed.damaged.is_none() && closed.size > 0 && !disputed {
        sign_the_rest(place, signing, signed, &scan.tree, scan.tiles)?;
    }
    place.write(CLOSED, &serde_json::to_vec(&closed)?)?;
    Ok(Some(closed))
}

/// How many lines a checkpoint signs; `None` of one that is not of the log's own key.
fn signed_size(note: &[u8], place: &LogPlace, signing: &Signing) -> Option<u64> {
    let key = signing.key(&place.name)?;
    let signed = Checkpoint::open(std::str::from_utf8(note).ok()?, key.verifying());
    Some(signed.ok()?.size)
}

/// Never a checkpoint of fewer lines than were signed already: what is missing must stay missing for all to see.
fn sign_the_rest(
    place: &LogPlace,
    signing: &Signing,
    signed: Option<u64>,
    tree: &Growing,
    tiles: Vec<crate::tree::Tile>,
) -> io::Result<()> {
    if signed.is_some_and(|signed| signed >= tree.size()) {
        return Ok(());
    }
    for tile in tiles.iter().chain(&tree.partial()) {
        super::sign::write_tile(place, tile)?;
    }
    signing.checkpoint(place, tree).map(drop)
}

/// Keeps what is about to be cut off in a file of its own: most likely a batch that a crash tore, but who looks for
/// the reason of a loss wants to see it.
pub(super) fn set_aside(segment: &Path, from: u64, bytes: u64) -> io::Result<()> {
    let mut torn = File::open(segment)?;
    torn.seek(SeekFrom::Start(from))?;
    let path = segment.with_extension(format!("torn-{from}"));
    let mut kept = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    io::copy(&mut torn.take(bytes), &mut kept)?;
    kept.sync_all()
}

/// What is to be cut off a segment.
struct Torn {
    path: PathBuf,
    /// The bytes of its whole lines.
    whole: u64,
    /// How many follow that are not only room for more lines.
    bytes: u64,
}

/// What a log holds.
#[derive(Default)]
struct Scan {
    tree: Growing,
    tiles: Vec<crate::tree::Tile>,
    /// What is behind the whole lines of the last segment.
    torn: Option<Torn>,
    /// The segment in which, or before which, lines are missing or are no lines, with whole ones behind.
    damaged: Option<PathBuf>,
    /// Intents without an outcome: where and what.
    open: HashMap<Uuid, (u64, Vec<u8>)>,
    stopped: bool,
}

#[derive(Deserialize)]
struct Head {
    seq: u64,
    id: Uuid,
    kind: String,
    intent_ref: Option<Uuid>,
    /// Of an outcome of one key among several, which leaves its intent open.
    #[serde(default)]
    detail: Detail,
}

#[derive(Default, Deserialize)]
struct Detail {
    #[serde(default)]
    of_several: bool,
}

impl Scan {
    /// Reads a segment. Behind `unsigned_from`, in the last one, a piece with a hole begins a batch that a crash tore:
    /// its pages reach the disk in any order, so whole lines may follow what did not. Nobody was told that they are on
    /// record, for then the hole would be too.
    fn segment(&mut self, first: u64, path: &Path, unsigned_from: Option<u64>) -> io::Result<()> {
        if let Some(torn) = self.torn.take().filter(|torn| torn.bytes > 0) {
            // Something follows, so it is no torn end.
            self.damaged.get_or_insert(torn.path);
        }
        if first != self.tree.size() {
            self.damaged.get_or_insert_with(|| path.to_owned());
        }
        let mut reader = BufReader::new(File::open(path)?);
        let (mut line, mut whole, mut torn, mut room) = (Vec::new(), 0_u64, 0_u64, 0_u64);
        let mut holed = false;
        loop {
            line.clear();
            let length = reader.read_until(b'\n', &mut line)?;
            if length == 0 {
                break;
            }
            room = u64::try_from(length - without_room(&line).len()).unwrap_or(u64::MAX);
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            let unsigned = unsigned_from.is_some_and(|from| from <= self.tree.size());
            holed = holed || (torn == 0 && unsigned && line.contains(&HOLE));
            let head = head_of(&line).filter(|_| !holed);
            match head {
                Some(head) if torn == 0 && head.seq == self.tree.size() => {
                    whole = whole.saturating_add(length);
                    self.take(&head, &line);
                }
                Some(_) => {
                    self.damaged.get_or_insert_with(|| path.to_owned());
                }
                None => torn = torn.saturating_add(length),
            }
        }
        self.torn = (torn > 0).then(|| Torn {
            path: path.to_owned(),
            whole,
            bytes: torn.saturating_sub(room),
        });
        Ok(())
    }

    fn take(&mut self, head: &Head, line: &[u8]) {
        match head.kind.as_str() {
            "intent" => {
                self.open.insert(head.id, (head.seq, line.to_vec()));
            }
            "outcome" | "reconcile" if !head.detail.of_several => {
                if let Some(intent) = head.intent_ref {
                    self.open.remove(&intent);
                }
            }
            _ => {}
        }
        self.stopped = head.kind == STOP;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        self.tree.push(leaf_hash(line), &mut self.tiles);
    }
}

/// What a place of a segment holds to which nothing was written; no line holds it.
pub(crate) const HOLE: u8 = 0;

/// A segment's last piece without the zeros that are room for more lines.
pub(crate) fn without_room(piece: &[u8]) -> &[u8] {
    let end = piece.iter().rposition(|byte| *byte != HOLE);
    end.and_then(|end| piece.get(..=end)).unwrap_or_default()
}

/// Whether a whole line is the last of its log.
pub(super) fn ends_the_log(line: &[u8]) -> bool {
    head_of(line).is_some_and(|head| head.kind == STOP)
}

/// The head of a whole line.
fn head_of(line: &[u8]) -> Option<Head> {
    serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
}

const STOP: &str = "replica.stop";
