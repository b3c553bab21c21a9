//! One log: its certificate, checkpoint, tiles and lines against each other, and what its lines say of each other.

use std::collections::{BTreeMap, HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

use super::files::{Place, ReadError};
use super::findings::{Code, Report};
use super::lines::{self, Head, Line, Lines, count};
use crate::journal::chain_name;
use crate::signed::{Checkpoint, VerifyingKey, certified_key};
use crate::tree::{Growing, Hash, Tile, tile_path, tiles_of};

/// What is remembered of a log for what spans logs.
#[derive(Debug)]
pub(super) struct Checked {
    /// Leaf hashes by `seq`, where a line is there and not altered.
    pub(super) leaves: Vec<Option<Hash>>,
    started: Option<String>,
    stopped: bool,
    open: BTreeMap<Uuid, u64>,
    reconciled: HashSet<Uuid>,
}

/// Verifies one log by itself.
pub(super) fn verify(
    log: &str,
    place: &Place,
    key: &VerifyingKey,
    report: &mut Report,
) -> Result<Checked, ReadError> {
    let checkpoint = checkpoint(log, place, key, report);
    let signed = checkpoint.as_ref().map_or(0, |checkpoint| checkpoint.size);
    let mut lines = lines::read(log, place, signed, report)?;
    if let Some(checkpoint) = &checkpoint {
        tree(log, place, checkpoint, &mut lines, report);
    }
    let reached = count(&lines);
    if reached > signed {
        report.of_lines(Code::UnsignedTail, log, signed, reached.saturating_sub(1));
    }
    report.logs = report.logs.saturating_add(1);
    report.lines = report.lines.saturating_add(count_present(&lines));
    report.signed = report.signed.saturating_add(signed);
    Ok(story(log, &lines, report))
}

/// Logs that did not end, and intents that have no end, among all logs.
pub(super) fn ends(logs: &BTreeMap<String, Checked>, report: &mut Report) {
    let reconciled: HashSet<Uuid> = logs
        .values()
        .flat_map(|log| log.reconciled.iter().copied())
        .collect();
    for (name, log) in logs {
        let replica = replica_of(name);
        let followed = logs.iter().any(|(other, after)| {
            other != name && replica_of(other) == replica && after.started > log.started
        });
        if !log.stopped {
            report.found(
                if followed {
                    Code::UncleanEnd
                } else {
                    Code::Running
                },
                name,
            );
        }
        if log.stopped || followed {
            let mut open: Vec<u64> = log
                .open
                .iter()
                .filter(|(id, _)| !reconciled.contains(*id))
                .map(|(_, seq)| *seq)
                .collect();
            open.sort_unstable();
            for seq in open {
                report.of_lines(Code::OpenIntent, name, seq, seq);
            }
        }
    }
}

fn replica_of(log: &str) -> &str {
    log.rsplitn(3, '-').nth(2).unwrap_or(log)
}

fn count_present(lines: &Lines) -> u64 {
    u64::try_from(lines.iter().flatten().count()).unwrap_or(u64::MAX)
}

fn checkpoint(
    log: &str,
    place: &Place,
    key: &VerifyingKey,
    report: &mut Report,
) -> Option<Checkpoint> {
    let origin = format!("{}/{log}", key.name());
    let log_key = match place.text("certificate") {
        None => {
            report.of(Code::FileMissing, log, "certificate");
            None
        }
        Some(note) => match certified_key(&note, key) {
            Ok((certified, log_key)) if certified == origin => Some(log_key),
            _ => {
                report.found(Code::Certificate, log);
                None
            }
        },
    };
    let Some(note) = place.text("checkpoint") else {
        report.of(Code::FileMissing, log, "checkpoint");
        return None;
    };
    match Checkpoint::open(&note, &log_key?) {
        Ok(checkpoint) if checkpoint.origin == origin => Some(checkpoint),
        _ => {
            report.found(Code::Checkpoint, log);
            None
        }
    }
}

/// Lines and tiles against the signed root. Lines that were altered leave their places.
fn tree(log: &str, place: &Place, checkpoint: &Checkpoint, lines: &mut Lines, report: &mut Report) {
    let size = usize::try_from(checkpoint.size).unwrap_or(usize::MAX);
    let mut tiles: Tiles = BTreeMap::new();
    for (level, index, width) in tiles_of(checkpoint.size) {
        match read_tile(place, level, index, width) {
            Some(hashes) => {
                tiles.insert((level, index), hashes);
            }
            None => report.of(Code::TileMissing, log, tile_path(level, index, width)),
        }
    }
    let of_lines: Option<Vec<Hash>> = lines
        .iter()
        .take(size)
        .map(|line| line.as_ref().map(|line| line.leaf))
        .collect();
    let of_tiles: Option<Vec<Hash>> = tiles_of(checkpoint.size)
        .into_iter()
        .filter(|(level, ..)| *level == 0)
        .map(|(level, index, _)| tiles.get(&(level, index)).cloned())
        .collect::<Option<Vec<Vec<Hash>>>>()
        .map(|tiles| tiles.concat());
    let leads = |leaves: &Option<Vec<Hash>>| {
        let (root, grown) = grow(leaves.as_deref()?);
        (root == checkpoint.root).then_some(grown)
    };
    if let Some(grown) = leads(&of_lines) {
        compare_tiles(log, &tiles, &grown, report);
    } else if let (Some(grown), Some(leaves)) = (leads(&of_tiles), &of_tiles) {
        // The tiles are what was signed; so lines that differ are not.
        let mut altered = Vec::new();
        for ((seq, line), leaf) in (0_u64..).zip(lines.iter_mut()).zip(leaves) {
            if line.as_ref().is_some_and(|line| line.leaf != *leaf) {
                *line = None;
                altered.push(seq);
            }
        }
        for (first, last) in ranges(&altered) {
            report.of_lines(Code::LineAltered, log, first, last);
        }
        compare_tiles(log, &tiles, &grown, report);
    } else if of_lines.is_some() || of_tiles.is_some() {
        report.found(Code::Root, log);
    }
}

type Tiles = BTreeMap<(u8, u64), Vec<Hash>>;

fn read_tile(place: &Place, level: u8, index: u64, width: u64) -> Option<Vec<Hash>> {
    // A partial tile may have been replaced by the full one.
    let bytes = place
        .bytes(&tile_path(level, index, width))
        .or_else(|| place.bytes(&tile_path(level, index, crate::tree::TILE_WIDTH)))?;
    let width = usize::try_from(width).ok()?;
    let (hashes, rest) = bytes.as_chunks::<32>();
    // One of another length is not what was written.
    Some(if rest.is_empty() {
        hashes.iter().take(width).copied().collect()
    } else {
        Vec::new()
    })
}

/// The root over these leaves, and all tiles.
fn grow(leaves: &[Hash]) -> (Hash, Tiles) {
    let (mut tree, mut full) = (Growing::default(), Vec::new());
    for leaf in leaves {
        tree.push(*leaf, &mut full);
    }
    full.extend(tree.partial());
    let tiles = full.into_iter().map(
        |Tile {
             level,
             index,
             hashes,
         }| ((level, index), hashes),
    );
    (tree.root(), tiles.collect())
}

fn compare_tiles(log: &str, tiles: &Tiles, expected: &Tiles, report: &mut Report) {
    for ((level, index), hashes) in tiles {
        let right = expected.get(&(*level, *index));
        if right != Some(hashes) {
            let width = right.map_or(0, |right| u64::try_from(right.len()).unwrap_or(u64::MAX));
            report.of(Code::TilesAltered, log, tile_path(*level, *index, width));
        }
    }
}

/// Numbers in order, as ranges.
fn ranges(numbers: &[u64]) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.saturating_add(1) == *number => *last = *number,
            _ => ranges.push((*number, *number)),
        }
    }
    ranges
}

