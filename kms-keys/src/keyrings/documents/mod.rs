//! Keyring documents as this replica holds them: read at most as often as their bounded age asks,
//! by one task at a time, and never a generation older than one seen before. It must not unwrap
//! keys.

mod confirming;

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use moka::{policy::EvictionPolicy, sync::Cache};
use object_store::UpdateVersion;

use super::flight::Flights;
use crate::{
    Clock, DocumentFault, KeyError, KeyErrorKind, KeyId, Mirror, Scope,
    control::{ControlStore, DeploymentKey, Keyring, Mac, Written, place},
};

/// The keyrings this replica has met lately, and what it must not forget of all others.
pub(super) struct Documents {
    store: ControlStore,
    mirror: Option<Mirror>,
    /// Whether it is being found out that the mirror can be relied on.
    readying: Flights<(), Result<(), KeyError>>,
    /// Keyrings of which it is being found out whether the mirror has them.
    confirming: Flights<(Name, u64), Result<(), KeyError>>,
    deployment: DeploymentKey,
    clock: Clock,
    max_age: Duration,
    max_age_in_outage: Duration,
    slots: Cache<Name, Arc<Slot>>,
    /// Of every keyring that was ever changed: nothing is older than a first generation.
    seen: Mutex<HashMap<Name, (u64, Mac)>>,
}

/// Tenant and scope.
type Name = (Arc<str>, Scope);

/// What a change of a keyring needs of the mirror, if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Needs {
    /// That it answers, is not ahead, and gets the change: keys are made, moved or destroyed.
    Mirror,
    /// That it is not ahead where it answers, for what makes no key. While it is away it gets the
    /// change later.
    NoNewerMirror,
    /// Nothing, for what only takes keys out of use.
    Nothing,
}

impl Documents {
    pub(super) fn new(
        (store, mirror): (ControlStore, Option<Mirror>),
        deployment: DeploymentKey,
        clock: Clock,
        max_age: Duration,
        max_age_in_outage: Duration,
        capacity: u64,
    ) -> Self {
        Self {
            store,
            mirror,
            readying: Flights::new(),
            confirming: Flights::new(),
            deployment,
            clock,
            max_age,
            max_age_in_outage,
            slots: Cache::builder()
                .max_capacity(capacity)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            seen: Mutex::default(),
        }
    }

    pub(super) fn deployment(&self) -> &DeploymentKey {
        &self.deployment
    }

    /// The keyring as it is held, however old, without asking the store.
    pub(super) fn held(&self, tenant: &str, scope: &Scope) -> Option<Arc<Keyring>> {
        self.slots
            .get(&(tenant.into(), scope.clone()))?
            .held()
            .current
            .map(|current| Arc::clone(&current.keyring))
    }

    /// The keyring of that scope, no older than the bounded age. When the store is unavailable, an
    /// older one serves.
    pub(super) async fn current(
        &self,
        tenant: &str,
        scope: &Scope,
    ) -> Result<Arc<Keyring>, KeyError> {
        self.satisfying(tenant, scope, |_| true).await
    }

    /// The same, but a keyring without `id` is read again whatever its age: another replica may
    /// have added the key a moment ago and used it.
    pub(super) async fn containing(
        &self,
        tenant: &str,
        scope: &Scope,
        id: KeyId,
    ) -> Result<Arc<Keyring>, KeyError> {
        self.satisfying(tenant, scope, |keyring| keyring.entry(id).is_some())
            .await
    }

    /// Makes the scope's first keyring of what `first` gives, or gives the one that another task
    /// or replica made first.
    pub(super) async fn create(
        &self,
        tenant: &str,
        scope: &Scope,
        first: impl Future<Output = Result<Keyring, KeyError>>,
    ) -> Result<Arc<Keyring>, KeyError> {
        let slot = self.slot(tenant, scope)?;
        let created = self.create_first(&slot, first).await?;
        self.confirm(tenant, scope, &created).await?;
        Ok(created)
    }

