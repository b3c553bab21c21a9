//! Unwrapped keys in memory, for a bounded time: how long each serves, when it is renewed, what
//! serves while the key management is away, and which failures are remembered. It must not know
//! where keys come from.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use moka::{notification::RemovalCause, ops::compute::Op, policy::EvictionPolicy, sync::Cache};

use super::flight::Flights;
use crate::{Clock, KeyError, KeyErrorKind, KeyId, KeyMaterial, Purpose, Scope};

/// The keys of all tenants.
pub(super) struct UnwrappedKeys {
    clock: Clock,
    limits: Limits,
    keys: Cache<Name, Arc<Unwrapped>>,
    failures: Cache<Name, Arc<Failure>>,
    flights: Flights<Name, Result<Arc<Unwrapped>, KeyError>>,
    counts: Counts,
}

/// How long what is kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// A key is used without asking again.
    pub(super) ttl: Duration,
    /// Beyond that, a key is used while the key management is away.
    pub(super) stale: Duration,
    /// A refusal is repeated without asking again.
    pub(super) failure: Duration,
    /// How many keys.
    pub(super) capacity: u64,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Name {
    pub(super) tenant: Arc<str>,
    pub(super) id: KeyId,
    pub(super) purpose: Purpose,
}

/// What a key was unwrapped for: the generation of its keyring and the evictions of its tenant. A
/// key of another stamp is not used any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    pub(super) generation: u64,
    pub(super) evictions: u64,
}

/// Where a key is from, as the documents say now.
#[derive(Clone, Debug)]
pub(super) struct Origin {
    pub(super) scope: Scope,
    pub(super) stamp: Stamp,
    /// Its root key is somebody else's, who may revoke it: it is never used beyond its time.
    pub(super) held_outside: bool,
}

/// How requests for keys were answered since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheCounts {
    /// From memory, within its time.
    pub hits: u64,
    /// By unwrapping, or by waiting for somebody else's unwrapping.
    pub misses: u64,
    /// From memory beyond its time, because the key management was away.
    pub stale: u64,
    /// By an error remembered from a moment before.
    pub refusals: u64,
    /// Renewals ahead of time.
    pub renewals: u64,
    /// Keys that left memory: their time was over, they are of the past, or there were too many.
    pub evictions: u64,
    /// Keys in memory now.
    pub size: u64,
}

#[derive(Default)]
struct Counts {
    hits: AtomicU64,
    misses: AtomicU64,
    stale: AtomicU64,
    refusals: AtomicU64,
    renewals: AtomicU64,
    evictions: Arc<AtomicU64>,
}

/// A key and where it is from.
pub(super) struct Unwrapped {
    material: Arc<KeyMaterial>,
    since: SystemTime,
    origin: Origin,
    used: AtomicBool,
}

struct Failure {
    error: KeyError,
    since: SystemTime,
    /// `None` where the key was not found at all.
    stamp: Option<Stamp>,
}

impl UnwrappedKeys {
    pub(super) fn new(clock: Clock, limits: Limits) -> Self {
        // The injected clock decides on use; moka's own monotonic one bounds how long anything
        // stays where the wall clock was set back.
        let counts = Counts::default();
        let evictions = Arc::clone(&counts.evictions);
        let keys = Cache::builder()
            .max_capacity(limits.capacity)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(limits.ttl.saturating_add(limits.stale))
            .eviction_listener(move |_, _, cause| {
                if cause != RemovalCause::Replaced {
                    count(&evictions);
                }
            })
            .build();
        let failures = Cache::builder()
            .max_capacity(FAILURES_KEPT)
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(limits.failure)
            .build();
        Self {
            clock,
            limits,
            keys,
            failures,
            flights: Flights::new(),
            counts,
        }
    }

    /// The key, unwrapped by `unwrap` if it is not held or was held too long. Everyone who asks
    /// while an unwrap is under way waits for that one and shares its outcome.
    pub(super) async fn get(
        &self,
        name: &Name,
        origin: Origin,
        unwrap: impl Future<Output = Result<KeyMaterial, KeyError>>,
    ) -> Result<Arc<KeyMaterial>, KeyError> {
        let held = self.held(name, origin.stamp);
        if let Some(held) = &held
            && self.age_is_below(held.since, self.limits.ttl)
        {
            held.used.store(true, Ordering::Relaxed);
            count(&self.counts.hits);
            return Ok(Arc::clone(&held.material));
        }
        if let Some(error) = self.refusal(name, Some(origin.stamp)) {
            return Err(error);
        }
        count(&self.counts.misses);
        match self.fetch(name, origin, unwrap).await {
            Ok(unwrapped) => Ok(Arc::clone(&unwrapped.material)),
            Err(error) => match held.filter(|held| self.may_stand_in(held, &error)) {
                Some(held) => {
                    count(&self.counts.stale);
                    Ok(Arc::clone(&held.material))
                }
                None => Err(error),
            },
        }
    }

    /// Unwraps a key that is held anew, ahead of its time. What happens on failure is as in
    /// [`get`](Self::get).
    pub(super) async fn renew(
        &self,
        name: &Name,
        origin: Origin,
        unwrap: impl Future<Output = Result<KeyMaterial, KeyError>>,
    ) -> Result<(), KeyError> {
        count(&self.counts.renewals);
        self.fetch(name, origin, unwrap).await.map(drop)
    }

