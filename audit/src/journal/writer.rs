//! The journal's thread: takes every event that waits, makes them one write and one sync on each disk, and answers all.
//! It gives each line its place: in the log, in its tenant's chain, and in time. It must not know files.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::devices::{Committed, Devices};
use super::disk::Batch;
use super::health::Health;
use super::queue::{Arrivals, Lost, Waiting};
use crate::event::LineError;
use crate::tree::{Hash, leaf_hash, sha256};
use crate::{AuditKey, Event, Kind};

/// A line on disk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Its number in the log.
    pub seq: u64,
    /// The line itself, without its line feed, where it was asked for.
    pub line: String,
}

pub(super) struct Writer {
    devices: Devices,
    arrivals: Arrivals,
    health: Arc<Health>,
    /// The log's name, and how its lines begin.
    log: String,
    head: String,
    /// For lines that the writer makes.
    key: AuditKey,
    chains: HashMap<String, Link>,
    clock: u64,
    heads_at: u64,
    lines: Vec<u8>,
}

/// Where a tenant's chain ends.
#[derive(Clone, Copy)]
struct Link {
    next: u64,
    last: Hash,
}

/// What a batch adds, should it be committed.
struct Draft {
    chains: HashMap<String, Link>,
    leaves: Vec<Hash>,
    clock: u64,
    seq: u64,
    stops: bool,
}

impl Writer {
    pub(super) fn new(
        devices: Devices,
        arrivals: Arrivals,
        health: Arc<Health>,
        log: &str,
        key: AuditKey,
    ) -> Self {
        Self {
            devices,
            arrivals,
            health,
            log: log.to_owned(),
            head: members_before_seq(log),
            key,
            chains: HashMap::new(),
            clock: 0,
            heads_at: 0,
            lines: Vec::new(),
        }
    }

