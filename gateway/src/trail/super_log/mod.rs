//! The super-log: what this replica's log was at times, in the system bucket, where other replicas write theirs into the
//! same sequence. So a log cannot vanish or be computed anew with nobody's noticing. Entries are written once.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use audit::signed::super_entry;
use audit::{Event, Kind};
use object_store::{ObjectStore, PutMode};
use tokio::sync::Mutex;

use super::Trail;
use entries::{Entries, Seen};

mod copy;
mod entries;

pub(crate) use copy::super_entries;
pub use copy::{CopyError, copy_super_log};

/// The super-log, as one replica writes and remembers it.
#[derive(Debug)]
pub struct SuperLog {
    entries: Entries,
    trail: Trail,
    /// The newest entry that this replica wrote, kept beside its journal: the store may forget.
    file: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    seen: Option<Seen>,
    /// How many lines of the log are registered.
    registered: u64,
}

/// Why an entry could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SuperLogError {
    /// The system bucket.
    #[error("the super-log in the system bucket cannot be read or written")]
    Store(#[from] object_store::Error),
    /// The store took longer.
    #[error("the store has not answered for {} s", AT_MOST.as_secs())]
    Silent,
    /// The journal.
    #[error("the audit log cannot be signed for the super-log")]
    Unsigned(#[from] audit::ProveError),
    /// The deployment's key.
    #[error("the deployment's key cannot sign")]
    Key(#[from] audit::signed::NoteError),
    /// Others were faster each time.
    #[error("other replicas are writing the super-log too fast")]
    Outrun,
}

impl SuperLog {
    /// The one in `store`, the system bucket, as far as this replica has written it. `conditional`: the store decides
    /// `If-None-Match`. Where it does not, an entry is written if none is there, and a race can lose one.
    pub fn new(
        store: Arc<dyn ObjectStore>,
        conditional: bool,
        trail: Trail,
        journal: &Path,
    ) -> Self {
        let file = journal.join(SEEN);
        let seen = remembered(&file).unwrap_or_else(|error| {
            tracing::warn!(%error, "how far the super-log was written is not remembered");
            None
        });
        let taking = if conditional {
            PutMode::Create
        } else {
            PutMode::Overwrite
        };
        let state = State {
            seen,
            registered: 0,
        };
        Self {
            entries: Entries { store, taking },
            trail,
            file,
            state: Mutex::new(state),
        }
    }

    /// Registers the log as it is, if it grew since it was registered last.
    pub async fn register(&self) -> Result<(), SuperLogError> {
        let registered = tokio::time::timeout(AT_MOST, self.try_register());
        registered.await.unwrap_or(Err(SuperLogError::Silent))
    }

    async fn try_register(&self) -> Result<(), SuperLogError> {
        let mut state = self.state.lock().await;
        let journal = &self.trail.journal;
        let checkpoint = journal.checkpoint().await?;
        if checkpoint.size <= state.registered {
            return Ok(());
        }
        let seen = state.seen.clone();
        if let Some(seen) = &seen
            && self.entries.hash_of(seen.number).await?.as_ref() != Some(&seen.hash)
        {
            self.forgotten(seen).await;
        }
        let key = journal.identity().deployment_key()?;
        let entry = |number, previous: Option<&str>| {
            super_entry(&key, number, previous, journal.log(), &checkpoint)
        };
        let written = self.entries.append(seen.as_ref(), entry).await?;
        self.remember(written, &mut state);
        state.registered = checkpoint.size;
        Ok(())
    }

    /// Registers the log every minute in which it grew, for as long as it is asked.
    pub async fn keep(&self) -> std::convert::Infallible {
        loop {
            tokio::time::sleep(EVERY).await;
            if let Err(error) = self.register().await {
                // The log goes on; what is missing is registered with the next entry.
                tracing::error!(
                    error = crate::error::report(&error),
                    "the audit log is not registered in the super-log"
                );
            }
        }
    }

    /// Registers the end of the log, unless the store takes so long that the process would be killed meanwhile.
    pub async fn end(&self) {
        let registered = tokio::time::timeout(AT_THE_END, self.register()).await;
        let why = match registered {
            Ok(Ok(())) => return,
            Ok(Err(error)) => crate::error::report(&error),
            Err(_) => "the store does not answer".to_owned(),
        };
        tracing::error!(
            error = why,
            "the end of the audit log is not in the super-log"
        );
    }

    /// The store has lost or changed what this replica wrote there. It goes on behind it, so that the hole stays.
    async fn forgotten(&self, seen: &Seen) {
        let number = seen.number;
        tracing::error!(
            number,
            "the store has lost or changed an entry of the super-log"
        );
        let mut event = Event::of_trail(Kind::Config, self.trail.now());
        event
            .detail
            .insert("super_log_lost".to_owned(), number.into());
        if let Err(error) = self.trail.record(&event).await {
            tracing::error!(%error, "that is not on the trail");
        }
    }

    fn remember(&self, seen: Seen, state: &mut State) {
        if let Err(error) = replace(&self.file, &seen) {
            tracing::warn!(%error, "how far the super-log was written is remembered until the next start only");
        }
        state.seen = Some(seen);
    }
}

/// What the file says, if there is one.
fn remembered(file: &Path) -> io::Result<Option<Seen>> {
    match std::fs::read(file) {
        Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whole or not at all, also when the power fails.
fn replace(file: &Path, seen: &Seen) -> io::Result<()> {
    let unfinished = file.with_extension("unfinished");
    let mut written = std::fs::File::create(&unfinished)?;
    written.write_all(&serde_json::to_vec(seen)?)?;
    written.sync_data()?;
    std::fs::rename(&unfinished, file)
}

/// In the journal's directory.
const SEEN: &str = "super-log-seen";
const EVERY: Duration = Duration::from_mins(1);
const AT_MOST: Duration = Duration::from_secs(20);
/// Less than service managers wait before they kill.
const AT_THE_END: Duration = Duration::from_secs(5);