    async fn create_first(
        &self,
        slot: &Slot,
        first: impl Future<Output = Result<Keyring, KeyError>>,
    ) -> Result<Arc<Keyring>, KeyError> {
        let _one_at_a_time = slot.turn.lock().await;
        if let Some(current) = slot.held().current {
            return Ok(Arc::clone(&current.keyring));
        }
        let write = self.start(slot);
        let first = first.await?;
        let (bytes, mac) = self.encode(slot, &first)?;
        match self.store.create(&slot.place, bytes).await? {
            Written::Stored(version) => self.hold(slot, write, first, mac, version),
            Written::Outrun => self.read(slot).await,
        }
    }

    /// Replaces the keyring by what `change` makes of its newest generation, or leaves it where
    /// that is `None`; tries again when another replica wrote in between. Where there is a mirror,
    /// it has the change before this returns, as far as `needs` says so.
    pub(super) async fn change(
        &self,
        (tenant, scope): (&str, &Scope),
        needs: Needs,
        change: impl Fn(&Keyring) -> Result<Option<Keyring>, DocumentFault>,
    ) -> Result<Arc<Keyring>, KeyError> {
        let slot = self.slot(tenant, scope)?;
        // Before the newest generation is read, so that it cannot be the older of the two.
        let mirrored = match needs {
            Needs::Mirror => {
                self.ready().await?;
                self.mirrored(&slot).await?
            }
            Needs::NoNewerMirror => match self.mirrored(&slot).await {
                Err(error) if error.kind() == KeyErrorKind::Unavailable => None,
                mirrored => mirrored?,
            },
            Needs::Nothing => None,
        };
        let changed = self.change_newest(&slot, mirrored, change).await?;
        match (self.confirm(tenant, scope, &changed).await, needs) {
            (Err(error), Needs::Nothing | Needs::NoNewerMirror) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(tenant, %scope, error, "the mirror has not this keyring");
            }
            (confirmed, _) => confirmed?,
        }
        Ok(changed)
    }

    async fn change_newest(
        &self,
        slot: &Slot,
        mirrored: Option<(u64, Mac)>,
        change: impl Fn(&Keyring) -> Result<Option<Keyring>, DocumentFault>,
    ) -> Result<Arc<Keyring>, KeyError> {
        let _one_at_a_time = slot.turn.lock().await;
        for _ in 0..CHANGE_ATTEMPTS {
            self.read(slot).await?;
            let Some(newest) = slot.held().current else {
                continue;
            };
            self.check_not_behind(slot, &newest, mirrored)?;
            let next =
                change(&newest.keyring).map_err(|fault| self.store.refused(&slot.place, fault))?;
            let Some(next) = next else {
                return Ok(Arc::clone(&newest.keyring));
            };
            let (bytes, mac) = self.encode(slot, &next)?;
            let write = self.start(slot);
            let written = self
                .store
                .replace(&slot.place, bytes, newest.version.clone())
                .await?;
            if let Written::Stored(version) = written {
                return self.hold(slot, write, next, mac, version);
            }
        }
        Err(self.store.contended(&slot.place))
    }

    /// The error for a keyring that cannot be trusted.
    pub(super) fn refused(&self, tenant: &str, scope: &Scope, fault: DocumentFault) -> KeyError {
        self.store.refused(&place(tenant, scope), fault)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> u64 {
        self.slots.run_pending_tasks();
        self.slots.entry_count()
    }

    /// The mirror, if there is one.
    pub(super) fn mirror(&self) -> Option<&Mirror> {
        self.mirror.as_ref()
    }

    /// Where the documents lie.
    pub(super) fn store(&self) -> &ControlStore {
        &self.store
    }

    async fn satisfying(
        &self,
        tenant: &str,
        scope: &Scope,
        wanted: impl Fn(&Keyring) -> bool,
    ) -> Result<Arc<Keyring>, KeyError> {
        let slot = self.slot(tenant, scope)?;
        let held = slot.held();
        let usable = held
            .current
            .as_ref()
            .filter(|current| wanted(&current.keyring));
        if let Some(current) = usable
            && (self.is_younger(current.access.at, self.max_age)
                || held
                    .failure
                    .as_ref()
                    .is_some_and(|failure| self.bridges(failure, current)))
        {
            return Ok(Arc::clone(&current.keyring));
        }
        match self.reread(&slot, &wanted).await {
            Err(error) if error.kind() == KeyErrorKind::Unavailable => match usable {
                Some(current) if self.is_younger(current.access.at, self.max_age_in_outage) => {
                    tracing::warn!(tenant, %error, "serving a keyring older than its bounded age");
                    Ok(Arc::clone(&current.keyring))
                }
                _ => Err(error),
            },
            read => read,
        }
    }

    /// Whether a failed read spares the next try: at most one per bounded age while the store is
    /// away.
    fn bridges(&self, failure: &Failure, current: &Current) -> bool {
        failure.error.kind() == KeyErrorKind::Unavailable
            && self.is_younger(failure.access.at, self.max_age)
            && self.is_younger(current.access.at, self.max_age_in_outage)
    }

    /// What another task has read meanwhile, if it has what is wanted; else what a read says that
    /// begins after this call, one for all who wait.
    async fn reread(
        &self,
        slot: &Slot,
        wanted: impl Fn(&Keyring) -> bool,
    ) -> Result<Arc<Keyring>, KeyError> {
        let asked = slot.accesses.load(Ordering::SeqCst);
        let _one_at_a_time = slot.turn.lock().await;
        let held = slot.held();
        if let Some(current) = &held.current
            && wanted(&current.keyring)
            && self.is_younger(current.access.at, self.max_age)
        {
            return Ok(Arc::clone(&current.keyring));
        }
        if let Some(failure) = held.failure.filter(|failure| failure.access.number > asked) {
            return Err(failure.error);
        }
        if let Some(current) = held.current.filter(|current| current.access.number > asked) {
            return Ok(Arc::clone(&current.keyring));
        }
        self.read(slot).await
    }

    /// Reads the store; the caller holds the slot's turn.
    async fn read(&self, slot: &Slot) -> Result<Arc<Keyring>, KeyError> {
        let access = self.start(slot);
        let outcome = self.read_verified(slot, access).await;
        if let Err(error) = &outcome {
            slot.change(|held| {
                held.failure = Some(Failure {
                    error: error.clone(),
                    access,
                });
            });
        }
        outcome
    }

    async fn read_verified(&self, slot: &Slot, access: Access) -> Result<Arc<Keyring>, KeyError> {
        let Some((bytes, version)) = self.store.read(&slot.place).await? else {
            return Err(match self.newest_seen(slot) {
                Some((seen, _)) => self
                    .store
                    .refused(&slot.place, DocumentFault::Vanished { seen }),
                None => KeyError::KeyringMissing {
                    tenant: slot.name.0.to_string(),
                },
            });
        };
        let (keyring, mac): (Keyring, Mac) = self
            .deployment
            .verify(&bytes)
            .map_err(|fault| self.store.refused(&slot.place, fault))?;
        self.hold(slot, access, keyring, mac, version)
    }

    /// Takes a keyring into the slot, unless a newer generation, or another of the same, was seen
    /// before.
    fn hold(
        &self,
        slot: &Slot,
        access: Access,
        keyring: Keyring,
        mac: Mac,
        version: UpdateVersion,
    ) -> Result<Arc<Keyring>, KeyError> {
        let refused = |fault| self.store.refused(&slot.place, fault);
        keyring
            .check_place(self.deployment.id(), &slot.name.0, &slot.name.1)
            .map_err(refused)?;
        let found = keyring.generation;
        if let Some((seen, of_seen)) = self.newest_seen(slot) {
            if found < seen {
                return Err(refused(DocumentFault::RolledBack { seen, found }));
            }
            if found == seen && !of_seen.matches(&mac) {
                return Err(refused(DocumentFault::Forked { generation: found }));
            }
        }
        if found > FIRST_GENERATION {
            self.seen().insert(slot.name.clone(), (found, mac));
        }
        let keyring = Arc::new(keyring);
        let current = Current {
            keyring: Arc::clone(&keyring),
            mac,
            version,
            access,
        };
        slot.change(|held| {
            *held = Held {
                current: Some(Arc::new(current)),
                failure: None,
            }
        });
        Ok(keyring)
    }

    fn encode(&self, slot: &Slot, keyring: &Keyring) -> Result<(Bytes, Mac), KeyError> {
        self.deployment
            .write(keyring)
            .map_err(|fault| self.store.refused(&slot.place, fault))
    }

    /// Counts one access to the store, at its beginning.
    fn start(&self, slot: &Slot) -> Access {
        let number = slot
            .accesses
            .fetch_add(1, Ordering::SeqCst)
            .saturating_add(1);
        Access {
            number,
            at: (self.clock)(),
        }
    }

    /// A clock that was set back makes everything look too old, which costs a read and risks
    /// nothing.
    fn is_younger(&self, since: SystemTime, limit: Duration) -> bool {
        (self.clock)()
            .duration_since(since)
            .is_ok_and(|age| age < limit)
    }

    fn slot(&self, tenant: &str, scope: &Scope) -> Result<Arc<Slot>, KeyError> {
        if tenant.is_empty() || tenant.len() > TENANT_LIMIT {
            return Err(KeyError::KeyringMissing {
                tenant: tenant.to_owned(),
            });
        }
        let name: Name = (tenant.into(), scope.clone());
        Ok(self.slots.get_with_by_ref(&name, || {
            Arc::new(Slot {
                name: name.clone(),
                place: place(tenant, scope),
                turn: tokio::sync::Mutex::default(),
                accesses: AtomicU64::new(0),
                confirmed: AtomicU64::new(0),
                held: RwLock::default(),
            })
        }))
    }

    /// The newest generation this replica has seen, and its MAC.
    fn newest_seen(&self, slot: &Slot) -> Option<(u64, Mac)> {
        let held = slot.held().current;
        held.map(|held| (held.keyring.generation, held.mac))
            .or_else(|| self.seen().get(&slot.name).copied())
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<Name, (u64, Mac)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Documents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Documents")
            .field("deployment", &self.deployment)
            .finish_non_exhaustive()
    }
}

