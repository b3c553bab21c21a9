//! Tenants' keys by id, unwrapped: what the gateway asks. It puts documents, providers and cache
//! together and must not know objects or requests.

mod audit_keys;
mod documents;
mod flight;
mod life;
mod making;
mod mirroring;
mod objects;
mod overdue;
mod unwrapped;

use std::{sync::Arc, time::Duration};

use object_store::ObjectStore;

use crate::{
    Clock, DeploymentKey, DocumentFault, EncryptionContext, KeyError, KeyErrorKind, KeyId,
    KeyMaterial, Mirror, Providers, Purpose, Scope, State, WritingKeys,
    control::{ControlStore, Entry, Keyring, kek_index},
};
use documents::Documents;
pub use life::{KeyStatus, KeyringStatus, WrapStatus};
use overdue::Overdue;
pub use unwrapped::CacheCounts;
use unwrapped::{Limits, Name, Origin, Stamp, UnwrappedKeys};

/// Bounds of [`Keyrings`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an unwrapped key is used before it is unwrapped anew: within this time a revoked
    /// key stops working. Also how long a keyring serves while the store is unavailable.
    pub key_ttl: Duration,
    /// How much longer an unwrapped key is used while the key management cannot be reached, is
    /// overloaded or fails. Never for a root key that is not the deployment's own.
    pub stale_if_error: Duration,
    /// The bounded age of a keyring document: within this time a rotation, a freeze or an eviction
    /// reaches all replicas. A refusal by the key management is repeated for as long.
    pub document_age: Duration,
    /// How many unwrapped keys are held at once.
    pub key_capacity: u64,
    /// How many keyrings are held at once.
    pub document_capacity: u64,
    /// After this a KEK version is to be followed by another; `None`: never.
    pub cryptoperiod: Option<Duration>,
    /// Whether a key that waits for its destruction opens meanwhile.
    pub pending_reads: PendingReads,
}

/// What becomes of reads while a key waits for its destruction. Nothing is sealed under it in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PendingReads {
    /// They are refused, so that what still needs the key shows.
    Refused,
    /// They go on until the key is destroyed.
    Allowed,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            key_ttl: Duration::from_mins(15),
            stale_if_error: Duration::from_hours(1),
            document_age: Duration::from_secs(5),
            key_capacity: 100_000,
            document_capacity: 50_000,
            cryptoperiod: None,
            pending_reads: PendingReads::Refused,
        }
    }
}

/// Whether a tenant or scope without a keyring gets one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioning {
    /// Make the keyring: the caller knows that the tenant exists.
    Allowed,
    /// Report [`KeyError::KeyringMissing`].
    Refused,
}

/// The keyrings of a deployment's tenants.
#[derive(Debug)]
pub struct Keyrings {
    documents: Documents,
    providers: Providers,
    unwrapped: UnwrappedKeys,
    /// Scopes of KEKs that are not in their tenant's default keyring; such a thing never changes.
    homes: moka::future::Cache<(Arc<str>, KeyId), Scope>,
    overdue: Overdue,
    pending_reads: PendingReads,
    clock: ClockHolder,
}

impl Keyrings {
    /// Reads the deployment's document from `store`, or makes it on the very first start; replicas
    /// that start together agree on one.
    ///
    /// # Errors
    /// Of any kind; `Corrupt` when the document does not belong to the provider's root key.
    pub async fn open(
        store: Arc<dyn ObjectStore>,
        providers: Providers,
        settings: Settings,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        Self::open_mirrored(store, None, providers, settings, clock).await
    }

    /// The same with a mirror, that is to have whatever is needed to open objects. Where it is away
    /// this goes on, as objects can be read; but a first start needs it.
    ///
    /// # Errors
    /// As above; `Corrupt` too when the mirror is another deployment's, or has this one's document
    /// when the store has none.
    pub async fn open_mirrored(
        store: Arc<dyn ObjectStore>,
        mirror: Option<Mirror>,
        providers: Providers,
        settings: Settings,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        let store = ControlStore::new(store, SYSTEM);
        let deployment =
            mirroring::open_deployment(&store, mirror.as_ref(), &providers, clock()).await?;
        let documents = Documents::new(
            (store, mirror),
            deployment,
            Arc::clone(&clock),
            settings.document_age,
            settings.key_ttl,
            settings.document_capacity,
        );
        let limits = Limits {
            ttl: settings.key_ttl,
            stale: settings.stale_if_error,
            failure: settings.document_age,
            capacity: settings.key_capacity,
        };
        Ok(Self {
            documents,
            providers,
            unwrapped: UnwrappedKeys::new(Arc::clone(&clock), limits),
            homes: moka::future::Cache::new(settings.key_capacity),
            overdue: Overdue::after(settings.cryptoperiod),
            pending_reads: settings.pending_reads,
            clock: ClockHolder(clock),
        })
    }

