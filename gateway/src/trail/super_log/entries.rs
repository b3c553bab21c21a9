//! The entries of the super-log in the system bucket: a chain that many replicas write into. It knows no journal.

use std::sync::Arc;

use audit::signed::entry_hash;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use serde::{Deserialize, Serialize};

use super::SuperLogError;

/// The entries in the system bucket. Each is written once: its number is taken by whoever writes it first.
#[derive(Debug, Clone)]
pub(super) struct Entries {
    pub(super) store: Arc<dyn ObjectStore>,
    /// How a number is taken.
    pub(super) taking: PutMode,
}

/// One entry, as whoever wrote it remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) number: u64,
    pub(super) hash: String,
}

impl Entries {
    /// Writes what `entry` makes of its number and the hash of the entry before, behind all others.
    pub(super) async fn append(
        &self,
        seen: Option<&Seen>,
        entry: impl Fn(u64, Option<&str>) -> String,
    ) -> Result<Seen, SuperLogError> {
        let mut from = seen.map_or(0, |seen| seen.number.saturating_add(1));
        for _ in 0..TRIES {
            let number = self.end(from).await?;
            let previous = match (number.checked_sub(1), seen) {
                (None, _) => None,
                // What the store has lost, the next entry names all the same.
                (Some(last), Some(seen)) if last == seen.number => Some(seen.hash.clone()),
                (Some(last), _) => self.hash_of(last).await?,
            };
            let entry = entry(number, previous.as_deref());
            let hash = entry_hash(entry.as_bytes());
            let (place, options) = (place(number), PutOptions::from(self.taking.clone()));
            match self.store.put_opts(&place, entry.into(), options).await {
                Ok(_) => return Ok(Seen { number, hash }),
                // Another replica was faster.
                Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => from = number,
                Err(error) => return Err(error.into()),
            }
        }
        Err(SuperLogError::Outrun)
    }

    /// The number of the next entry. Entries have no gaps behind `first`, so that their end is found by looking ahead from
    /// there in growing steps.
    async fn end(&self, first: u64) -> Result<u64, Error> {
        // Every entry before `low` is there, and the one at `high` is not.
        let (mut low, mut high, mut step) = (first, first, 1_u64);
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
        Ok(low)
    }

    async fn is_there(&self, number: u64) -> Result<bool, Error> {
        match self.store.head(&place(number)).await {
            Ok(_) => Ok(true),
            Err(Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The hash of an entry, if it is there.
    pub(super) async fn hash_of(&self, number: u64) -> Result<Option<String>, Error> {
        match self.store.get(&place(number)).await {
            Ok(found) => Ok(Some(entry_hash(&found.bytes().await?))),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Where the entry of this number is.
pub(super) fn place(number: u64) -> Path {
    Path::from(format!("{FOLDER}/{number:020}"))
}

/// In the system bucket.
pub(super) const FOLDER: &str = "audit/super";

/// Whoever is outrun was outrun by another replica's one entry: more than there are replicas.
const TRIES: usize = 100;

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use object_store::memory::InMemory;

    use super::*;

    fn taking(store: &Arc<InMemory>, taking: PutMode) -> Entries {
        let store: Arc<dyn ObjectStore> = store.clone();
        Entries { store, taking }
    }

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
        let entries = taking(&store, PutMode::Create);
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
        for first in 0..=40 {
            assert_eq!(entries.end(first).await.unwrap(), 40, "from {first}");
        }
    }

    #[tokio::test]
    async fn what_the_store_lost_is_not_written_again() {
        let store = Arc::new(InMemory::new());
        let entries = taking(&store, PutMode::Create);
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