/// One keyring's place in memory.
struct Slot {
    name: Name,
    place: Vec<String>,
    /// Held by whoever speaks to the store for this keyring.
    turn: tokio::sync::Mutex<()>,
    /// How many accesses to the store began, so that a waiter can tell one that began after it
    /// asked.
    accesses: AtomicU64,
    /// The newest generation that the mirror was seen to have; 0 for none.
    confirmed: AtomicU64,
    held: RwLock<Held>,
}

impl Slot {
    fn held(&self) -> Held {
        self.held
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn change(&self, change: impl FnOnce(&mut Held)) {
        change(&mut self.held.write().unwrap_or_else(PoisonError::into_inner));
    }
}

#[derive(Clone, Default)]
struct Held {
    current: Option<Arc<Current>>,
    /// The last read's failure, if it failed.
    failure: Option<Failure>,
}

struct Current {
    keyring: Arc<Keyring>,
    mac: Mac,
    version: UpdateVersion,
    access: Access,
}

#[derive(Clone)]
struct Failure {
    error: KeyError,
    access: Access,
}

/// One access to the store for a keyring: its number, from 1, and when it began.
#[derive(Clone, Copy)]
struct Access {
    number: u64,
    at: SystemTime,
}

const FIRST_GENERATION: u64 = 1;

/// Bytes of a tenant's name.
const TENANT_LIMIT: usize = 256;

/// How often a change is tried against other writers before giving up.
const CHANGE_ATTEMPTS: usize = 16;
