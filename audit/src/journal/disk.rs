//! One disk's part of the journal: the segments on it, the leaves for the thread that signs them there, and the room
//! that is kept on it. It must not know other disks.

use std::io;
use std::sync::mpsc::Sender;

use super::checkpointer::Told;
use super::headroom::Headroom;
use super::leaves::{Leaves, Urge};
use super::segments::Segments;
use crate::tree::Hash;

/// Lines that become durable together.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Each with its line feed.
    pub(super) lines: Vec<u8>,
    /// Their leaf hashes.
    pub(super) leaves: Vec<Hash>,
    /// Whether the last of them ends the log.
    pub(super) stops: bool,
}

impl Batch {
    /// How many lines.
    pub(super) fn count(&self) -> u64 {
        u64::try_from(self.leaves.len()).unwrap_or(u64::MAX)
    }
}

pub(super) struct Disk {
    pub(super) segments: Segments,
    pub(super) leaves: Leaves,
    pub(super) signer: Sender<Told>,
    pub(super) headroom: Headroom,
}

impl Disk {
    /// Makes a batch durable, all of it or nothing. `alone`: no other disk has the lines before, so that where they were
    /// taken away the log goes on without them.
    pub(super) fn append(&mut self, batch: &Batch, alone: bool) -> io::Result<()> {
        self.segments.commit(&batch.lines, batch.count(), alone)?;
        self.tell(batch);
        Ok(())
    }

    /// The same behind the last line of a segment, however long that is by now.
    pub(super) fn extend(&mut self, batch: &Batch) -> io::Result<()> {
        self.segments.extend(&batch.lines, batch.count())?;
        self.tell(batch);
        Ok(())
    }

    /// Tells the signing thread of lines that are on this disk. Before anybody is answered: who asks for a proof after
    /// that finds the leaf there.
    pub(super) fn tell(&self, batch: &Batch) {
        let urge = self.leaves.add(&batch.leaves, batch.stops);
        let _ = match urge {
            Urge::None => Ok(()),
            Urge::InTime => self.signer.send(Told::Unsigned),
            Urge::Soon => self.signer.send(Told::Many),
        };
    }
}