    /// Until every sender is gone and what they sent is written.
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_LIMIT);
        while self.arrivals.fill(&mut batch, BATCH_LIMIT) {
            self.commit(&mut batch);
        }
        let left = self.arrivals.kept();
        if left > 0 {
            tracing::error!(
                left,
                "the audit journal's disk took no more; intents stay open"
            );
        }
        self.devices.finish();
    }

    fn commit(&mut self, batch: &mut Vec<Waiting>) {
        let now = batch.first().map_or(0, |waiting| waiting.wall_ms);
        self.devices.refresh();
        // In this batch, since it may end the log.
        let back = self.changes(now);
        batch.splice(..0, back);
        if self.devices.is_full() {
            let (kept, refused) = batch
                .drain(..)
                .partition(|waiting| waiting.kind.is_essential());
            *batch = kept;
            self.refuse(refused, &Arc::new(io::ErrorKind::StorageFull.into()));
            if batch.is_empty() {
                return;
            }
        }
        let stops = batch.last().is_some_and(|last| last.kind == Kind::Stop);
        let outcome = self.try_commit(batch);
        if let Err(error) = &outcome {
            tracing::error!(%error, events = batch.len(), "the audit journal cannot be written");
        }
        let good = matches!(outcome, Ok((_, Committed::Enough)));
        self.health.told(good && !self.devices.is_full());
        match outcome {
            Ok((recorded, committed)) => {
                self.arrivals.taken();
                for (waiting, recorded) in batch.drain(..).zip(recorded) {
                    let answer = match committed {
                        Committed::Enough => Ok(recorded),
                        Committed::TooFew => Err(Arc::new(io::Error::other(TOO_FEW))),
                    };
                    // Nobody listens any more where the caller gave up; the line stands all the same.
                    let _ = waiting.ack.map(|ack| ack.send(answer));
                }
            }
            Err(error) => self.refuse(std::mem::take(batch), &error),
        }
        for change in self.changes(now) {
            if !stops {
                self.arrivals.add(change);
            }
        }
    }

    /// What is to be on record about disks that no longer take part, or do again.
    fn changes(&mut self, wall_ms: u64) -> Vec<Waiting> {
        let changes = self.devices.changes().into_iter();
        let told = changes.filter_map(|change| {
            let mut event = Event::of_trail(Kind::Config, time_of(wall_ms));
            let detail = [
                ("device", Some(Value::from(change.device))),
                ("up", Some(change.up.into())),
                ("why", change.why.map(Value::from)),
            ];
            event.detail = detail
                .into_iter()
                .filter_map(|(name, value)| Some((name.to_owned(), value?)))
                .collect();
            let members = event.members(&self.log, &self.key).ok()?;
            Some(Waiting::of_trail(event.kind, wall_ms, members))
        });
        told.collect()
    }

    /// Answers those who wait; what nobody waits for is tried again.
    fn refuse(&mut self, batch: Vec<Waiting>, error: &Arc<io::Error>) {
        let (urgent, late): (Vec<_>, Vec<_>) =
            batch.into_iter().partition(|waiting| waiting.ack.is_some());
        for waiting in urgent {
            let _ = waiting.ack.map(|ack| ack.send(Err(Arc::clone(error))));
        }
        self.arrivals.again(late.into_iter());
    }

    /// Writes the batch, with lines about all chains where they are due. Gives where each of the batch is.
    fn try_commit(
        &mut self,
        batch: &[Waiting],
    ) -> Result<(Vec<Recorded>, Committed), Arc<io::Error>> {
        self.lines.clear();
        let mut draft = Draft {
            chains: HashMap::new(),
            leaves: Vec::with_capacity(batch.len()),
            clock: self.clock,
            seq: self.devices.next_seq(),
            stops: false,
        };
        let now = batch.first().map_or(0, |waiting| waiting.wall_ms);
        let heads_due = now.saturating_sub(self.heads_at) >= HEADS_EVERY;
        if heads_due {
            self.heads(&mut draft, now);
        }
        let lost = self.arrivals.lost();
        if let Some(members) = lost.and_then(|lost| self.gap(lost, now)) {
            self.line(&mut draft, "", now, &members);
        }
        let mut recorded = Vec::with_capacity(batch.len());
        for waiting in batch {
            draft.stops = waiting.kind == Kind::Stop;
            if draft.stops {
                // Behind everything else, so that they cover all that the log holds.
                self.heads(&mut draft, waiting.wall_ms);
            }
            recorded.push(self.event(&mut draft, waiting));
        }
        let lines = Batch {
            lines: std::mem::take(&mut self.lines),
            leaves: std::mem::take(&mut draft.leaves),
            stops: draft.stops,
        };
        let committed = self.devices.commit(lines).map_err(Arc::new)?;
        self.chains.extend(draft.chains);
        self.clock = draft.clock;
        if heads_due {
            self.heads_at = now;
        }
        if let Some(lost) = lost {
            self.arrivals.told(lost);
        }
        Ok((recorded, committed))
    }

    /// Appends the line of an event to the batch, and says where it is.
    fn event(&mut self, draft: &mut Draft, waiting: &Waiting) -> Recorded {
        let (seq, start) = (draft.seq, self.lines.len());
        self.line(draft, &waiting.tenant, waiting.wall_ms, &waiting.members);
        let line = self.lines.get(start..).filter(|_| waiting.wants_line);
        let line = String::from_utf8_lossy(line.unwrap_or_default());
        Recorded {
            seq,
            line: line.trim_end().to_owned(),
        }
    }

    /// Appends lines to the batch that say where every chain ends, those of the batch so far included.
    fn heads(&mut self, draft: &mut Draft, wall_ms: u64) {
        match self.heads_of(draft, wall_ms) {
            Ok(lines) => {
                for members in lines {
                    self.line(draft, "", wall_ms, &members);
                }
            }
            Err(error) => tracing::error!(%error, "the chains' ends cannot be recorded"),
        }
    }

    /// Appends one line to the batch.
    fn line(&mut self, draft: &mut Draft, tenant: &str, wall_ms: u64, members: &str) {
        // Later than every line before, and not before its own time: a hybrid logical clock of 48 bits of
        // milliseconds and 16 of counter.
        draft.clock = draft
            .clock
            .saturating_add(1)
            .max(wall_ms.saturating_mul(1 << 16));
        let link = draft
            .chains
            .get(tenant)
            .or_else(|| self.chains.get(tenant))
            .copied();
        let (tseq, tprev) = link.map_or((0, String::new()), |link| {
            (link.next, STANDARD.encode(link.last))
        });
        let start = self.lines.len();
        let head = format!(
            "{{{}\"seq\":{},\"hlc\":\"{:016x}\",\"tseq\":{tseq},\"tprev\":\"{tprev}\",",
            self.head, draft.seq, draft.clock
        );
        self.lines.extend_from_slice(head.as_bytes());
        self.lines.extend_from_slice(members.as_bytes());
        let leaf = leaf_hash(self.lines.get(start..).unwrap_or_default());
        self.lines.push(b'\n');
        draft.leaves.push(leaf);
        let link = Link {
            next: tseq.saturating_add(1),
            last: leaf,
        };
        draft.chains.insert(tenant.to_owned(), link);
        draft.seq = draft.seq.saturating_add(1);
    }

    /// The members of a line that says that events were lost.
    fn gap(&self, lost: Lost, wall_ms: u64) -> Option<String> {
        let mut event = Event::of_trail(Kind::Gap, time_of(wall_ms));
        let detail = [
            ("count", Value::from(lost.count)),
            ("from", crate::wall(time_of(lost.from)).into()),
            ("to", crate::wall(time_of(lost.to)).into()),
        ];
        event.detail = detail
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect();
        event.members(&self.log, &self.key).ok()
    }

    /// The members of those lines.
    fn heads_of(&self, draft: &Draft, wall_ms: u64) -> Result<Vec<String>, LineError> {
        let wall = time_of(wall_ms);
        let before = self
            .chains
            .iter()
            .filter(|(tenant, _)| !draft.chains.contains_key(*tenant));
        let mut tenants: Vec<_> = before
            .chain(&draft.chains)
            .filter(|(tenant, _)| !tenant.is_empty())
            .collect();
        tenants.sort_unstable_by_key(|(tenant, _)| tenant.as_str());
        let lines = tenants.chunks(HEADS_IN_A_LINE).map(|tenants| {
            let heads: Map<String, Value> = tenants
                .iter()
                .map(|(tenant, link)| {
                    let end = Value::from(vec![
                        Value::from(link.next),
                        Value::from(STANDARD.encode(link.last)),
                    ]);
                    (chain_name(&self.log, tenant), end)
                })
                .collect();
            let mut event = Event::of_trail(Kind::Heads, wall);
            event
                .detail
                .insert("heads".to_owned(), Value::Object(heads));
            event.members(&self.log, &self.key)
        });
        lines.collect()
    }
}

