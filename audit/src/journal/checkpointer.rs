//! The thread that signs what is on one disk: it is told of every line there, and every ten seconds or thousand lines
//! writes tiles and a checkpoint. No request waits for it, but for one that asks for a proof.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::sync::mpsc::UnboundedSender;

use super::closing::Closed;
use super::home::{CLOSED, LogPlace};
use super::leaves::Leaves;
use super::sign::{Signing, write_tile};
use crate::signed::Checkpoint;
use crate::tree::{Growing, Hash, TILE_WIDTH, Tile, Tiles, inclusion_proof, tile_path};

/// What the checkpointer is told.
pub(super) enum Told {
    /// There is a line on disk that is not signed.
    Unsigned,
    /// There are many.
    Many,
    /// Somebody wants a checkpoint of all lines that are on disk.
    Checkpoint(UnboundedSender<Result<Checkpoint, ProveError>>),
    /// Somebody wants the proof of a line that is on disk.
    Prove(u64, UnboundedSender<Result<Proof, ProveError>>),
}

/// That a line is in a log: C2SP tlog-proof, <https://c2sp.org/tlog-proof>, and the certificate of the log's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// `c2sp.org/tlog-proof@v1`, the index, the hashes and the checkpoint.
    pub proof: String,
    /// The log key's certificate.
    pub certificate: String,
}

/// Why there is no proof of a line.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ProveError {
    /// The log has no such line.
    #[error("the log has no such line")]
    Outside,
    /// A tile cannot be read or a checkpoint not be written.
    #[error("the line cannot be proved now")]
    Unavailable,
}

pub(super) struct Checkpointer {
    pub(super) place: LogPlace,
    pub(super) signing: Signing,
    pub(super) certificate: String,
    pub(super) told: Receiver<Told>,
    pub(super) leaves: Leaves,
    pub(super) every: Duration,
    pub(super) tree: Growing,
    /// Full tiles that are not on disk yet.
    pub(super) unwritten: Vec<Tile>,
    pub(super) signed: Option<(Checkpoint, String)>,
    /// The partial tiles of the last checkpoint, by name.
    pub(super) partial: Vec<String>,
    pub(super) stopped: bool,
}

impl Checkpointer {
    pub(super) fn new(
        place: LogPlace,
        signing: Signing,
        certificate: String,
        (told, leaves): (Receiver<Told>, Leaves),
        every: Duration,
    ) -> Self {
        Self {
            place,
            signing,
            certificate,
            told,
            leaves,
            every,
            tree: Growing::default(),
            unwritten: Vec::new(),
            signed: None,
            partial: Vec::new(),
            stopped: false,
        }
    }

