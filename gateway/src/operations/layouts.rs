//! What is known of objects read lately: size, `ETag`, layout. A hint, never an authority: whatever is
//! asked of the store by it is checked against the answer.

use std::sync::Arc;

use moka::sync::Cache;
use sealed_object::{Layout, ObjectId, Tail, TrailerFacts};

use super::Place;

/// An object as it was when last read.
#[derive(Debug)]
pub(super) struct Known {
    /// The store's `ETag`; what is known holds for this one only.
    pub(super) etag: String,
    /// The sealed object's own id. A store that lies about ETags must not make another object's layout stick.
    pub(super) object_id: ObjectId,
    /// Where each plaintext byte lies.
    pub(super) layout: Layout,
    /// What the trailer keeps about the plaintext, where the end of the object was read.
    pub(super) ending: Option<Ending>,
}

/// What the authenticated end of an object says beside its layout.
#[derive(Debug)]
pub(super) struct Ending {
    /// Digests and checksums.
    pub(super) facts: TrailerFacts,
}

impl Ending {
    pub(super) fn of(tail: &Tail) -> Self {
        Self {
            facts: tail.facts().clone(),
        }
    }
}

/// A bounded cache.
#[derive(Debug, Clone)]
pub struct Layouts(Cache<(String, String, Option<String>), Arc<Known>>);

impl Default for Layouts {
    fn default() -> Self {
        Self(
            Cache::builder()
                .max_capacity(MOST_PARTS)
                .weigher(|_, known: &Arc<Known>| {
                    u32::try_from(known.layout.parts())
                        .unwrap_or(u32::MAX)
                        .saturating_add(3)
                })
                .build(),
        )
    }
}

impl Layouts {
    /// What is known of the object, or of one version of it.
    pub(super) fn get(&self, place: &Place, version: Option<&str>) -> Option<Arc<Known>> {
        self.0.get(&key(place, version))
    }

    /// Remembers.
    pub(super) fn insert(&self, place: &Place, version: Option<&str>, known: Arc<Known>) {
        self.0.insert(key(place, version), known);
    }
}

fn key(place: &Place, version: Option<&str>) -> (String, String, Option<String>) {
    (
        place.bucket.upstream.clone(),
        place.key.clone(),
        version.map(str::to_owned),
    )
}

/// Some 100 bytes a part, and three parts' worth for each object.
const MOST_PARTS: u64 = 100_000;
