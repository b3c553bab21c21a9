//! The trail's archive: a bucket with Object Lock into which each replica copies its signed lines, with all that proves them,
//! and the super-log. At least once, for ever, and no request waits for it. It has no key of a tenant, and removes nothing.

mod bucket;
mod copying;
mod fetch;
mod worm;

use std::collections::{HashMap, HashSet};
use std::convert::Infallible;
use std::io;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use audit::archiving::{ArchiveObject, ArchivedLog};
use audit::{Cursor, Event, Identity, Kind};
use futures_util::FutureExt as _;
use object_store::ObjectStore;
use tokio::sync::Mutex;

use crate::clock::Clock;
use crate::config::{ArchiveConfig, AuditConfig};
use crate::sinks::Backoff;
use crate::telemetry::ArchiveMeters;
use crate::trail::Trail;
use crate::upstream::UpstreamError;
pub use bucket::ArchiveBucket;
use bucket::Put;
pub use fetch::{FetchError, Fetched, fetch};
pub use worm::{Lack, TrialError};

/// The archive as one replica writes it; clones write the same.
#[derive(Clone)]
pub struct Archive(Arc<Writer>);

struct Writer {
    bucket: ArchiveBucket,
    sources: Sources,
    journal: PathBuf,
    /// The journal on another disk, for lines that this one lost.
    second_journal: Option<PathBuf>,
    cursor: PathBuf,
    retention: Duration,
    every: Duration,
    meters: ArchiveMeters,
    clock: Clock,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whether the bucket was found, or made.
    made: bool,
    /// Of each log how many lines are archived, under a checkpoint that is. None until it could be read.
    cursor: Option<Cursor>,
    logs: HashMap<String, ArchivedLog>,
    /// Logs that have ended and are archived to their end.
    finished: HashSet<String>,
    /// What was found, so that it is told once.
    found: HashSet<String>,
    /// The day of which it is on record that the bucket was tried, and whether it held.
    tried: Option<(u64, bool)>,
    /// Since when something is missing in the archive.
    behind_since: Option<SystemTime>,
}

/// Why the archive has to try again.
#[derive(Debug, thiserror::Error)]
enum ArchiveError {
    #[error("the journal or the cursor cannot be read or written")]
    Disk(#[from] io::Error),
    #[error("the archive's bucket cannot be written")]
    Store(#[from] UpstreamError),
    #[error("the super-log cannot be read")]
    SuperLog(#[from] object_store::Error),
    #[error("the deployment's key cannot verify")]
    Key(#[from] audit::signed::NoteError),
    #[error(
        "other bytes are under every name that {0} could have: make room for it, or name another prefix"
    )]
    Crowded(String),
    #[error("the archive's work broke off, which is an error in the gateway")]
    Broke,
}

/// What is archived.
#[derive(Debug)]
pub struct Sources {
    /// Whose trail it is.
    pub identity: Arc<Identity>,
    /// Where it is put on record what is found.
    pub trail: Trail,
    /// The system bucket, with the super-log.
    pub system: Arc<dyn ObjectStore>,
}

impl Archive {
    /// The archive that `[audit.archive]` is about, of the journal that `[audit]` is about.
    pub fn new(
        (audit, config): (&AuditConfig, &ArchiveConfig),
        bucket: ArchiveBucket,
        sources: Sources,
        meters: &ArchiveMeters,
        clock: Clock,
    ) -> Self {
        if !config.keeps_six_years() {
            tracing::warn!("the archive of the trail is kept for less than six years");
        }
        meters.begin(&bucket.bucket);
        let name = bucket.fingerprint();
        Self(Arc::new(Writer {
            bucket,
            sources,
            journal: audit.journal.clone(),
            second_journal: audit.second_journal.clone(),
            cursor: audit.journal.join(CURSORS).join(name + ".cursor"),
            retention: config.retention,
            every: config.every,
            meters: meters.clone(),
            clock,
            state: Mutex::default(),
        }))
    }

    /// Archives what is signed, for as long as it is asked.
    pub async fn run(self) -> Infallible {
        let mut backoff = Backoff::default();
        loop {
            match unbroken(Box::pin(self.0.step())).await {
                Ok(()) => {
                    if backoff.reset() {
                        tracing::info!("the archive takes the trail again");
                    }
                    tokio::time::sleep(self.0.every).await;
                }
                Err(error) => {
                    let wait = backoff.next();
                    self.0.meters.failed(&self.0.bucket.bucket);
                    tracing::error!(
                        bucket = self.0.bucket.bucket,
                        error = crate::error::report(&error),
                        again_in_ms = wait.as_millis(),
                        "the archive does not take the trail"
                    );
                    tokio::time::sleep(wait).await;
                }
            }
        }
    }

    /// Archives the end of the log, unless the store takes so long that the process would be killed meanwhile. The next
    /// start would do it, if the disk is still there.
    pub async fn end(&self) {
        let why = match tokio::time::timeout(AT_THE_END, self.0.step()).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => crate::error::report(&error),
            Err(_) => "the store does not answer".to_owned(),
        };
        tracing::error!(
            error = why,
            "the end of the audit log is not in the archive"
        );
    }
}

impl Writer {
    /// Whatever there is to do now.
    async fn step(&self) -> Result<(), ArchiveError> {
        let mut state = self.state.lock().await;
        let done = match self.made(&mut state).await {
            // Caught here as well, so that it is told how far the archive is behind.
            Ok(()) => unbroken(Box::pin(self.copy(&mut state))).await,
            Err(error) => Err(error),
        };
        self.tell_lag(&mut state, done.is_ok()).await?;
        // Tried even where nothing can be written: it says why, and how that is mended.
        self.prove(&mut state).await;
        done
    }