    /// Until the journal ends; then the log is closed.
    pub(super) fn run(mut self) {
        let mut due: Option<Instant> = None;
        loop {
            let wait = due.map_or(self.every, |due| {
                due.saturating_duration_since(Instant::now())
            });
            match self.told.recv_timeout(wait) {
                Ok(Told::Unsigned) => {
                    due = due.or_else(|| Instant::now().checked_add(self.every));
                }
                Ok(Told::Many) => {
                    // Not more often than once a second, however fast lines come.
                    let soon = Instant::now().checked_add(SOON.min(self.every));
                    due = due.into_iter().chain(soon).min();
                }
                Ok(Told::Prove(seq, reply)) => {
                    let _ = reply.send(self.prove(seq));
                }
                Ok(Told::Checkpoint(reply)) => {
                    let _ = reply.send(self.checkpoint());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if due.is_some_and(|due| due <= Instant::now()) {
                due = self
                    .sign()
                    .map_or_else(|()| Instant::now().checked_add(self.every), |()| None);
            }
        }
        self.close();
    }

    fn unsigned(&self) -> u64 {
        let signed = self.signed.as_ref().map_or(0, |(signed, _)| signed.size);
        self.tree.size().saturating_sub(signed)
    }

    /// Takes the leaves of lines that are on disk.
    fn grow(&mut self) {
        let taken = self.leaves.take();
        if taken.anew {
            self.tree = Growing::default();
            self.unwritten.clear();
            self.signed = None;
            self.partial.clear();
        }
        self.stopped = taken.stops;
        for leaf in taken.leaves {
            self.tree.push(leaf, &mut self.unwritten);
        }
    }

    fn sign(&mut self) -> Result<(), ()> {
        self.grow();
        if self.unsigned() == 0 {
            return Ok(());
        }
        self.try_sign().map_err(|error| {
            // Lines are on record all the same, and are signed when the disk takes files again.
            tracing::error!(%error, log = self.place.name, "the audit log cannot be signed now");
        })
    }

    fn try_sign(&mut self) -> io::Result<()> {
        while let Some(tile) = self.unwritten.first() {
            write_tile(&self.place, tile)?;
            self.unwritten.remove(0);
        }
        let mut partial = Vec::new();
        for tile in self.tree.partial() {
            write_tile(&self.place, &tile)?;
            let width = u64::try_from(tile.hashes.len()).unwrap_or(u64::MAX);
            partial.push(tile_path(tile.level, tile.index, width));
        }
        self.signed = Some(self.signing.checkpoint(&self.place, &self.tree)?);
        let before = std::mem::replace(&mut self.partial, partial);
        for old in before.iter().filter(|old| !self.partial.contains(old)) {
            self.place.remove(old)?;
        }
        Ok(())
    }

    fn checkpoint(&mut self) -> Result<Checkpoint, ProveError> {
        self.sign().map_err(|()| ProveError::Unavailable)?;
        let signed = self.signed.as_ref().map(|(signed, _)| signed.clone());
        signed.ok_or(ProveError::Unavailable)
    }

    fn prove(&mut self, seq: u64) -> Result<Proof, ProveError> {
        self.grow();
        if seq >= self.tree.size() {
            return Err(ProveError::Outside);
        }
        if self
            .signed
            .as_ref()
            .is_none_or(|(signed, _)| signed.size <= seq)
        {
            self.sign().map_err(|()| ProveError::Unavailable)?;
        }
        let (signed, note) = self.signed.as_ref().ok_or(ProveError::Unavailable)?;
        let hashes =
            inclusion_proof(self, seq, signed.size).map_err(|_| ProveError::Unavailable)?;
        let hashes: String = hashes
            .iter()
            .map(|hash| STANDARD.encode(hash) + "\n")
            .collect();
        Ok(Proof {
            proof: format!("{PROOF}\nindex {seq}\n{hashes}\n{note}"),
            certificate: self.certificate.clone(),
        })
    }

    fn close(mut self) {
        if self.sign().is_err() || !self.stopped {
            // The next start of this replica closes it.
            return;
        }
        let closed = Closed {
            log: self.place.name.clone(),
            size: self.tree.size(),
            clean: true,
            ..Closed::default()
        };
        let written = serde_json::to_vec(&closed)
            .map_err(io::Error::from)
            .and_then(|closed| self.place.write(CLOSED, &closed));
        if let Err(error) = written {
            tracing::warn!(%error, log = self.place.name, "the audit log's end cannot be noted");
        }
    }
}

impl Tiles for Checkpointer {
    fn tile(&self, level: u8, index: u64, _: u64) -> Option<Vec<Hash>> {
        let partial = self.tree.partial();
        let mut held = partial.into_iter().chain(self.unwritten.iter().cloned());
        if let Some(tile) = held.find(|tile| (tile.level, tile.index) == (level, index)) {
            return Some(tile.hashes);
        }
        let bytes = self
            .place
            .read(&tile_path(level, index, TILE_WIDTH))
            .ok()??;
        let (hashes, rest) = bytes.as_chunks::<32>();
        rest.is_empty().then(|| hashes.to_vec())
    }
}

const SOON: Duration = Duration::from_secs(1);

const PROOF: &str = "c2sp.org/tlog-proof@v1";
