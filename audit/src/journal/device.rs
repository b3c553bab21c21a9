//! The thread of one of two disks. It appends what it is given; when its disk missed something it copies that from the
//! other, by itself and again until it can, before it may take part again. It must not know what the other does now.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::copying::Copying;
use super::disk::{Batch, Disk};
use super::health::Health;
use super::home::{Held, LogPlace};
use super::segments::Placed;
use super::sign::Signing;

/// What the thread of a disk is asked.
#[derive(Clone, Debug)]
pub(super) enum Task {
    /// Make this durable. `alone`: no other disk takes part.
    Append { batch: Arc<Batch>, alone: bool },
    /// Copy what is missing. Nothing is appended to any disk meanwhile.
    CatchUp,
    /// Give the room that is kept to the journal, or take it again.
    Room { kept: bool },
}

/// What it answers.
#[derive(Debug)]
pub(super) struct Reply {
    /// Whose answer, by its place among the disks.
    pub(super) device: usize,
    /// The number that the task came with.
    pub(super) task: u64,
    /// Where the disk's lines end now, if it did what it was asked.
    pub(super) outcome: io::Result<Placed>,
    /// The room that is kept is in use.
    pub(super) full: bool,
}

/// A disk that has all lines that were acknowledged, and where they end.
#[derive(Clone, Debug)]
pub(super) struct Whole {
    /// The log there.
    pub(super) place: LogPlace,
    pub(super) end: Placed,
}

/// Whether a disk takes part; the journal's thread and the disk's own tell each other.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// It missed something.
    pub(super) behind: AtomicBool,
    /// It was, and has caught up with what there was a moment ago.
    pub(super) ready: AtomicBool,
}

/// One disk and its thread.
pub(super) struct Device {
    pub(super) number: usize,
    pub(super) place: LogPlace,
    pub(super) held: Held,
    /// Device and inode of the directory that was written to; `None` before there was any.
    pub(super) known: Option<(u64, u64)>,
    pub(super) disk: Disk,
    pub(super) signing: Signing,
    pub(super) standing: Arc<Standing>,
    pub(super) whole: Arc<Mutex<Option<Whole>>>,
    pub(super) health: Arc<Health>,
    /// Why it could not catch up, as the log was told.
    pub(super) said: Option<io::ErrorKind>,
}

impl Device {
    /// Until nobody asks any more.
    pub(super) fn run(mut self, tasks: &Receiver<(u64, Task)>, replies: &Sender<Reply>) {
        loop {
            let (task, outcome) = match tasks.recv_timeout(RETRY) {
                Ok((number, task)) => (number, self.work(&task)),
                Err(RecvTimeoutError::Timeout) => {
                    self.come_back();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let reply = Reply {
                device: self.number,
                task,
                outcome,
                full: self.disk.headroom.is_used(),
            };
            if replies.send(reply).is_err() {
                break;
            }
        }
        self.disk.segments.finish();
    }

    fn work(&mut self, task: &Task) -> io::Result<Placed> {
        match task {
            Task::Append { batch, alone } => {
                let appended = self.is_known().and_then(|known| {
                    if known {
                        self.disk.append(batch, *alone)
                    } else {
                        Err(io::Error::other("the log's directory is another"))
                    }
                });
                let late = self.standing.behind.load(SeqCst);
                self.health.device(self.number, appended.is_ok() && !late);
                appended?;
            }
            Task::CatchUp => self.catch_up().map(drop)?,
            Task::Room { kept: true } => self.disk.headroom.refill(),
            Task::Room { kept: false } => self.disk.headroom.give_up(),
        }
        Ok(self.disk.segments.placed())
    }

    /// Where something was missed: copies it, while the other disk goes on.
    fn come_back(&mut self) {
        if !self.standing.behind.load(SeqCst) || self.standing.ready.load(SeqCst) {
            return;
        }
        let caught_up = loop {
            match self.catch_up() {
                Ok(copied) if copied > LITTLE => {}
                caught_up => break caught_up,
            }
        };
        let ready = caught_up.is_ok();
        let kind = caught_up.as_ref().err().map(io::Error::kind);
        if let Err(error) = caught_up
            && kind != self.said
        {
            // Once, and not every time that it tries.
            let device = self.health.name(self.number);
            tracing::warn!(%error, device, "a disk of the audit journal cannot catch up yet");
        }
        self.said = kind;
        self.health.device(self.number, ready);
        self.standing.ready.store(ready, SeqCst);
    }

    /// Copies what this disk has not. Gives how many bytes that were.
    fn catch_up(&mut self) -> io::Result<u64> {
        self.held.take()?;
        if !self.is_known()? || !self.disk.segments.is_as_left()? {
            // Another disk, or one that somebody took something from: each line is looked for.
            self.place.begin()?;
            self.signing.certify(&self.place)?;
            self.disk.leaves.restart();
            self.disk.segments.restart();
            self.disk.headroom.take();
            self.known = Some(identity(&self.place)?);
        }
        let whole = self.whole.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(from) = whole.clone() else {
            return Ok(0);
        };
        drop(whole);
        if self.disk.segments.next_seq() >= from.end.next {
            // Nothing is asked of the other disk, which may be failing by now.
            return Ok(0);
        }
        let copied = Copying::new(&from, &self.place)?.onto(&mut self.disk);
        if copied
            .as_ref()
            .is_err_and(|error| error.kind() == io::ErrorKind::InvalidData)
        {
            // The two are not one log as far as they go: from the first line on, next time.
            self.known = None;
        }
        copied
    }

    /// Whether the log's directory is the one that was written to.
    fn is_known(&self) -> io::Result<bool> {
        match identity(&self.place) {
            Ok(found) => Ok(self.known == Some(found)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Device and inode of a log's directory.
pub(super) fn identity(place: &LogPlace) -> io::Result<(u64, u64)> {
    let found = fs::metadata(place.segments())?;
    Ok((found.dev(), found.ino()))
}

/// How soon a disk that is behind tries again.
const RETRY: Duration = Duration::from_millis(500);

/// Who had no more than this to copy, in bytes, may have the rest copied while the journal waits for it.
const LITTLE: u64 = 4 << 20;
