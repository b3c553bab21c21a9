//! One tenant's lines with the proof of each, for an auditor who may see nothing of other tenants: made from a trail's
//! files without any key, and verified without the trail.

use std::collections::BTreeMap;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::files::{Place, ReadError, Trail, each_line};
use super::findings::{Code, Report};
use super::lines::Head;
use crate::journal::chain_name;
use crate::signed::{Checkpoint, VerifyingKey, certified_key, note_text};
use crate::tree::{Growing, Hash, Tile, Tiles, inclusion_proof, leaf_hash, verify_inclusion};

/// An extract: JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Extract {
    /// [`EXTRACT`].
    pub kind: String,
    /// Whose lines.
    pub tenant: String,
    /// The logs in which the tenant has lines.
    pub logs: Vec<LogExtract>,
}

/// The tenant's part of one log.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LogExtract {
    /// The log's name.
    pub log: String,
    /// The certificate of its key.
    pub certificate: String,
    /// Its checkpoint.
    pub checkpoint: String,
    /// The tenant's lines, in order.
    pub lines: Vec<Proved>,
    /// The last line that says where the tenant's chain ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heads: Option<Proved>,
}

/// A line and the hashes that lead from it to the checkpoint's root, in base64.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proved {
    /// The line, without its line feed.
    pub line: String,
    /// The proof.
    pub hashes: Vec<String>,
}

/// Makes the extract of a tenant from a trail's files. Lines that no checkpoint signs yet are left out.
///
/// # Errors
/// If the directory cannot be read, or holds no log.
pub fn extract(directory: &Path, tenant: &str) -> Result<Extract, ReadError> {
    extract_logs(directory, tenant, |_| true)
}

/// The same of some of the logs, by their names.
///
/// # Errors
/// If the directory cannot be read, or holds no log.
pub fn extract_logs(
    directory: &Path,
    tenant: &str,
    wanted: impl Fn(&str) -> bool,
) -> Result<Extract, ReadError> {
    let trail = Trail::find(directory)?;
    let mut logs = Vec::new();
    for (name, place) in trail.logs.iter().filter(|(name, _)| wanted(name)) {
        logs.extend(of_log(name, place, tenant)?);
    }
    Ok(Extract {
        kind: EXTRACT.to_owned(),
        tenant: tenant.to_owned(),
        logs,
    })
}

/// Verifies an extract: every line is in its log, and none between the first and the proved end is missing.
pub fn verify_extract(extract: &Extract, key: &VerifyingKey) -> Report {
    let mut report = Report::default();
    for log in &extract.logs {
        verify_log(&extract.tenant, log, key, &mut report);
    }
    report.findings.sort();
    report
}

fn of_log(name: &str, place: &Place, tenant: &str) -> Result<Option<LogExtract>, ReadError> {
    let (certificate, checkpoint) = (place.text("certificate"), place.text("checkpoint"));
    let (Some(certificate), Some(checkpoint)) = (certificate, checkpoint) else {
        return Ok(None);
    };
    let size = note_text(&checkpoint)
        .and_then(|text| text.lines().nth(1))
        .and_then(|size| size.parse().ok())
        .unwrap_or(0_u64);
    let chain = chain_name(name, tenant);
    let (mut tree, mut full) = (Growing::default(), Vec::new());
    let (mut own, mut heads) = (Vec::new(), None);
    for (_, segment) in place.segments()? {
        each_line(&segment, |line, _| {
            if tree.size() >= size {
                return;
            }
            let seq = tree.size();
            tree.push(leaf_hash(line), &mut full);
            let Ok(head) = serde_json::from_slice::<Head>(line) else {
                return;
            };
            let text = String::from_utf8_lossy(line).into_owned();
            if head.tenant == tenant {
                own.push((seq, text));
            } else if head.kind == "tenant.heads" && text.contains(&chain) {
                heads = Some((seq, text));
            }
        })?;
    }
    full.extend(tree.partial());
    let tiles = Kept(full.into_iter().map(keyed).collect());
    let proved = |(seq, line): (u64, String)| {
        // Where lines are missing there is no proof, and the verifier says so.
        let hashes = inclusion_proof(&tiles, seq, size).unwrap_or_default();
        let hashes = hashes.iter().map(|hash| STANDARD.encode(hash)).collect();
        Proved { line, hashes }
    };
    Ok((!own.is_empty()).then(|| LogExtract {
        log: name.to_owned(),
        certificate,
        checkpoint,
        lines: own.into_iter().map(proved).collect(),
        heads: heads.map(proved),
    }))
}

