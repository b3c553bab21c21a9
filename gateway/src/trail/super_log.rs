//! The super-log: what this replica's log was at times, in the system bucket, where other replicas write theirs into the
//! same sequence. So a log cannot vanish or be computed anew with nobody's noticing. Entries are written once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use audit::signed::{entry_hash, super_entry};
use audit::{Event, Kind};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;

use super::Trail;

/// The super-log, as one replica writes and remembers it.
#[derive(Debug, Clone)]
pub struct SuperLog {
    entries: Entries,
    trail: Trail,
    /// The newest entry that this replica has seen, kept beside its journal: the store may forget.
    file: PathBuf,
    state: Arc<Mutex<State>>,
}

/// The entries in the system bucket. Each is written once: its number is taken by whoever writes it first.
#[derive(Debug, Clone)]
struct Entries(Arc<dyn ObjectStore>);

#[derive(Debug, Default)]
struct State {
    seen: Option<Seen>,
    /// How many lines of the log are registered.
    registered: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    number: u64,
    hash: String,
}

/// Why an entry could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SuperLogError {
    /// The system bucket.
    #[error("the super-log in the system bucket cannot be read or written")]
    Store(#[from] Error),
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
    /// The one in `store`, the system bucket, as far as this replica has seen it.
    pub fn new(store: Arc<dyn ObjectStore>, trail: Trail, journal: &std::path::Path) -> Self {
        let file = journal.join(SEEN);
        let seen = std::fs::read(&file).ok();
        let seen = seen.and_then(|text| serde_json::from_slice(&text).ok());
        let state = State {
            seen,
            registered: 0,
        };
        Self {
            entries: Entries(store),
            trail,
            file,
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// Registers the log as it is, if it grew since it was registered last.
    pub async fn register(&self) -> Result<(), SuperLogError> {
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

    /// The store has lost or changed what this replica wrote or read there. It goes on behind it, so that the hole stays.
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
        let unfinished = self.file.with_extension("unfinished");
        let kept = serde_json::to_vec(&seen)
            .map_err(std::io::Error::from)
            .and_then(|text| std::fs::write(&unfinished, text))
            .and_then(|()| std::fs::rename(&unfinished, &self.file));
        if let Err(error) = kept {
            tracing::warn!(%error, "how far the super-log was seen is remembered until the next start only");
        }
        state.seen = Some(seen);
    }
}

impl Entries {
    /// Writes what `entry` makes of its number and the hash of the entry before, behind all others.
    async fn append(
        &self,
        seen: Option<&Seen>,
        entry: impl Fn(u64, Option<&str>) -> String,
    ) -> Result<Seen, SuperLogError> {
        for _ in 0..TRIES {
            let (number, previous) = self.end(seen).await?;
            let entry = entry(number, previous.as_deref());
            let hash = entry_hash(entry.as_bytes());
            let (place, once) = (place(number), PutOptions::from(PutMode::Create));
            match self.0.put_opts(&place, entry.into(), once).await {
                Ok(_) => return Ok(Seen { number, hash }),
                // Another replica was faster.
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(SuperLogError::Outrun)
    }

    /// The number of the next entry and the hash of the one before. Entries have no gaps, so that their end is found
    /// by looking ahead in growing steps from the last one that was seen.
    async fn end(&self, seen: Option<&Seen>) -> Result<(u64, Option<String>), Error> {
        let first = seen.map_or(0, |seen| seen.number.saturating_add(1));
        // Every entry before `low` is there, and the one at `high` is not.
        let (mut low, mut step) = (first, 1_u64);
        let mut high = first;
        while self.is_there(high).await? {
            low = high.saturating_add(1);
            high = high.saturating_add(step);
            step = step.saturating_mul(2);
        }
        while low < high {
            let middle = low.midpoint(high);
            if self.is_there(middle).await? {
                low = middle.saturating_add(1);
            } else {
                high = middle;
            }
        }
        // What the store has lost, the next entry names all the same.
        let previous = match (low.checked_sub(1), seen) {
            (None, _) => None,
            (Some(last), Some(seen)) if last == seen.number => Some(seen.hash.clone()),
            (Some(last), _) => self.hash_of(last).await?,
        };
        Ok((low, previous))
    }

    async fn is_there(&self, number: u64) -> Result<bool, Error> {
        match self.0.head(&place(number)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    async fn hash_of(&self, number: u64) -> Result<Option<String>, Error> {
        match self.0.get(&place(number)).await {
            Ok(found) => Ok(Some(entry_hash(&found.bytes().await?))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Copies the super-log out of the system bucket into a directory, where `sealgate-verify` looks for it. How many entries.
pub async fn copy_super_log(
    store: &Arc<dyn ObjectStore>,
    to: &std::path::Path,
) -> Result<u64, CopyError> {
    use futures_util::TryStreamExt as _;
    std::fs::create_dir_all(to)?;
    let prefix = Path::from(FOLDER);
    let mut entries = store.list(Some(&prefix));
    let mut count = 0_u64;
    while let Some(entry) = entries.try_next().await? {
        let name = entry.location.filename().unwrap_or_default();
        let bytes = store.get(&entry.location).await?.bytes().await?;
        std::fs::write(to.join(name), bytes)?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// Why a super-log could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// From where.
    #[error("the super-log in the system bucket cannot be read")]
    Store(#[from] Error),
    /// To where.
    #[error("it cannot be written")]
    Disk(#[from] std::io::Error),
}

fn place(number: u64) -> Path {
    Path::from(format!("{FOLDER}/{number:020}"))
}

/// In the system bucket.
const FOLDER: &str = "audit/super";
/// In the journal's directory.
const SEEN: &str = "super-log-seen";
const EVERY: Duration = Duration::from_mins(1);
const AT_THE_END: Duration = Duration::from_secs(5);
const TRIES: usize = 20;

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use object_store::memory::InMemory;

    use super::*;

    fn entry(number: u64, previous: Option<&str>) -> String {
        format!("{number} {}", previous.unwrap_or("-"))
    }

    async fn all(store: &InMemory, count: u64) -> Vec<String> {
        let mut texts = Vec::new();
        for number in 0..count {
            let bytes = store.get(&place(number)).await.unwrap().bytes().await;
            texts.push(String::from_utf8(bytes.unwrap().to_vec()).unwrap());
        }
        texts
    }

    #[tokio::test]
    async fn entries_of_many_writers_are_one_chain() {
        let store = Arc::new(InMemory::new());
        let entries = Entries(store.clone());
        let writer = async || {
            let mut seen = None;
            for _ in 0..10 {
                seen = Some(entries.append(seen.as_ref(), entry).await.unwrap());
            }
        };
        join_all((0..4).map(|_| writer())).await;
        let texts = all(&store, 40).await;
        assert!(!entries.is_there(40).await.unwrap());
        let mut previous = "-".to_owned();
        for (number, text) in texts.iter().enumerate() {
            assert_eq!(*text, format!("{number} {previous}"));
            previous = entry_hash(text.as_bytes());
        }
        // Somebody new finds the end, wherever it begins to look.
        assert_eq!(entries.end(None).await.unwrap(), (40, Some(previous)));
    }

    #[tokio::test]
    async fn what_the_store_lost_is_not_written_again() {
        let store = Arc::new(InMemory::new());
        let entries = Entries(store.clone());
        let mut seen = None;
        for _ in 0..3 {
            seen = Some(entries.append(seen.as_ref(), entry).await.unwrap());
        }
        let lost = seen.unwrap();
        store.delete(&place(2)).await.unwrap();
        store.delete(&place(1)).await.unwrap();
        let next = entries.append(Some(&lost), entry).await.unwrap();
        assert_eq!(next.number, 3, "the hole stays");
        let bytes = store.get(&place(3)).await.unwrap().bytes().await.unwrap();
        assert_eq!(bytes, format!("3 {}", lost.hash).as_bytes());
    }
}