    /// The deployment's id and the keys derived from its key.
    pub fn deployment(&self) -> &DeploymentKey {
        self.documents.deployment()
    }

    /// The key management behind the keyrings.
    pub fn providers(&self) -> &Providers {
        &self.providers
    }

    /// How requests for keys were answered since the start.
    pub fn cache_counts(&self) -> CacheCounts {
        self.unwrapped.counts()
    }

    /// The scope's active KEK and the tenant's active AUX key, to seal a new object with.
    pub async fn writing(
        &self,
        tenant: &str,
        scope: &Scope,
        provisioning: Provisioning,
    ) -> Result<Arc<WritingKeys>, KeyError> {
        let home = self.keyring(tenant, &Scope::tenant(), provisioning).await?;
        let keyring = match scope.prefix() {
            None => Arc::clone(&home),
            Some(_) => self.keyring(tenant, scope, provisioning).await?,
        };
        // What is sealed must not depend on one copy of its key.
        let default = Scope::tenant();
        self.documents.confirm(tenant, &default, &home).await?;
        self.documents.confirm(tenant, scope, &keyring).await?;
        let active = |keyring: &Keyring, purpose| {
            let entry = keyring.active(purpose);
            entry.map(|entry| entry.id).map_err(|fault| {
                // A scope whose keys are destroyed, or wait for it, has none that is active.
                let last = keyring.last(purpose);
                let refused = PendingReads::Refused;
                last.and_then(|last| usable(&home, keyring, (last.id, purpose), refused).err())
                    .unwrap_or_else(|| self.documents.refused(tenant, &keyring.scope, fault))
            })
        };
        let (kek, aux) = (
            active(&keyring, Purpose::Kek)?,
            active(&home, Purpose::Aux)?,
        );
        let kek = self.unwrapped(&home, &keyring, kek, Purpose::Kek).await?;
        let aux = self.unwrapped(&home, &home, aux, Purpose::Aux).await?;
        // Only now: what may not be used is not rotated.
        if let Some(active) = keyring.entry(kek.id()) {
            self.overdue.see(&keyring, active, (self.clock.0)());
        }
        Ok(Arc::new(WritingKeys { kek, aux }))
    }

    /// The KEK version an object's header names.
    pub async fn kek(&self, tenant: &str, id: KeyId) -> Result<Arc<KeyMaterial>, KeyError> {
        self.key(tenant, id, Purpose::Kek).await
    }

    /// The AUX key an object's trailer names.
    pub async fn aux(&self, tenant: &str, id: KeyId) -> Result<Arc<KeyMaterial>, KeyError> {
        self.key(tenant, id, Purpose::Aux).await
    }

