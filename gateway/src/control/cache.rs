//! What was read or written lately, for a bounded time, and the newest version seen of each place for much
//! longer. It must not know the store.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::future::Cache;
use moka::sync::Cache as Memory;

use super::{ControlError, Document, Kept};
use crate::clock::Clock;

pub(super) struct Recent {
    clock: Clock,
    documents: Cache<Vec<String>, Held>,
    seen: Memory<Vec<String>, u64>,
}

/// A document, or that there is none, and since when that is known at the latest.
#[derive(Clone)]
struct Held {
    kept: Option<Arc<dyn Any + Send + Sync>>,
    version: u64,
    since: SystemTime,
}

impl Recent {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            // The injected clock decides on use; moka's own monotonic one drops what nobody asks for any more,
            // and bounds use where the wall clock was set back.
            documents: Cache::builder()
                .max_capacity(MOST_DOCUMENTS)
                .time_to_live(OLDEST)
                .build(),
            seen: Memory::new(MOST_SEEN),
        }
    }

    /// The document at a place; read by `read` unless it was within the bounded age. All who ask while one reads
    /// wait for that.
    pub(super) async fn get<T: Document>(
        &self,
        place: &[String],
        read: impl Future<Output = Result<Option<Kept<T>>, ControlError>>,
    ) -> Result<Option<Arc<Kept<T>>>, ControlError> {
        let key = place.to_vec();
        if let Some(held) = self.documents.get(&key).await {
            if self.is_young(held.since) {
                return Ok(typed(held.kept));
            }
            self.documents.invalidate(&key).await;
        }
        let since = self.clock.now();
        let reading = async {
            let kept = read.await?.map(Arc::new);
            Ok::<_, ControlError>(Held {
                version: kept.as_ref().map_or(0, |kept| kept.version),
                kept: kept.map(|kept| kept as Arc<dyn Any + Send + Sync>),
                since,
            })
        };
        let held = self.documents.try_get_with(key.clone(), reading).await;
        let held = held.map_err(|error| ControlError::clone(&error))?;
        // What this replica wrote while it read is newer than what it read.
        if self.seen(place).is_some_and(|seen| held.version < seen) {
            self.documents.invalidate(&key).await;
        }
        Ok(typed(held.kept))
    }

    /// Takes in what this replica has written.
    pub(super) async fn wrote<T: Document>(
        &self,
        place: &[String],
        version: u64,
        kept: Option<Arc<Kept<T>>>,
    ) {
        self.saw(place, version);
        let held = Held {
            kept: kept.map(|kept| kept as Arc<dyn Any + Send + Sync>),
            version,
            since: self.clock.now(),
        };
        self.documents.insert(place.to_vec(), held).await;
    }

    /// The newest version of a place that this replica has read or written.
    pub(super) fn seen(&self, place: &[String]) -> Option<u64> {
        self.seen.get(place)
    }

    pub(super) fn saw(&self, place: &[String], version: u64) {
        if self.seen(place).is_none_or(|seen| seen < version) {
            self.seen.insert(place.to_vec(), version);
        }
    }

    fn is_young(&self, since: SystemTime) -> bool {
        let age = self.clock.now().duration_since(since);
        age.is_ok_and(|age| age < OLDEST)
    }
}

/// A folder is of one kind, so what lies there is of its type.
fn typed<T: Document>(kept: Option<Arc<dyn Any + Send + Sync>>) -> Option<Arc<Kept<T>>> {
    kept.and_then(|kept| kept.downcast().ok())
}

/// The bound within which every replica follows a change.
const OLDEST: Duration = Duration::from_secs(5);
const MOST_DOCUMENTS: u64 = 100_000;
const MOST_SEEN: u64 = 1_000_000;