    async fn made(&self, state: &mut State) -> Result<(), ArchiveError> {
        if !state.made {
            self.bucket.make(self.retention).await?;
            state.made = true;
        }
        Ok(())
    }

    async fn tell_lag(&self, state: &mut State, done: bool) -> Result<(), ArchiveError> {
        let behind = self.behind(state).await?;
        let now = self.clock.now();
        if done {
            state.behind_since = None;
        }
        if !done && behind > 0 {
            state.behind_since = state.behind_since.or(Some(now));
        }
        let since = state
            .behind_since
            .and_then(|since| now.duration_since(since).ok());
        self.meters
            .lag(&self.bucket.bucket, behind, since.unwrap_or_default());
        Ok(())
    }

    /// Once a day, and until it does, tries whether what is archived stays. What it finds is on the trail, once a day and where
    /// it is no more what it was.
    async fn prove(&self, state: &mut State) {
        let now = self.clock.now();
        let day = |time: SystemTime| {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            since.as_secs() / (24 * 3600)
        };
        if state.tried == Some((day(now), true)) {
            return;
        }
        let name = &self.bucket.bucket;
        let lacks = match self.bucket.try_worm(&self.sources.identity, now).await {
            Ok(lacks) => lacks,
            Err(error) => {
                self.meters.proven(name, false);
                self.meters.failed(name);
                let error = crate::error::report(&error);
                tracing::error!(
                    bucket = name,
                    error,
                    "whether the archive holds is not known"
                );
                return;
            }
        };
        for lack in &lacks {
            let why = lack.to_string();
            tracing::error!(bucket = name, why, "the archive can be changed");
        }
        let holds = lacks.is_empty();
        self.meters.proven(name, holds);
        let tried = Some((day(now), holds));
        if state.tried == tried {
            return;
        }
        let mut event = Event::of_trail(Kind::Config, now);
        let detail = serde_json::json!({ "bucket": name, "holds": holds });
        event.detail.insert("archive_tried".to_owned(), detail);
        if self.record(&event).await {
            state.tried = tried;
        }
    }

    /// Writes an object once. Whether it is there.
    async fn keep(
        &self,
        state: &mut State,
        object: &ArchiveObject,
        until: SystemTime,
    ) -> Result<bool, ArchiveError> {
        let usual = self.usual();
        let first = self.bucket.put(object, until).await;
        let is_refused = match &first {
            Ok(put) => *put == Put::Taken,
            Err(error) => matches!(error, UpstreamError::Refused { .. }) && !error.may_pass(),
        };
        let put = if is_refused && until > usual {
            // A time that somebody's object has and this store does not take must not hold up everybody's lines.
            let put = self.bucket.put(object, usual).await?;
            if put == Put::Kept {
                self.found(state, "archive_retention_refused", object.name())
                    .await;
            }
            put
        } else {
            first?
        };
        match put {
            Put::Kept => {
                self.meters.kept(&self.bucket.bucket);
                Ok(true)
            }
            Put::Taken => {
                self.found(state, "archive_taken", object.name()).await;
                Ok(false)
            }
        }
    }

    /// Until when everything is kept at least.
    fn usual(&self) -> SystemTime {
        let now = self.clock.now();
        now.checked_add(self.retention).unwrap_or(now)
    }

    /// Tells, once, that something is not as it was written.
    async fn found(&self, state: &mut State, what: &str, place: &str) {
        if !state.found.insert(format!("{what} {place}")) {
            return;
        }
        self.meters.found(&self.bucket.bucket);
        tracing::error!(
            bucket = self.bucket.bucket,
            place,
            problem = what,
            "the archive and the trail are not what they were"
        );
        let mut event = Event::of_trail(Kind::Config, self.clock.now());
        event.detail.insert(what.to_owned(), place.into());
        self.record(&event).await;
    }

    async fn record(&self, event: &Event) -> bool {
        let recorded = self.sources.trail.record(event).await;
        if let Err(error) = &recorded {
            tracing::error!(%error, "what was found about the archive is not on the trail");
        }
        recorded.is_ok()
    }
}

impl std::fmt::Debug for Archive {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Archive")
            .field("bucket", &self.0.bucket)
            .finish_non_exhaustive()
    }
}

/// Work whose panic is one more failure, after which it is tried again: the archive must never have ended unseen.
async fn unbroken(
    work: impl Future<Output = Result<(), ArchiveError>>,
) -> Result<(), ArchiveError> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or(Err(ArchiveError::Broke))
}

/// In the journal's directory.
const CURSORS: &str = "archive";

/// Less than service managers wait before they kill.
const AT_THE_END: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests;
