//! The lines of one log as its segments hold them: each in its place, or what became of it. It must not know the
//! tree.

use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::files::{Place, ReadError, each_line};
use super::findings::{Code, Report};
use crate::journal::HOLE;
use crate::tree::{Hash, leaf_hash};

/// What a verifier reads in a line.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Head {
    v: u64,
    log: String,
    pub(super) seq: u64,
    pub(super) hlc: String,
    pub(super) tseq: u64,
    pub(super) tprev: String,
    pub(super) id: Uuid,
    pub(super) kind: String,
    pub(super) intent_ref: Option<Uuid>,
    #[serde(default)]
    pub(super) tenant: String,
    #[serde(default)]
    pub(super) detail: Map<String, Value>,
}

impl Head {
    /// Whether it is a line of this form, of this log.
    pub(super) fn is_of(&self, log: &str) -> bool {
        self.v == VERSION && self.log == log
    }
}

/// A line in its place.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) leaf: Hash,
    pub(super) head: Head,
}

/// All lines of a log by `seq`; `None` where there is none or it is none.
pub(super) type Lines = Vec<Option<Line>>;

/// Reads a log's segments. `signed`: how many lines there must be at least.
pub(super) fn read(
    log: &str,
    place: &Place,
    signed: u64,
    report: &mut Report,
) -> Result<Lines, ReadError> {
    let segments = place.segments()?;
    let mut lines = Lines::new();
    let mut next = segments
        .iter()
        .skip(1)
        .map(|(first, _)| Some(*first))
        .chain([None]);
    for (first, path) in &segments {
        let reached = count(&lines);
        if *first > reached {
            report.of_lines(Code::SegmentMissing, log, reached, first.saturating_sub(1));
        }
        resize(&mut lines, *first);
        let bound = next.next().flatten();
        segment(log, *first, bound, signed, path, &mut lines, report)?;
    }
    let reached = count(&lines);
    if reached < signed {
        report.of_lines(Code::SegmentMissing, log, reached, signed.saturating_sub(1));
        resize(&mut lines, signed);
    }
    Ok(lines)
}

/// Puts each line of a segment in its place, and says what is missing between `first` and `bound`, where the next
/// segment begins.
fn segment(
    log: &str,
    first: u64,
    bound: Option<u64>,
    signed: u64,
    path: &Path,
    lines: &mut Lines,
    report: &mut Report,
) -> Result<(), ReadError> {
    let (mut strays, mut torn, mut ended) = (0_u64, false, false);
    each_line(path, |line, whole| {
        // Behind all that is signed a hole begins what a crash tore, or what is being written; nobody was told of that.
        let unsigned = bound.is_none() && count(lines) >= signed;
        ended = ended || (unsigned && line.contains(&HOLE));
        if ended {
            return;
        }
        if !whole {
            torn = true;
            return;
        }
        let head = serde_json::from_slice::<Head>(line).ok().filter(|head| {
            let within = head.seq >= first && bound.is_none_or(|bound| head.seq < bound);
            // Without a bound a number far off would ask for room for all before it.
            let near = head.seq <= count(lines).saturating_add(FAR);
            head.is_of(log) && within && near
        });
        let at = head
            .as_ref()
            .and_then(|head| usize::try_from(head.seq).ok());
        let (Some(head), Some(at)) = (head, at) else {
            strays = strays.saturating_add(1);
            return;
        };
        resize(lines, head.seq.saturating_add(1));
        let leaf = leaf_hash(line);
        if let Some(place @ None) = lines.get_mut(at) {
            *place = Some(Line { leaf, head });
        } else {
            strays = strays.saturating_add(1);
        }
    })?;
    let reached = count(lines);
    // Behind all that is signed it is a line that is being written.
    if torn && (bound.is_some() || reached < signed) {
        strays = strays.saturating_add(1);
    }
    let inner = if strays > 0 {
        Code::LineAltered
    } else {
        Code::LinesMissing
    };
    for (from, to) in holes(lines, first, reached) {
        report.of_lines(inner, log, from, to);
    }
    // Behind the last line: a line that is none, or lines that are not there.
    let end = bound.unwrap_or_else(|| signed.max(reached.saturating_add(strays)));
    if end > reached && (bound.is_some() || strays > 0) {
        let code = if strays > 0 {
            Code::LineAltered
        } else {
            Code::SegmentMissing
        };
        report.of_lines(code, log, reached, end.saturating_sub(1));
        resize(lines, end);
    }
    Ok(())
}

/// Ranges of places without a line, from `first` to before `end`.
pub(super) fn holes(lines: &Lines, first: u64, end: u64) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    let places = (0_u64..)
        .zip(lines)
        .filter(|(seq, line)| *seq >= first && *seq < end && line.is_none());
    for (seq, _) in places {
        match ranges.last_mut() {
            Some((_, last)) if last.saturating_add(1) == seq => *last = seq,
            _ => ranges.push((seq, seq)),
        }
    }
    ranges
}

pub(super) fn count(lines: &Lines) -> u64 {
    u64::try_from(lines.len()).unwrap_or(u64::MAX)
}

fn resize(lines: &mut Lines, length: u64) {
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if lines.len() < length {
        lines.resize(length, None);
    }
}

const VERSION: u64 = 2;

/// Lines that may be missing in a row within the last segment.
const FAR: u64 = 1 << 24;