    /// An error that is remembered of this key: of this stamp, or of its not being found.
    pub(super) fn refusal(&self, name: &Name, stamp: Option<Stamp>) -> Option<KeyError> {
        let failure = self.failures.get(name)?;
        let counts =
            failure.stamp == stamp && self.age_is_below(failure.since, self.limits.failure);
        counts.then(|| {
            count(&self.counts.refusals);
            failure.error.clone()
        })
    }

    /// Remembers that there is no such key.
    pub(super) fn is_missing(&self, name: &Name, error: &KeyError) {
        self.remember(name, None, error, (self.clock)());
    }

    /// Drops a key at once.
    pub(super) fn remove(&self, name: &Name) {
        self.keys.invalidate(name);
    }

    /// Wipes keys whose time is over, and those that `is_current` says are of the past. Gives those
    /// that were used and will be over soon, to be renewed.
    pub(super) fn sweep(&self, is_current: impl Fn(&Name, &Origin) -> bool) -> Vec<Name> {
        let soon = self.limits.ttl.mul_f64(RENEWED_AT);
        let mut due = Vec::new();
        for (name, held) in &self.keys {
            let kept = if held.origin.held_outside {
                self.limits.ttl
            } else {
                self.limits.ttl.saturating_add(self.limits.stale)
            };
            if !self.age_is_below(held.since, kept) || !is_current(&name, &held.origin) {
                self.remove_if_same(&name, &held);
            } else if !self.age_is_below(held.since, soon)
                && held.used.load(Ordering::Relaxed)
                && self.refusal(&name, Some(held.origin.stamp)).is_none()
            {
                due.push(Name::clone(&name));
            }
        }
        self.keys.run_pending_tasks();
        self.failures.run_pending_tasks();
        due
    }

    pub(super) fn counts(&self) -> CacheCounts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        self.keys.run_pending_tasks();
        CacheCounts {
            hits: read(&self.counts.hits),
            misses: read(&self.counts.misses),
            stale: read(&self.counts.stale),
            refusals: read(&self.counts.refusals),
            renewals: read(&self.counts.renewals),
            evictions: read(&self.counts.evictions),
            size: self.keys.entry_count(),
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.keys.run_pending_tasks();
        self.keys.entry_count()
    }

    fn held(&self, name: &Name, stamp: Stamp) -> Option<Arc<Unwrapped>> {
        let held = self.keys.get(name)?;
        if held.origin.stamp == stamp {
            return Some(held);
        }
        self.remove_if_same(name, &held);
        None
    }

    async fn fetch(
        &self,
        name: &Name,
        origin: Origin,
        unwrap: impl Future<Output = Result<KeyMaterial, KeyError>>,
    ) -> Result<Arc<Unwrapped>, KeyError> {
        let stamp = origin.stamp;
        let work = async {
            // From the beginning, so that the bound holds however long the answer takes.
            let since = (self.clock)();
            match unwrap.await {
                Ok(material) => {
                    let unwrapped = Arc::new(Unwrapped {
                        material: Arc::new(material),
                        since,
                        origin,
                        used: AtomicBool::new(false),
                    });
                    self.keys.insert(name.clone(), Arc::clone(&unwrapped));
                    self.failures.invalidate(name);
                    Ok(unwrapped)
                }
                Err(error) => {
                    if error.kind() != KeyErrorKind::Unavailable {
                        // The key management has spoken: what it refuses now is not used any more.
                        self.keys.invalidate(name);
                        self.remember(name, Some(stamp), &error, since);
                    }
                    Err(error)
                }
            }
        };
        self.flights.join(name, work).await
    }

    /// Only while the key management cannot be asked, and not for ever.
    fn may_stand_in(&self, held: &Unwrapped, error: &KeyError) -> bool {
        let limit = self.limits.ttl.saturating_add(self.limits.stale);
        error.kind() == KeyErrorKind::Unavailable
            && !held.origin.held_outside
            && self.age_is_below(held.since, limit)
    }

    /// Passing failures are not remembered here: their back-off is their root key's.
    fn remember(&self, name: &Name, stamp: Option<Stamp>, error: &KeyError, since: SystemTime) {
        let failure = Failure {
            error: error.clone(),
            since,
            stamp,
        };
        self.failures.insert(name.clone(), Arc::new(failure));
    }

    /// Removes what we saw and not what another task has just put in its place.
    fn remove_if_same(&self, name: &Name, seen: &Arc<Unwrapped>) {
        self.keys.entry_by_ref(name).and_compute_with(|entry| {
            let same = entry.is_some_and(|entry| Arc::ptr_eq(entry.value(), seen));
            if same { Op::Remove } else { Op::Nop }
        });
    }

    fn age_is_below(&self, since: SystemTime, limit: Duration) -> bool {
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

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// Share of its time after which a key that is used is renewed.
const RENEWED_AT: f64 = 0.8;

/// How many refused keys are remembered as refused.
const FAILURES_KEPT: u64 = 10_000;
