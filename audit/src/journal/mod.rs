//! The journal: events as lines in append-only files, on one disk or two before [`Journal::record`] returns. The lines
//! of one run are one log, in a directory of its own on each disk. It must not know what the events mean.

mod checkpointer;
mod closing;
mod copying;
mod device;
mod devices;
mod directory;
mod disk;
mod headroom;
mod health;
mod home;
mod leaves;
mod leveling;
mod opening;
mod queue;
mod segments;
mod settling;
mod sign;
mod writer;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc as threads},
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

use crate::signed::Checkpoint;
use crate::{AuditKey, Event, Identity};
use checkpointer::Told;
pub use checkpointer::{Proof, ProveError};
pub use closing::Closed;
pub(crate) use closing::{HOLE, without_room};
use directory::Directory;
pub use health::Health;
use home::{Home, OPEN_INTENTS};
use queue::{Answer, Entrance, Waiting};
use sign::Signing;
pub use writer::Recorded;
pub(crate) use writer::chain_name;

/// Bounds of a [`Journal`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// This replica's name, with which the names of its logs begin; of it 64 letters, digits, `-`, `_` and `.`.
    pub replica: String,
    /// A segment of this many bytes is followed by a new one.
    pub segment_bytes: u64,
    /// How long an event may take to reach the disk before its request is refused.
    pub commit_timeout: Duration,
    /// How many events wait for the disk at most; more wait for room, within the same time.
    pub queue: usize,
    /// How many events that nobody waits for are kept while the disk takes none.
    pub late: usize,
    /// How often lines are signed, if there are any.
    pub checkpoint_every: Duration,
    /// Bytes kept free on each disk for what must be recorded when it is full.
    pub headroom: u64,
    /// A directory on another disk, for the same logs.
    pub second: Option<PathBuf>,
    /// On how many disks an event must be: 1 or 2. It is on both anyway, as long as both work.
    pub min_devices: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            replica: "local".to_owned(),
            segment_bytes: 64 << 20,
            commit_timeout: Duration::from_secs(2),
            queue: 1024,
            late: 10_000,
            checkpoint_every: Duration::from_secs(10),
            headroom: 1 << 20,
            second: None,
            min_devices: 1,
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
    /// Too many events that nobody waits for are kept already. It is counted, and the count will be on record.
    #[error("the audit journal has no room for another event that nobody waits for")]
    NoRoom,
    /// The journal's thread is gone.
    #[error("the audit journal is closed")]
    Closed,
}

/// What opening a journal found: the logs of earlier runs that were not closed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// How each of them was closed now.
    pub closed: Vec<Closed>,
}

/// An intent that a crash left without an outcome.
#[derive(Clone, Debug)]
pub struct OpenIntent {
    /// In which log.
    pub log: String,
    /// Its line, without the line feed.
    pub line: String,
}

/// An open journal: the log of this run. Dropping it writes what still waits, for as long as one commit may take.
#[derive(Debug)]
pub struct Journal {
    entrance: Option<Entrance>,
    /// Of each disk.
    provers: Vec<threads::Sender<Told>>,
    commit_timeout: Duration,
    opening: Opening,
    homes: Vec<Home>,
    log: String,
    signing: Signing,
    health: Arc<Health>,
    /// Behind a lock only because a receiver is not `Sync` and a journal is shared.
    ended: Mutex<threads::Receiver<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal in `directory`, which is made (mode 0700) if it is missing: closes the logs that were left
    /// open, and begins one named after the replica and the time `now`. The same in the second directory, if there is
    /// one; before that logs of earlier runs are made the same in both. Blocks on the disks.
    ///
    /// # Errors
    /// [`JournalError::InUse`] while another journal has a directory, [`JournalError::Open`] where fewer than
    /// `min_devices` can be opened.
    pub fn open(
        directory: &Path,
        identity: Arc<Identity>,
        settings: Settings,
        now: SystemTime,
    ) -> Result<Self, JournalError> {
        Self::open_on(directory, identity, &settings, now, &|_, place| {
            Box::new(Directory::new(place.segments()))
        })
    }

    /// What opening found.
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// The name of the log of this run: what every line calls `log`.
    pub fn log(&self) -> &str {
        &self.log
    }