/// Where a tenant's chain is.
struct Link {
    next: u64,
    last: Hash,
}

/// What the lines say of each other: chains, time, gaps, intents and their ends.
fn story(log: &str, lines: &Lines, report: &mut Report) -> Checked {
    let mut checked = Checked {
        leaves: lines
            .iter()
            .map(|line| line.as_ref().map(|line| line.leaf))
            .collect(),
        started: None,
        stopped: false,
        open: BTreeMap::new(),
        reconciled: HashSet::new(),
    };
    let mut chains: HashMap<&str, Link> = HashMap::new();
    // Since a line that is not there, any chain may have gone on.
    let (mut unsure, mut any_missing) = (HashSet::new(), false);
    let mut clock = "";
    for line in lines {
        let Some(Line { head, leaf }) = line else {
            unsure = chains.keys().copied().collect();
            (any_missing, checked.stopped) = (true, false);
            continue;
        };
        if head.hlc.as_str() <= clock {
            report.of_lines(Code::Clock, log, head.seq, head.seq);
        }
        clock = &head.hlc;
        checked.started.get_or_insert_with(|| head.hlc.clone());
        let is_sure = !unsure.remove(head.tenant.as_str());
        if !continues(head, chains.get(head.tenant.as_str()), is_sure, any_missing) {
            let finding = report.found(Code::Chain, log);
            (finding.first, finding.last) = (Some(head.seq), Some(head.seq));
            finding.what = Some(head.tenant.clone());
        }
        if head.kind == "tenant.heads" && !heads_agree(log, head, &chains, &unsure, any_missing) {
            report.of_lines(Code::Heads, log, head.seq, head.seq);
        }
        chains.insert(
            &head.tenant,
            Link {
                next: head.tseq.saturating_add(1),
                last: *leaf,
            },
        );
        take(log, head, &mut checked, report);
    }
    checked
}

