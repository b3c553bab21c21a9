//! The journal: events as lines in append-only files, on disk before [`Journal::record`] returns.
//! The
//! lines of one run are one log, in a directory of its own. It must not know what the events mean.

mod checkpointer;
mod closing;
mod directory;
mod headroom;
mod health;
mod home;
mod leaves;
mod queue;
mod segments;
mod sign;
mod writer;

use std::{
    fs::{File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, mpsc as threads},
    thread::JoinHandle,
    time::{Duration, SystemTime},
};

use tokio::sync::oneshot;
use uuid::Uuid;

use crate::signed::Checkpoint;
use crate::{AuditKey, Event, Identity};
use checkpointer::{Checkpointer, Told};
pub use checkpointer::{Proof, ProveError};
pub use closing::Closed;
pub(crate) use closing::{HOLE, without_room};
use directory::Directory;
use headroom::Headroom;
pub use health::Health;
use home::{Home, LogPlace, OPEN_INTENTS};
use leaves::Leaves;
use queue::{Answer, Entrance, Waiting, queue};
use segments::{Segments, Volume};
use sign::Signing;
pub use writer::Recorded;
use writer::Writer;
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
    /// Bytes kept free on the disk for what must be recorded when it is full.
    pub headroom: u64,
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
    prover: Option<threads::Sender<Told>>,
    commit_timeout: Duration,
    opening: Opening,
    home: Home,
    log: String,
    signing: Signing,
    health: Arc<Health>,
    /// Behind a lock only because a receiver is not `Sync` and a journal is shared.
    ended: Mutex<threads::Receiver<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Journal {
    /// Opens the journal in `directory`, which is made (mode 0700) if it is missing: closes the logs that were left
    /// open, and begins one named after the replica and the time `now`. Blocks on the disk.
    ///
    /// # Errors
    /// [`JournalError::InUse`] while another journal has the directory, [`JournalError::Open`] for
    /// the rest.
    pub fn open(
        directory: &Path,
        identity: Arc<Identity>,
        settings: Settings,
        now: SystemTime,
    ) -> Result<Self, JournalError> {
        Self::open_on(directory, identity, settings, now, |place| {
            Box::new(Directory::new(place.segments()))
        })
    }

    /// The same with segments on another volume, for tests.
    fn open_on(
        directory: &Path,
        identity: Arc<Identity>,
        settings: Settings,
        now: SystemTime,
        volume: impl FnOnce(&LogPlace) -> Box<dyn Volume>,
    ) -> Result<Self, JournalError> {
        let failed = |source: io::Error| JournalError::Open {
            directory: directory.to_owned(),
            source: Arc::new(source),
        };
        let home = Home::open(directory).map_err(failed)?;
        let lock = home.lock().map_err(|error| match error {
            TryLockError::WouldBlock => JournalError::InUse {
                directory: directory.to_owned(),
            },
            TryLockError::Error(source) => failed(source),
        })?;
        let signing = Signing::new(identity);
        let mut opening = Opening::default();
        for log in home.logs().map_err(failed)? {
            let closed = closing::close(&log, &signing).map_err(failed)?;
            opening.closed.extend(closed);
        }
        let place = home
            .begin(&log_name(&settings.replica, now))
            .map_err(failed)?;
        let segments = Segments::new(volume(&place), settings.segment_bytes);
        Self::start(home, place, signing, segments, opening, &settings, lock).map_err(failed)
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
        let (reply, proved) = oneshot::channel();
        let prover = self.prover.as_ref().ok_or(ProveError::Unavailable)?;
        prover
            .send(Told::Prove(seq, reply))
            .map_err(|_| ProveError::Unavailable)?;
        proved.await.map_err(|_| ProveError::Unavailable)?
    }

    /// A checkpoint of this run's log as it is, signed now if it is not yet.
    ///
    /// # Errors
    /// If there is no line, or the disk does not take the checkpoint.
    pub async fn checkpoint(&self) -> Result<Checkpoint, ProveError> {
        let (reply, signed) = oneshot::channel();
        let signer = self.prover.as_ref().ok_or(ProveError::Unavailable)?;
        signer
            .send(Told::Checkpoint(reply))
            .map_err(|_| ProveError::Unavailable)?;
        signed.await.map_err(|_| ProveError::Unavailable)?
    }

    /// The intents of earlier runs that have no outcome, and were not [reconciled](Self::reconciled) either.
    ///
    /// # Errors
    /// If the disk cannot be read.
    pub fn open_intents(&self) -> io::Result<Vec<OpenIntent>> {
        let mut open = Vec::new();
        for place in self.home.logs()? {
            let Some(lines) = place.read(OPEN_INTENTS)? else {
                continue;
            };
            let lines = String::from_utf8(lines).map_err(io::Error::other)?;
            open.extend(lines.lines().map(|line| OpenIntent {
                log: place.name.clone(),
                line: line.to_owned(),
            }));
        }
        Ok(open)
    }

    /// Notes that a record says of each open intent of a log how it ended.
    ///
    /// # Errors
    /// If the disk cannot be written.
    pub fn reconciled(&self, log: &str) -> io::Result<()> {
        for place in self.home.logs()? {
            if place.name == log {
                place.remove(OPEN_INTENTS)?;
            }
        }
        Ok(())
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
            wall_ms: u64::try_from(wall_ms).unwrap_or_default(),
            kind: event.kind,
            members,
            wants_line: false,
            ack: None,
            place: None,
        })
    }

    fn start(
        home: Home,
        place: LogPlace,
        signing: Signing,
        segments: Segments,
        opening: Opening,
        settings: &Settings,
        lock: File,
    ) -> io::Result<Self> {
        let certificate = signing.certify(&place)?;
        let log = place.name.clone();
        let headroom = Headroom::take(home.headroom(), settings.headroom);
        let health = Arc::new(Health::default());
        let (entrance, arrivals) = queue(settings.queue, settings.late);
        let (prover, told) = threads::channel();
        let (ending, ended) = threads::channel();
        let key = signing.identity().audit_key().clone();
        let leaves = Leaves::default();
        let signer = (leaves.clone(), prover.clone());
        let writers = Arc::clone(&health);
        let writer = Writer::new(segments, arrivals, signer, writers, headroom, &log, key);
        let every = settings.checkpoint_every;
        let checkpointer =
            Checkpointer::new(place, signing.clone(), certificate, (told, leaves), every);
        let writing = std::thread::Builder::new()
            .name("audit-journal".to_owned())
            .spawn(move || writer.run())?;
        let signing_thread = std::thread::Builder::new()
            .name("audit-sign".to_owned())
            .spawn(move || {
                checkpointer.run();
                // In this order: who waits for the end may open the directory again.
                drop(lock);
                drop(ending);
            })?;
        Ok(Self {
            entrance: Some(entrance),
            prover: Some(prover),
            commit_timeout: settings.commit_timeout,
            opening,
            home,
            log,
            signing,
            health,
            ended: Mutex::new(ended),
            threads: vec![writing, signing_thread],
        })
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.entrance = None;
        self.prover = None;
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

/// `<replica>-<time>-<random>`: no two are the same, and those of one replica sort by its clock's time, to the
/// millisecond: in a second it can be started twice.
fn log_name(replica: &str, now: SystemTime) -> String {
    let replica: String = replica
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || "-_.".contains(*c))
        .take(REPLICA_LIMIT)
        .collect();
    let time = time::OffsetDateTime::from(now)
        .to_offset(time::UtcOffset::UTC)
        .format(LOG_TIME)
        .unwrap_or_default();
    let random = Uuid::new_v4().simple().to_string();
    let random = random.get(..8).unwrap_or_default();
    let replica = if replica.is_empty() {
        "replica"
    } else {
        &replica
    };
    format!("{replica}-{time}-{random}")
}

const LOG_TIME: &[time::format_description::BorrowedFormatItem<'_>] = time::macros::format_description!(
    "[year][month][day]T[hour][minute][second].[subsecond digits:3]Z"
);

/// Characters.
const REPLICA_LIMIT: usize = 64;

#[cfg(test)]
mod faults;
#[cfg(test)]
mod tests;
