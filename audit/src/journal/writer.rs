//! The journal's thread: takes every event that waits, makes them one write and one sync, and
//! answers all. It must not know files.

use std::{io, sync::Arc};

use tokio::sync::{mpsc, oneshot};

use super::segments::Segments;

/// An event on its way to the disk.
pub(super) struct Waiting {
    /// The members of its line, as the event gives them.
    pub(super) members: String,
    /// Told the `seq`, or what the disk said.
    pub(super) ack: oneshot::Sender<Result<u64, Arc<io::Error>>>,
}

pub(super) struct Writer {
    segments: Segments,
    receiver: mpsc::Receiver<Waiting>,
    /// `"replica":"…",`
    replica: String,
    lines: Vec<u8>,
}

impl Writer {
    pub(super) fn new(
        segments: Segments,
        receiver: mpsc::Receiver<Waiting>,
        replica: &str,
    ) -> Self {
        let replica: String = replica
            .chars()
            .filter(|c| !c.is_control())
            .take(REPLICA_LIMIT)
            .collect();
        let replica = format!("\"replica\":{},", serde_json::Value::from(replica));
        Self {
            segments,
            receiver,
            replica,
            lines: Vec::new(),
        }
    }

    /// Until every sender is gone and what they sent is written.
    pub(super) fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH_LIMIT);
        while self.receiver.blocking_recv_many(&mut batch, BATCH_LIMIT) > 0 {
            self.commit(&mut batch);
        }
    }

    fn commit(&mut self, batch: &mut Vec<Waiting>) {
        let first = self.segments.next_seq();
        self.lines.clear();
        for (waiting, seq) in batch.iter().zip(first..) {
            let head = format!("{{\"v\":{VERSION},\"seq\":{seq},{}", self.replica);
            self.lines.extend_from_slice(head.as_bytes());
            self.lines.extend_from_slice(waiting.members.as_bytes());
            self.lines.push(b'\n');
        }
        let count = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let outcome = self.segments.commit(&self.lines, count).map_err(Arc::new);
        if let Err(error) = &outcome {
            tracing::error!(%error, events = count, "the audit journal cannot be written");
        }
        for (waiting, seq) in batch.drain(..).zip(first..) {
            // Nobody listens any more where the caller gave up; the line stands all the same.
            let _ = waiting.ack.send(outcome.clone().map(|()| seq));
        }
    }
}

/// The schema version of lines.
const VERSION: u32 = 1;

/// Events in one write; at most 4 MiB.
const BATCH_LIMIT: usize = 256;

/// Characters.
const REPLICA_LIMIT: usize = 128;