fn keyed(tile: Tile) -> ((u8, u64), Vec<Hash>) {
    ((tile.level, tile.index), tile.hashes)
}

struct Kept(BTreeMap<(u8, u64), Vec<Hash>>);

impl Tiles for Kept {
    fn tile(&self, level: u8, index: u64, _: u64) -> Option<Vec<Hash>> {
        self.0.get(&(level, index)).cloned()
    }
}

fn verify_log(tenant: &str, log: &LogExtract, key: &VerifyingKey, report: &mut Report) {
    report.logs = report.logs.saturating_add(1);
    let Some(checkpoint) = checked(log, key, report) else {
        return;
    };
    let mut leaves: Vec<Hash> = Vec::new();
    for proved in &log.lines {
        let Some((head, leaf)) = in_log(&log.log, proved, &checkpoint) else {
            let at = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
            report.of_lines(Code::LineAltered, &log.log, at, at);
            return;
        };
        let next = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        let previous = leaves
            .last()
            .map(|leaf| STANDARD.encode(leaf))
            .unwrap_or_default();
        if head.tenant != tenant || head.tseq != next || head.tprev != previous {
            let finding = report.found(Code::Chain, &log.log);
            (finding.first, finding.last) = (Some(head.seq), Some(head.seq));
            finding.what = Some(tenant.to_owned());
            return;
        }
        leaves.push(leaf);
        report.lines = report.lines.saturating_add(1);
        report.signed = report.signed.saturating_add(1);
    }
    ends(tenant, log, &checkpoint, &leaves, report);
}

/// The log's checkpoint, if it is the log's, by a key that the deployment certified.
pub(super) fn checked(
    log: &LogExtract,
    key: &VerifyingKey,
    report: &mut Report,
) -> Option<Checkpoint> {
    let origin = format!("{}/{}", key.name(), log.log);
    let log_key = certified_key(&log.certificate, key).ok();
    let Some((_, log_key)) = log_key.filter(|(certified, _)| *certified == origin) else {
        report.found(Code::Certificate, &log.log);
        return None;
    };
    let checkpoint = Checkpoint::open(&log.checkpoint, &log_key).ok();
    let checkpoint = checkpoint.filter(|checkpoint| checkpoint.origin == origin);
    if checkpoint.is_none() {
        report.found(Code::Checkpoint, &log.log);
    }
    checkpoint
}

/// Whether the extract goes to where the log says that the chain ends.
fn ends(
    tenant: &str,
    log: &LogExtract,
    checkpoint: &Checkpoint,
    leaves: &[Hash],
    report: &mut Report,
) {
    let Some(heads) = &log.heads else {
        // The log goes on, or a crash ended it before it was said.
        report.found(Code::Running, &log.log);
        return;
    };
    let Some((head, _)) = in_log(&log.log, heads, checkpoint) else {
        report.found(Code::Heads, &log.log);
        return;
    };
    let end = head
        .detail
        .get("heads")
        .and_then(|heads| heads.get(chain_name(&log.log, tenant)));
    let number = |at: usize| end.and_then(|end| end.get(at));
    let count = number(0)
        .and_then(serde_json::Value::as_u64)
        .unwrap_or(u64::MAX);
    let last = usize::try_from(count)
        .ok()
        .and_then(|count| leaves.get(count.checked_sub(1)?));
    let said = number(1).and_then(serde_json::Value::as_str);
    match last {
        Some(leaf) if Some(STANDARD.encode(leaf).as_str()) == said => {
            if count < u64::try_from(leaves.len()).unwrap_or(u64::MAX) {
                report.found(Code::Running, &log.log);
            }
        }
        Some(_) => drop(report.found(Code::Heads, &log.log)),
        None => {
            let reached = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
            report.of_lines(
                Code::LinesMissing,
                &log.log,
                reached,
                count.saturating_sub(1),
            );
        }
    }
}

/// The line's head and leaf, if it is in the log where it says.
pub(super) fn in_log(log: &str, proved: &Proved, checkpoint: &Checkpoint) -> Option<(Head, Hash)> {
    let head: Head = serde_json::from_str(&proved.line).ok()?;
    let hash = |hash: &String| STANDARD.decode(hash).ok()?.try_into().ok();
    let hashes: Vec<Hash> = proved.hashes.iter().map(hash).collect::<Option<_>>()?;
    let leaf = leaf_hash(proved.line.as_bytes());
    verify_inclusion(&leaf, head.seq, checkpoint.size, &hashes, &checkpoint.root).ok()?;
    head.is_of(log).then_some((head, leaf))
}

/// The kind of an extract.
pub const EXTRACT: &str = "sealgate audit extract v1";
