//! Tenants' keys by id, unwrapped: what the gateway asks. It puts documents, provider and cache
//! together and must not know objects or requests.

mod documents;
mod unwrapped;

use std::{sync::Arc, time::Duration};

use object_store::ObjectStore;

use crate::{
    Clock, DeploymentKey, DocumentFault, EncryptionContext, KeyError, KeyId, KeyMaterial,
    KmsProvider, Purpose, State, WritingKeys,
    control::{ControlStore, Entry, Keyring, Timestamp, Wrap},
};
use documents::Documents;
use unwrapped::{Name, UnwrappedKeys};

/// Bounds of [`Keyrings`].
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the documents lie in the store; segments apart by `/`.
    pub prefix: String,
    /// How long an unwrapped key is used before it is unwrapped anew: within this time a revoked
    /// key stops working. Also how long a keyring serves while the store is unavailable.
    pub key_ttl: Duration,
    /// The bounded age of a keyring document: within this time a rotation reaches all replicas.
    pub document_age: Duration,
    /// How many unwrapped keys are held at once.
    pub key_capacity: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: "system".to_owned(),
            key_ttl: Duration::from_mins(15),
            document_age: Duration::from_secs(5),
            key_capacity: 100_000,
        }
    }
}

/// Whether a tenant without a keyring gets one.
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
    provider: Arc<dyn KmsProvider>,
    unwrapped: UnwrappedKeys,
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
        provider: Arc<dyn KmsProvider>,
        settings: Settings,
        clock: Clock,
    ) -> Result<Self, KeyError> {
        let store = ControlStore::new(store, &settings.prefix);
        let deployment = DeploymentKey::open(&store, provider.as_ref(), clock()).await?;
        let Settings {
            key_ttl,
            document_age,
            key_capacity,
            ..
        } = settings;
        let documents =
            Documents::new(store, deployment, Arc::clone(&clock), document_age, key_ttl);
        let unwrapped = UnwrappedKeys::new(Arc::clone(&clock), key_ttl, document_age, key_capacity);
        Ok(Self {
            documents,
            provider,
            unwrapped,
            clock: ClockHolder(clock),
        })
    }

    /// The deployment's id and the keys derived from its key.
    pub fn deployment(&self) -> &DeploymentKey {
        self.documents.deployment()
    }

    /// The tenant's active KEK and AUX key, to seal a new object with.
    pub async fn writing(
        &self,
        tenant: &str,
        provisioning: Provisioning,
    ) -> Result<Arc<WritingKeys>, KeyError> {
        let keyring = self.keyring(tenant, provisioning).await?;
        let active = |purpose| {
            let entry = keyring.active(purpose);
            entry
                .map(|entry| entry.id)
                .map_err(|fault| self.documents.refused(tenant, fault))
        };
        let (kek, aux) = (active(Purpose::Kek)?, active(Purpose::Aux)?);
        let kek = self.kek(tenant, kek).await?;
        let aux = self.aux(tenant, aux).await?;
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

    /// The tenant's active audit key, to record an event with. A keyring from before there were
    /// audit keys gets its first.
    pub async fn auditing(
        &self,
        tenant: &str,
        provisioning: Provisioning,
    ) -> Result<Arc<KeyMaterial>, KeyError> {
        let mut keyring = self.keyring(tenant, provisioning).await?;
        if !keyring.has(Purpose::Audit) && provisioning == Provisioning::Allowed {
            let audit = self.new_entry(tenant, Purpose::Audit).await?;
            keyring = self
                .documents
                .change(tenant, |keyring| keyring.with_audit_key(audit.clone()))
                .await?;
        }
        let id = keyring
            .active(Purpose::Audit)
            .map_err(|fault| self.documents.refused(tenant, fault))?
            .id;
        self.audit(tenant, id).await
    }

    /// The audit key that an event names.
    pub async fn audit(&self, tenant: &str, id: KeyId) -> Result<Arc<KeyMaterial>, KeyError> {
        self.key(tenant, id, Purpose::Audit).await
    }

    /// The ids of all audit keys that the tenant ever had, oldest first: who searches the trail
    /// asks for a name under each.
    pub async fn audit_ids(&self, tenant: &str) -> Result<Vec<KeyId>, KeyError> {
        let keyring = self.documents.current(tenant).await?;
        let audit = keyring
            .entries
            .iter()
            .filter(|entry| entry.purpose == Purpose::Audit);
        Ok(audit.map(|entry| entry.id).collect())
    }

    /// Adds a KEK version and makes it the active one; the version before opens only. Each call
    /// adds one, however many replicas call at once. Gives the new version's id.
    pub async fn rotate(&self, tenant: &str) -> Result<KeyId, KeyError> {
        let kek = self.new_entry(tenant, Purpose::Kek).await?;
        let id = kek.id;
        let now = Timestamp::from((self.clock.0)());
        let keyring = self
            .documents
            .change(tenant, |keyring| keyring.rotated(kek.clone(), now))
            .await?;
        tracing::info!(tenant, kek = %id, generation = keyring.generation, "rotated");
        Ok(id)
    }

    /// Wipes unwrapped keys whose time is over and that nobody asked for since. To be called on a
    /// timer.
    pub async fn drop_expired(&self) {
        self.unwrapped.drop_expired().await;
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
        // A destruction this replica has already read about ends the use of a key that is still
        // unwrapped.
        if let Some(keyring) = self.documents.held(tenant)
            && let Some(entry) = keyring.entry(id)
            && let Err(error) = usable(tenant, entry)
        {
            self.unwrapped.remove(&name).await;
            // Not the last word when the document is old: the destruction may have been cancelled.
            self.documents
                .current(tenant)
                .await?
                .entry(id)
                .map_or(Err(error), |entry| usable(tenant, entry))?;
        }
        self.unwrapped
            .get(name, self.unwrap(tenant, id, purpose))
            .await
    }

    async fn unwrap(
        &self,
        tenant: &str,
        id: KeyId,
        purpose: Purpose,
    ) -> Result<KeyMaterial, KeyError> {
        let missing = || KeyError::KeyMissing {
            tenant: tenant.to_owned(),
            purpose,
            id,
        };
        let keyring = self.documents.containing(tenant, id).await?;
        let entry = keyring
            .entry(id)
            .filter(|entry| entry.purpose == purpose)
            .ok_or_else(missing)?;
        usable(tenant, entry)?;
        let context = EncryptionContext::for_key(self.deployment().id(), tenant, id, purpose);
        if entry.context != context {
            return Err(self
                .documents
                .refused(tenant, DocumentFault::Context { id }));
        }
        let wrap = entry
            .wraps
            .iter()
            .find(|wrap| wrap.provider == self.provider.name())
            .ok_or_else(|| KeyError::ProviderMissing {
                what: format!("{purpose} key {id} of tenant {tenant}"),
            })?;
        let secret = self
            .provider
            .unwrap(&wrap.root_key, &wrap.wrapped, &context)
            .await?;
        Ok(KeyMaterial::new(id, secret))
    }

    async fn keyring(
        &self,
        tenant: &str,
        provisioning: Provisioning,
    ) -> Result<Arc<Keyring>, KeyError> {
        match (self.documents.current(tenant).await, provisioning) {
            (Err(KeyError::KeyringMissing { .. }), Provisioning::Allowed) => {
                self.documents
                    .create(tenant, self.first_keyring(tenant))
                    .await
            }
            (keyring, _) => keyring,
        }
    }

    async fn first_keyring(&self, tenant: &str) -> Result<Keyring, KeyError> {
        let kek = self.new_entry(tenant, Purpose::Kek).await?;
        let aux = self.new_entry(tenant, Purpose::Aux).await?;
        let audit = self.new_entry(tenant, Purpose::Audit).await?;
        Ok(Keyring::first(
            self.deployment().id(),
            tenant,
            vec![kek, aux, audit],
        ))
    }

    /// A new active key. Its unwrapped form is dropped: whoever uses it first unwraps what is
    /// stored, so that no object is ever sealed under a key that cannot be unwrapped.
    async fn new_entry(&self, tenant: &str, purpose: Purpose) -> Result<Entry, KeyError> {
        let id = KeyId::random()?;
        let context = EncryptionContext::for_key(self.deployment().id(), tenant, id, purpose);
        let root_key = self.provider.default_root_key().to_owned();
        let (_, wrapped) = self.provider.generate(&root_key, &context).await?;
        let now = Timestamp::from((self.clock.0)());
        Ok(Entry {
            id,
            purpose,
            state: State::Active,
            created: now,
            activated: Some(now),
            retired: None,
            destroy_after: None,
            context,
            wraps: vec![Wrap {
                provider: self.provider.name().to_owned(),
                root_key,
                wrapped,
            }],
        })
    }
}

fn usable(tenant: &str, entry: &Entry) -> Result<(), KeyError> {
    let (tenant, id) = (tenant.to_owned(), entry.id);
    match entry.state {
        State::Active | State::DecryptOnly => Ok(()),
        State::PendingDestroy => Err(KeyError::PendingDestroy { tenant, id }),
        State::Destroyed => Err(KeyError::Destroyed { tenant, id }),
    }
}

/// A clock has nothing to show.
struct ClockHolder(Clock);

impl std::fmt::Debug for ClockHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}

#[cfg(test)]
mod refusals;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod world;