fn continues(head: &Head, link: Option<&Link>, is_sure: bool, any_missing: bool) -> bool {
    match link {
        None if any_missing => true,
        None => head.tseq == 0 && head.tprev.is_empty(),
        Some(link) if head.tseq == link.next => head.tprev == STANDARD.encode(link.last),
        Some(link) => !is_sure && head.tseq > link.next,
    }
}

/// Whether each end that the line names is the end of a chain that is known.
fn heads_agree(
    log: &str,
    head: &Head,
    chains: &HashMap<&str, Link>,
    unsure: &HashSet<&str>,
    any_missing: bool,
) -> bool {
    let named = head
        .detail
        .get("heads")
        .and_then(serde_json::Value::as_object);
    let known: HashMap<String, (&Link, bool)> = chains
        .iter()
        .filter(|(tenant, _)| !tenant.is_empty())
        .map(|(tenant, link)| (chain_name(log, tenant), (link, unsure.contains(tenant))))
        .collect();
    named.into_iter().flatten().all(|(name, end)| {
        let Some((link, is_unsure)) = known.get(name) else {
            return any_missing;
        };
        let (next, last) = (end.get(0), end.get(1));
        let agrees = next.and_then(serde_json::Value::as_u64) == Some(link.next)
            && last.and_then(serde_json::Value::as_str) == Some(&STANDARD.encode(link.last));
        agrees || *is_unsure
    })
}

fn take(log: &str, head: &Head, checked: &mut Checked, report: &mut Report) {
    let of_several = head
        .detail
        .get("of_several")
        .and_then(serde_json::Value::as_bool);
    match head.kind.as_str() {
        "intent" => {
            checked.open.insert(head.id, head.seq);
        }
        "outcome" if of_several != Some(true) => {
            if let Some(intent) = head.intent_ref {
                checked.open.remove(&intent);
            }
        }
        "reconcile" => checked.reconciled.extend(head.intent_ref),
        "audit.gap" => {
            let count = head.detail.get("count").and_then(serde_json::Value::as_u64);
            report.of(Code::Gap, log, count.unwrap_or_default().to_string());
        }
        _ => {}
    }
    checked.stopped = head.kind == "replica.stop";
}