fn time_of(wall_ms: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH
        .checked_add(Duration::from_millis(wall_ms))
        .unwrap_or(SystemTime::UNIX_EPOCH)
}

/// How the line `seq` of a log begins.
pub(super) fn head_of_line(log: &str, seq: u64) -> String {
    format!("{{{}\"seq\":{seq},", members_before_seq(log))
}

fn members_before_seq(log: &str) -> String {
    format!("\"v\":{VERSION},\"log\":{},", Value::from(log))
}

/// The name of a tenant's chain in `tenant.heads`: nobody who has one tenant's lines reads the others' names there.
pub(crate) fn chain_name(log: &str, tenant: &str) -> String {
    let hash = sha256(format!("sealgate audit chain\n{log}\n{tenant}\n").as_bytes());
    URL_SAFE_NO_PAD.encode(hash.get(..16).unwrap_or_default())
}

const TOO_FEW: &str = "fewer disks than must have it took the event";

/// The schema version of lines.
const VERSION: u32 = 2;

/// Events of each sort in one write: those that somebody waits for, and the others; together 8 MiB at most.
pub(super) const BATCH_LIMIT: usize = 256;

/// How often the ends of all chains are recorded, in milliseconds of the events' clock.
const HEADS_EVERY: u64 = 60_000;
const HEADS_IN_A_LINE: usize = 32;