    /// Wipes unwrapped keys whose time is over and that nobody asked for since, and renews those
    /// that are in use and will be over soon. To be called on a timer of some seconds.
    pub async fn tend(&self) {
        let due = self.unwrapped.sweep(|name, origin| {
            let home = self.documents.held(&name.tenant, &Scope::tenant());
            let keyring = self.documents.held(&name.tenant, &origin.scope);
            // What is not held any more says nothing.
            let (Some(home), Some(keyring)) = (home, keyring) else {
                return true;
            };
            stamp(&home, &keyring) == origin.stamp
                && self.usable(&home, &keyring, name.id, name.purpose).is_ok()
        });
        // One after the other: there is time, and the key management is shared.
        for name in due {
            if let Err(error) = self.renew(&name).await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(tenant = %name.tenant, key = %name.id, error, "a key could not be renewed");
            }
        }
    }

    async fn renew(&self, name: &Name) -> Result<(), KeyError> {
        let (home, keyring) = self.holding(&name.tenant, name.id, name.purpose).await?;
        let entry = self.usable(&home, &keyring, name.id, name.purpose)?;
        let origin = self.origin(&home, &keyring, entry);
        let unwrap = self.unwrap(&keyring, entry);
        self.unwrapped.renew(name, origin, unwrap).await
    }

    async fn key(
        &self,
        tenant: &str,
        id: KeyId,
        purpose: Purpose,
    ) -> Result<Arc<KeyMaterial>, KeyError> {
        let name = Name {
            tenant: tenant.into(),
            id,
            purpose,
        };
        if let Some(error) = self.unwrapped.refusal(&name, None) {
            return Err(error);
        }
        let (home, keyring) = match self.holding(tenant, id, purpose).await {
            Err(error @ (KeyError::KeyMissing { .. } | KeyError::KeyringMissing { .. })) => {
                self.unwrapped.is_missing(&name, &error);
                return Err(error);
            }
            held => held?,
        };
        self.unwrapped(&home, &keyring, id, purpose).await
    }

    /// The tenant's default keyring, and the one with this key.
    async fn holding(
        &self,
        tenant: &str,
        id: KeyId,
        purpose: Purpose,
    ) -> Result<(Arc<Keyring>, Arc<Keyring>), KeyError> {
        let default = Scope::tenant();
        let home = self.documents.current(tenant, &default).await?;
        if home.entry(id).is_some() {
            return Ok((Arc::clone(&home), home));
        }
        let keyring = match self.home_of(tenant, id).await {
            Ok(scope) => self.documents.containing(tenant, &scope, id).await?,
            Err(error) if error.kind() == KeyErrorKind::Missing => {
                self.documents.containing(tenant, &default, id).await?
            }
            Err(error) => return Err(error),
        };
        if keyring.entry(id).is_none() {
            return Err(KeyError::KeyMissing {
                tenant: tenant.to_owned(),
                purpose,
                id,
            });
        }
        Ok((home, keyring))
    }

    /// The scope whose keyring has this KEK; `KeyMissing` where it is none but the default one.
    async fn home_of(&self, tenant: &str, id: KeyId) -> Result<Scope, KeyError> {
        let find = async {
            let store = self.documents.store();
            kek_index::find(store, self.deployment(), tenant, id)
                .await?
                .ok_or_else(|| KeyError::KeyMissing {
                    tenant: tenant.to_owned(),
                    purpose: Purpose::Kek,
                    id,
                })
        };
        self.homes
            .try_get_with((tenant.into(), id), find)
            .await
            .map_err(|error| KeyError::clone(&error))
    }

    /// One key of `keyring`, whose tenant's default keyring is `home`.
    async fn unwrapped(
        &self,
        home: &Keyring,
        keyring: &Keyring,
        id: KeyId,
        purpose: Purpose,
    ) -> Result<Arc<KeyMaterial>, KeyError> {
        let name = Name {
            tenant: keyring.tenant.as_str().into(),
            id,
            purpose,
        };
        let entry = match self.usable(home, keyring, id, purpose) {
            Ok(entry) => entry,
            Err(error) => {
                self.unwrapped.remove(&name);
                return Err(error);
            }
        };
        let origin = self.origin(home, keyring, entry);
        let unwrap = self.unwrap(keyring, entry);
        self.unwrapped.get(&name, origin, unwrap).await
    }

    fn usable<'a>(
        &self,
        home: &Keyring,
        keyring: &'a Keyring,
        id: KeyId,
        purpose: Purpose,
    ) -> Result<&'a Entry, KeyError> {
        usable(home, keyring, (id, purpose), self.pending_reads)
    }

    fn origin(&self, home: &Keyring, keyring: &Keyring, entry: &Entry) -> Origin {
        Origin {
            scope: keyring.scope.clone(),
            stamp: stamp(home, keyring),
            held_outside: self.providers.is_held_outside(&entry.wraps),
        }
    }

    async fn unwrap(&self, keyring: &Keyring, entry: &Entry) -> Result<KeyMaterial, KeyError> {
        let tenant = keyring.tenant.as_str();
        let (id, purpose) = (entry.id, entry.purpose);
        let context = EncryptionContext::for_key(self.deployment().id(), tenant, id, purpose);
        if entry.context != context {
            let fault = DocumentFault::Context { id };
            return Err(self.documents.refused(tenant, &keyring.scope, fault));
        }
        let what = format!("{purpose} key {id} of tenant {tenant}");
        let secret = self.providers.unwrap(&what, &entry.wraps, &context).await?;
        Ok(KeyMaterial::new(id, secret))
    }
}

fn stamp(home: &Keyring, keyring: &Keyring) -> Stamp {
    Stamp {
        generation: keyring.generation,
        evictions: home.evictions,
    }
}

/// The key's entry, if it may be used.
fn usable<'a>(
    home: &Keyring,
    keyring: &'a Keyring,
    (id, purpose): (KeyId, Purpose),
    pending: PendingReads,
) -> Result<&'a Entry, KeyError> {
    let tenant = keyring.tenant.clone();
    let Some(entry) = keyring.entry(id).filter(|entry| entry.purpose == purpose) else {
        return Err(KeyError::KeyMissing {
            tenant,
            purpose,
            id,
        });
    };
    let is_frozen = home.frozen.is_some() || keyring.frozen.is_some();
    if is_frozen && purpose != Purpose::Audit {
        return Err(KeyError::Frozen { tenant });
    }
    match entry.state {
        State::Active | State::DecryptOnly => Ok(entry),
        State::PendingDestroy if pending == PendingReads::Allowed => Ok(entry),
        State::PendingDestroy => Err(KeyError::PendingDestroy { tenant, id }),
        State::Destroyed => Err(KeyError::Destroyed { tenant, id }),
    }
}

/// The folder of the documents in their store.
const SYSTEM: &str = "system";

/// A clock has nothing to show.
struct ClockHolder(Clock);

impl std::fmt::Debug for ClockHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod copied;
#[cfg(test)]
mod lives;
#[cfg(test)]
mod mirrored;
#[cfg(test)]
mod outages;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod scopes;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