    /// Whether events reach the disk.
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Whose trail it is.
    pub fn identity(&self) -> &Identity {
        self.signing.identity()
    }

    /// Appends the event and returns its `seq` once it is on disk. Events that wait together share
    /// one write and one sync. The journal works again by itself when the disk does. `key` is the
    /// audit key of the event's tenant; an event of no known tenant has none.
    ///
    /// A caller that stops waiting does not take its event back.
    ///
    /// # Errors
    /// After any error the event must be taken as not recorded, and what it is about must not
    /// happen.
    pub async fn record(&self, event: &Event, key: Option<&AuditKey>) -> Result<u64, JournalError> {
        self.try_record(event, key, false)
            .await
            .map(|recorded| recorded.seq)
    }

    /// The same, and gives the line itself.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub async fn record_line(
        &self,
        event: &Event,
        key: Option<&AuditKey>,
    ) -> Result<Recorded, JournalError> {
        self.try_record(event, key, true).await
    }

    /// The same of several events, which are written in this order: how many of them are on record before the first that
    /// is not, if one is not. All together they get the time of one.
    ///
    /// # Errors
    /// As [`record`](Self::record); later ones may be on record all the same.
    pub async fn record_all(
        &self,
        events: &[(Event, Option<Arc<AuditKey>>)],
    ) -> (usize, Result<(), JournalError>) {
        let mut count: usize = 0;
        let recorded = self.in_time(async {
            let mut handed = Vec::with_capacity(events.len());
            for (event, key) in events {
                handed.push(self.hand_over(event, key.as_deref(), false).await?);
            }
            for acked in handed {
                answer(acked).await?;
                count = count.saturating_add(1);
            }
            Ok(())
        });
        let recorded = recorded.await;
        (count, recorded)
    }

    async fn try_record(
        &self,
        event: &Event,
        key: Option<&AuditKey>,
        wants_line: bool,
    ) -> Result<Recorded, JournalError> {
        let recorded = async {
            let acked = self.hand_over(event, key, wants_line).await?;
            answer(acked).await
        };
        self.in_time(recorded).await
    }

    /// Waits as long as a commit may take, and notes what that says of the disk.
    async fn in_time<T>(
        &self,
        recorded: impl Future<Output = Result<T, JournalError>>,
    ) -> Result<T, JournalError> {
        let limit = self.commit_timeout;
        let recorded = tokio::time::timeout(limit, recorded)
            .await
            .unwrap_or(Err(JournalError::TimedOut { limit }));
        if let Err(error) = &recorded {
            self.health.refuse();
            if matches!(error, JournalError::TimedOut { .. }) {
                self.health.told(false);
            }
        }
        recorded
    }

    /// Puts the event into the queue once there is a place. Gives where the answer comes.
    async fn hand_over(
        &self,
        event: &Event,
        key: Option<&AuditKey>,
        wants_line: bool,
    ) -> Result<oneshot::Receiver<Answer>, JournalError> {
        let (ack, acked) = oneshot::channel();
        let mut waiting = self.waiting(event, key)?;
        waiting.ack = Some(ack);
        waiting.wants_line = wants_line;
        let entrance = self.entrance.as_ref().ok_or(JournalError::Closed)?;
        entrance.urgent(waiting).await?;
        Ok(acked)
    }

    /// Hands the event over without waiting: for what is known only once nobody waits for an answer any
    /// more. It rides with the next commit, or goes a tenth of a second later, and is kept while the disk takes nothing. A
    /// crash before that leaves its intent open.
    ///
    /// # Errors
    /// [`JournalError::NoRoom`] if too many are kept already: the event is lost, and an `audit.gap` line will say so.
    pub fn submit(&self, event: &Event, key: Option<&AuditKey>) -> Result<(), JournalError> {
        let queued = self.waiting(event, key).and_then(|waiting| {
            let entrance = self.entrance.as_ref().ok_or(JournalError::Closed)?;
            entrance.late(waiting)
        });
        if queued.is_err() {
            self.health.refuse();
            tracing::error!(?event, "an audit event found no room and is lost");
        }
        queued
    }

    /// The proof that the line `seq` of this run's log is in it, under a checkpoint that is signed for it if there
    /// is none yet.
    ///
    /// # Errors
    /// If there is no such line, or the disk does not take the checkpoint.
    pub async fn prove(&self, seq: u64) -> Result<Proof, ProveError> {
        self.signers(|reply| Told::Prove(seq, reply)).await
    }

    /// A checkpoint of this run's log as it is, signed now if it is not yet.
    ///
    /// # Errors
    /// If there is no line, or the disk does not take the checkpoint.
    pub async fn checkpoint(&self) -> Result<Checkpoint, ProveError> {
        self.signers(Told::Checkpoint).await
    }

    /// Asks the threads that sign, on each disk that has all lines. The first that can answers.
    async fn signers<T>(
        &self,
        ask: impl Fn(UnboundedSender<Result<T, ProveError>>) -> Told,
    ) -> Result<T, ProveError> {
        let (reply, mut answers) = unbounded_channel();
        for (number, signer) in self.provers.iter().enumerate() {
            if self.provers.len() == 1 || self.health.is_up(number) {
                // One that has ended does not answer.
                let _ = signer.send(ask(reply.clone()));
            }
        }
        drop(reply);
        let mut answer = Err(ProveError::Unavailable);
        while let Some(next) = answers.recv().await {
            answer = next;
            if answer.is_ok() {
                break;
            }
        }
        answer
    }

    /// The intents of earlier runs that have no outcome, and were not [reconciled](Self::reconciled) either.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub fn open_intents(&self) -> io::Result<Vec<OpenIntent>> {
        let mut logs = BTreeMap::new();
        self.on_some_disk(|home| {
            for place in home.logs()? {
                if let Some(lines) = place.read(OPEN_INTENTS)? {
                    let lines = String::from_utf8(lines).map_err(io::Error::other)?;
                    logs.insert(place.name, lines);
                }
            }
            Ok(())
        })?;
        let open = logs.iter().flat_map(|(log, lines)| {
            lines.lines().map(|line| OpenIntent {
                log: log.clone(),
                line: line.to_owned(),
            })
        });
        Ok(open.collect())
    }

    /// Notes that a record says of each open intent of a log how it ended.
    ///
    /// # Errors
    /// If no disk can be written. One that is away is told when the journal is opened again.
    pub fn reconciled(&self, log: &str) -> io::Result<()> {
        self.on_some_disk(|home| home.place(log).remove(OPEN_INTENTS))
    }

    /// Does it on each disk; an error is one only where it could be done on none.
    fn on_some_disk(&self, mut what: impl FnMut(&Home) -> io::Result<()>) -> io::Result<()> {
        let mut done = Err(io::ErrorKind::NotFound.into());
        for home in &self.homes {
            let now = what(home);
            if now.is_ok() || done.is_err() {
                done = now;
            }
        }
        done
    }

    fn waiting(&self, event: &Event, key: Option<&AuditKey>) -> Result<Waiting, JournalError> {
        let key = key.unwrap_or_else(|| self.identity().audit_key());
        let members = event
            .members(&self.log, key)
            .map_err(|error| JournalError::Unavailable(Arc::new(io::Error::other(error))))?;
        let age = event.wall.duration_since(SystemTime::UNIX_EPOCH);
        let wall_ms = age.unwrap_or_default().as_millis();
        Ok(Waiting {
            tenant: event.tenant.clone().unwrap_or_default(),
            ..Waiting::of_trail(
                event.kind,
                u64::try_from(wall_ms).unwrap_or_default(),
                members,
            )
        })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.entrance = None;
        self.provers.clear();
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        match ended.recv_timeout(self.commit_timeout) {
            Err(threads::RecvTimeoutError::Timeout) => {
                tracing::error!("the audit journal's disk hangs; leaving without it");
            }
            Ok(()) | Err(threads::RecvTimeoutError::Disconnected) => {
                for thread in self.threads.drain(..) {
                    if thread.join().is_err() {
                        tracing::error!("a thread of the audit journal failed");
                    }
                }
            }
        }
    }
}

async fn answer(acked: oneshot::Receiver<Answer>) -> Result<Recorded, JournalError> {
    acked
        .await
        .map_err(|_| JournalError::Closed)?
        .map_err(JournalError::Unavailable)
}

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
