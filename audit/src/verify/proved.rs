//! Single lines with the proof that they are on the trail: what a search gives, and how it is checked. Unlike an extract it
//! says nothing of lines that it does not show.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::extract::{Extract, LogExtract, Proved, checked, in_log};
use super::findings::{Code, Report};
use crate::following::place_of;
use crate::signed::{VerifyingKey, note_text};
use crate::tree::{Hash, Tiles, inclusion_proof, tile_path};

/// The kind of lines that are proved one by one.
pub const LINES: &str = "sealgate audit lines v1";

/// A line of a trail, as it is stored.
#[derive(Clone, Debug)]
pub struct Found {
    /// In which log.
    pub log: String,
    /// Its number there.
    pub seq: u64,
    /// The line itself.
    pub line: String,
}

/// Why a line cannot be proved.
#[derive(Debug, thiserror::Error)]
#[error(
    "line {seq} of {log} is not under a checkpoint, or tiles that would prove it are not there"
)]
pub struct Unproved {
    /// The log.
    pub log: String,
    /// The line.
    pub seq: u64,
}

/// Proves lines of one tenant by the tiles of a journal, each log under its latest checkpoint.
///
/// # Errors
/// If a line is not signed yet, or tiles are missing.
pub fn prove_lines(journal: &Path, tenant: &str, found: &[Found]) -> Result<Extract, Unproved> {
    let mut by_log: BTreeMap<&str, Vec<&Found>> = BTreeMap::new();
    for one in found {
        by_log.entry(&one.log).or_default().push(one);
    }
    let logs = by_log
        .into_iter()
        .map(|(log, found)| of_log(journal, log, &found));
    Ok(Extract {
        kind: LINES.to_owned(),
        tenant: tenant.to_owned(),
        logs: logs.collect::<Result<_, _>>()?,
    })
}

/// Verifies that each line is in its log, and of the tenant.
pub fn verify_lines(lines: &Extract, key: &VerifyingKey) -> Report {
    let mut report = Report::default();
    for log in &lines.logs {
        report.logs = report.logs.saturating_add(1);
        let Some(checkpoint) = checked(log, key, &mut report) else {
            continue;
        };
        for (at, proved) in (0_u64..).zip(&log.lines) {
            let holds = in_log(&log.log, proved, &checkpoint);
            if holds.is_some_and(|(head, _)| head.tenant == lines.tenant) {
                report.lines = report.lines.saturating_add(1);
                report.signed = report.signed.saturating_add(1);
            } else {
                report.of_lines(Code::LineAltered, &log.log, at, at);
            }
        }
    }
    report.findings.sort();
    report
}

/// The journal goes on meanwhile and replaces its checkpoint and its last tiles: then it is tried again.
fn of_log(journal: &Path, log: &str, found: &[&Found]) -> Result<LogExtract, Unproved> {
    let mut last = Err(Unproved {
        log: log.to_owned(),
        seq: found.first().map_or(0, |one| one.seq),
    });
    for _ in 0..TRIES {
        last = try_log(&place_of(journal, log), log, found);
        if last.is_ok() {
            break;
        }
    }
    last
}

fn try_log(place: &Path, log: &str, found: &[&Found]) -> Result<LogExtract, Unproved> {
    let unproved = |seq| Unproved {
        log: log.to_owned(),
        seq,
    };
    let text = |name: &str| fs::read_to_string(place.join(name)).map_err(|_| unproved(0));
    let (certificate, checkpoint) = (text("certificate")?, text("checkpoint")?);
    let size = note_text(&checkpoint)
        .and_then(|text| text.lines().nth(1)?.parse().ok())
        .unwrap_or(0);
    let tiles = OnDisk(place.to_owned());
    let lines = found.iter().map(|one| {
        let hashes = inclusion_proof(&tiles, one.seq, size).map_err(|_| unproved(one.seq))?;
        Ok(Proved {
            line: one.line.clone(),
            hashes: hashes.iter().map(|hash| STANDARD.encode(hash)).collect(),
        })
    });
    Ok(LogExtract {
        log: log.to_owned(),
        certificate,
        lines: lines.collect::<Result<_, _>>()?,
        checkpoint,
        heads: None,
    })
}

/// The tiles of a log, whole ones and the widest of partial ones.
pub(crate) struct OnDisk(pub(crate) PathBuf);

impl Tiles for OnDisk {
    fn tile(&self, level: u8, index: u64, width: u64) -> Option<Vec<Hash>> {
        let whole = self.0.join(tile_path(level, index, u64::MAX));
        let bytes = fs::read(whole).ok().or_else(|| {
            let partial = self.0.join(tile_path(level, index, width.min(1)));
            let widths = fs::read_dir(partial.parent()?).ok()?.flatten();
            let widths = widths.filter_map(|entry| entry.file_name().to_str()?.parse::<u64>().ok());
            let widest = widths.max().filter(|widest| *widest >= width)?;
            fs::read(self.0.join(tile_path(level, index, widest))).ok()
        })?;
        let (hashes, rest) = bytes.as_chunks::<32>();
        rest.is_empty().then(|| hashes.to_vec())
    }
}

const TRIES: usize = 5;
