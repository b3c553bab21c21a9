//! The journal: events as lines in append-only files, on disk before [`Journal::record`] returns.
//! It must not know what the events mean.

mod directory;
mod recovery;
mod segments;
mod writer;

use std::{
    fs::TryLockError,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc as threads},
    thread::JoinHandle,
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use crate::Event;
use directory::Directory;
use segments::Segments;
use writer::{Waiting, Writer};

/// Bounds of a [`Journal`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// This replica's name, written in every line; at most 128 bytes of it.
    pub replica: String,
    /// A segment of this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// How long an event may take to reach the disk before its request is refused.
    pub commit_timeout: Duration,
    /// How many events wait for the disk at most; more wait for room, within the same time.
    pub queue: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            replica: "local".to_owned(),
            segment_bytes: 64 << 20,
            commit_timeout: Duration::from_secs(2),
            queue: 1024,
        }
    }
}

/// Why an event is not on record, or a journal not open.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory cannot be made or read.
    #[error("the audit journal {} cannot be opened", .directory.display())]
    Open {
        /// Which directory.
        directory: PathBuf,
        /// The system's words.
        source: Arc<io::Error>,
    },
    /// Another process writes there.
    #[error("the audit journal {} is in use by another process", .directory.display())]
    InUse {
        /// Which directory.
        directory: PathBuf,
    },
    /// The disk refused the event. It is not in the journal.
    #[error("the audit journal cannot be written")]
    Unavailable(#[source] Arc<io::Error>),
    /// The disk has not answered in time. The event may still reach the journal.
    #[error("the audit journal did not commit within {} ms", .limit.as_millis())]
    TimedOut {
        /// The time it was given.
        limit: Duration,
    },
    /// The journal's thread is gone.
    #[error("the audit journal is closed")]
    Closed,
}

/// What opening a journal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The `seq` the next event gets.
    pub next_seq: u64,
    /// Bytes cut off the end of the last segment: lines that a crash tore and nobody was told are
    /// recorded.
    pub torn_bytes: u64,
    /// The last segment, if it is damaged before its end. It is left as it is, and a new one was
    /// begun.
    pub damaged: Option<PathBuf>,
}

/// An open journal. Dropping it writes what still waits, for as long as one commit may take.
#[derive(Debug)]
pub struct Journal {
    sender: Option<mpsc::Sender<Waiting>>,
    commit_timeout: Duration,
    opening: Opening,
    /// Behind a lock only because a receiver is not `Sync` and a journal is shared.
    ended: Mutex<threads::Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal in `directory`, which is made (mode 0700) if it is missing. Cuts off a
    /// torn last line. Blocks on the disk.
    ///
    /// # Errors
    /// [`JournalError::InUse`] while another journal has the directory, [`JournalError::Open`] for
    /// the rest.
    pub fn open(directory: &Path, settings: Settings) -> Result<Self, JournalError> {
        let failed = |source: io::Error| JournalError::Open {
            directory: directory.to_owned(),
            source: Arc::new(source),
        };
        let volume = Directory::open(directory).map_err(failed)?;
        let lock = volume.lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::InUse {
                directory: directory.to_owned(),
            },
            TryLockError::Error(source) => failed(source),
        })?;
        let (opening, last) = recovery::recover(&volume).map_err(failed)?;
        let segments = Segments::new(
            Box::new(volume),
            opening.next_seq,
            last,
            settings.segment_bytes,
        );
        Self::start(segments, opening, settings, Some(lock)).map_err(failed)
    }

    /// What opening found.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Appends the event and returns its `seq` once it is on disk. Events that wait together share
    /// one write and one sync. The journal works again by itself when the disk does.
    ///
    /// A caller that stops waiting does not take its event back.
    ///
    /// # Errors
    /// After any error the event must be taken as not recorded, and what it is about must not
    /// happen.
    pub async fn record(&self, event: &Event) -> Result<u64, JournalError> {
        let members = event
            .members()
            .map_err(|error| JournalError::Unavailable(Arc::new(error.into())))?;
        let sender = self.sender.as_ref().ok_or(JournalError::Closed)?;
        let (ack, acked) = oneshot::channel();
        let committed = async {
            sender
                .send(Waiting { members, ack })
                .await
                .map_err(|_| JournalError::Closed)?;
            acked
                .await
                .map_err(|_| JournalError::Closed)?
                .map_err(JournalError::Unavailable)
        };
        let limit = self.commit_timeout;
        tokio::time::timeout(limit, committed)
            .await
            .unwrap_or(Err(JournalError::TimedOut { limit }))
    }

    /// Hands the event over without waiting: for what is known only once nobody waits for an answer any
    /// more. It reaches the disk with the next commit; if the queue is full, it is logged as lost.
    pub fn submit(&self, event: &Event) {
        let (ack, _) = oneshot::channel();
        let queued = event
            .members()
            .ok()
            .zip(self.sender.as_ref())
            .is_some_and(|(members, sender)| sender.try_send(Waiting { members, ack }).is_ok());
        if !queued {
            tracing::error!(?event, "an audit event could not be queued and is lost");
        }
    }

    fn start(
        segments: Segments,
        opening: Opening,
        settings: Settings,
        lock: Option<std::fs::File>,
    ) -> io::Result<Self> {
        let (sender, receiver) = mpsc::channel(settings.queue.max(1));
        let (ending, ended) = threads::channel();
        let writer = Writer::new(segments, receiver, &settings.replica);
        let thread = std::thread::Builder::new()
            .name("audit-journal".to_owned())
            .spawn(move || {
                writer.run();
                // In this order: who waits for the end may open the directory again.
                drop(lock);
                drop(ending);
            })?;
        let commit_timeout = settings.commit_timeout;
        Ok(Self {
            sender: Some(sender),
            commit_timeout,
            opening,
            ended: Mutex::new(ended),
            thread: Some(thread),
        })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.sender = None;
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        match ended.recv_timeout(self.commit_timeout) {
            Err(threads::RecvTimeoutError::Timeout) => {
                tracing::error!("the audit journal's disk hangs; leaving without it");
            }
            Ok(()) | Err(threads::RecvTimeoutError::Disconnected) => {
                if self
                    .thread
                    .take()
                    .is_some_and(|thread| thread.join().is_err())
                {
                    tracing::error!("the audit journal's thread failed");
                }
            }
        }
    }
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
