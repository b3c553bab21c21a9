//! Unwrapped keys in memory, for a bounded time: one unwrap for all who wait for the same key,
//! failures never kept as success. It must not know where keys come from.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use moka::{future::Cache, ops::compute::Op};

use crate::{Clock, KeyError, KeyErrorKind, KeyId, KeyMaterial, Purpose};

/// The keys of all tenants.
pub(super) struct UnwrappedKeys {
    clock: Clock,
    ttl: Duration,
    absence_ttl: Duration,
    keys: Cache<Name, Unwrapped>,
    absent: Cache<Name, Absent>,
}

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) tenant: Arc<str>,
    pub(super) id: KeyId,
    pub(super) purpose: Purpose,
}

impl UnwrappedKeys {
    /// `ttl` bounds how long a key is used, `absence_ttl` how long it is taken for missing,
    /// `capacity` how many keys are held.
    pub(super) fn new(clock: Clock, ttl: Duration, absence_ttl: Duration, capacity: u64) -> Self {
        // The injected clock decides on use; moka's own monotonic one wipes what nobody asks for
        // any more, and bounds use where the wall clock was set back.
        let keys = Cache::builder()
            .max_capacity(capacity)
            .time_to_live(ttl)
            .build();
        let absent = Cache::builder()
            .max_capacity(ABSENT_CAPACITY)
            .time_to_live(absence_ttl)
            .build();
        Self {
            clock,
            ttl,
            absence_ttl,
            keys,
            absent,
        }
    }

    /// The key, unwrapped by `unwrap` if it is not held or was held too long. Everyone who asks
    /// while an unwrap is under way waits for that one and shares its outcome.
    pub(super) async fn get(
        &self,
        name: Name,
        unwrap: impl Future<Output = Result<KeyMaterial, KeyError>>,
    ) -> Result<Arc<KeyMaterial>, KeyError> {
        if let Some(held) = self.keys.get(&name).await {
            if self.is_younger(held.since, self.ttl) {
                return Ok(held.material);
            }
            self.remove_if_same(&name, &held).await;
        }
        if let Some(absent) = self.absent.get(&name).await
            && self.is_younger(absent.since, self.absence_ttl)
        {
            return Err(absent.error);
        }
        let since = (self.clock)();
        let unwrapped = async {
            let material = Arc::new(unwrap.await?);
            Ok(Unwrapped { material, since })
        };
        match self.keys.try_get_with_by_ref(&name, unwrapped).await {
            Ok(unwrapped) => Ok(unwrapped.material),
            Err(error) => {
                let error = KeyError::clone(&error);
                if error.kind() == KeyErrorKind::Missing {
                    self.absent
                        .insert(
                            name,
                            Absent {
                                error: error.clone(),
                                since,
                            },
                        )
                        .await;
                }
                Err(error)
            }
        }
    }

    /// Drops a key at once.
    pub(super) async fn remove(&self, name: &Name) {
        self.keys.invalidate(name).await;
    }

    /// Wipes expired keys that nobody has asked for since.
    pub(super) async fn drop_expired(&self) {
        self.keys.run_pending_tasks().await;
        self.absent.run_pending_tasks().await;
    }

    /// Removes what we saw expire and not what another task has just put in its place.
    async fn remove_if_same(&self, name: &Name, expired: &Unwrapped) {
        self.keys
            .entry_by_ref(name)
            .and_compute_with(|entry| {
                let same = entry
                    .is_some_and(|entry| Arc::ptr_eq(&entry.value().material, &expired.material));
                std::future::ready(if same { Op::Remove } else { Op::Nop })
            })
            .await;
    }

    fn is_younger(&self, since: SystemTime, limit: Duration) -> bool {
        (self.clock)()
            .duration_since(since)
            .is_ok_and(|age| age < limit)
    }
}

impl fmt::Debug for UnwrappedKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnwrappedKeys")
            .field("count", &self.keys.entry_count())
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Unwrapped {
    material: Arc<KeyMaterial>,
    since: SystemTime,
}

#[derive(Clone)]
struct Absent {
    error: KeyError,
    since: SystemTime,
}

/// How many missing keys are remembered as missing.
const ABSENT_CAPACITY: u64 = 10_000;
