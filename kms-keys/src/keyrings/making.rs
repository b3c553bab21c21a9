//! New keys: a tenant's or a scope's first keyring, and one more KEK version. It must not change
//! keys that exist, but for making one KEK version the active one in place of another.

use std::sync::Arc;

use super::{Keyrings, Provisioning, documents::Needs};
use crate::{
    DocumentFault, EncryptionContext, KeyError, KeyId, Purpose, Scope, State,
    control::{Entry, Keyring, Timestamp, kek_index, place},
};

impl Keyrings {
    /// Adds a KEK version and makes it the active one; the version before opens only. Each call
    /// adds one, however many replicas call at once. Gives the new version's id.
    pub async fn rotate(&self, tenant: &str, scope: &Scope) -> Result<KeyId, KeyError> {
        // Before a key is made for nothing.
        self.documents.current(tenant, scope).await?;
        let kek = self.new_entry(tenant, scope, Purpose::Kek).await?;
        let id = kek.id;
        let now = Timestamp::from((self.clock.0)());
        let keyring = self
            .documents
            .change((tenant, scope), Needs::Mirror, |keyring| {
                keyring.rotated(kek.clone(), now)
            })
            .await?;
        tracing::info!(tenant, %scope, kek = %id, generation = keyring.generation, "rotated");
        Ok(id)
    }

    /// Makes the tenant's keyring if it has none. To be called before anything is kept of the tenant that
    /// [`check_not_lost`](Self::check_not_lost) takes for a trace of a keyring.
    pub async fn provision(&self, tenant: &str) -> Result<(), KeyError> {
        let scope = Scope::tenant();
        let keyring = self.keyring(tenant, &scope, Provisioning::Allowed).await?;
        self.documents.confirm(tenant, &scope, &keyring).await
    }

    /// The keyring of a scope, made if there is none and that is allowed.
    pub(super) async fn keyring(
        &self,
        tenant: &str,
        scope: &Scope,
        provisioning: Provisioning,
    ) -> Result<Arc<Keyring>, KeyError> {
        match (self.documents.current(tenant, scope).await, provisioning) {
            (Err(KeyError::KeyringMissing { .. }), Provisioning::Allowed) => {
                self.check_not_lost(tenant, scope).await?;
                let first = self.first_keyring(tenant, scope);
                self.documents.create(tenant, scope, first).await
            }
            (keyring, _) => keyring,
        }
    }

    /// Refuses to begin anew where the keyring was lost: what else there is of the tenant, or the mirror,
    /// says that there was one. Only ever asked before a first keyring is made.
    async fn check_not_lost(&self, tenant: &str, scope: &Scope) -> Result<(), KeyError> {
        let (store, place) = (self.documents.store(), place(tenant, scope));
        let path = store.path(&place);
        let mut beside = None;
        if let Some(mirror) = self.mirror()
            && let Some((generation, _)) = mirror.generation(self.deployment(), &path).await?
        {
            beside = Some(format!("generation {generation} in the mirror"));
        }
        if beside.is_none() && scope.prefix().is_none() {
            let left = store.left_of(tenant, &path).await?;
            beside = left.map(|left| left.to_string());
        }
        match beside {
            // Another replica may have made it this moment.
            Some(beside) if store.read(&place).await?.is_none() => {
                Err(store.refused(&place, DocumentFault::Lost { beside }))
            }
            _ => Ok(()),
        }
    }

    async fn first_keyring(&self, tenant: &str, scope: &Scope) -> Result<Keyring, KeyError> {
        let mut entries = vec![self.new_entry(tenant, scope, Purpose::Kek).await?];
        // Audit MACs are the tenant's, so that they can be checked after a scope was shredded.
        if scope.prefix().is_none() {
            entries.push(self.new_entry(tenant, scope, Purpose::Aux).await?);
            entries.push(self.new_entry(tenant, scope, Purpose::Audit).await?);
        }
        let deployment = self.deployment().id();
        Ok(Keyring::first(deployment, tenant, scope, entries))
    }

    /// A new active key. Its unwrapped form is dropped: whoever uses it first unwraps what is
    /// stored, so that no object is ever sealed under a key that cannot be unwrapped. Nothing is
    /// written before the mirror and the key management have answered.
    pub(super) async fn new_entry(
        &self,
        tenant: &str,
        scope: &Scope,
        purpose: Purpose,
    ) -> Result<Entry, KeyError> {
        self.documents.ask_mirror(tenant, scope).await?;
        let holder = (purpose != Purpose::Audit).then_some(tenant);
        let (id, context, wraps) = loop {
            let id = KeyId::random()?;
            let context = EncryptionContext::for_key(self.deployment().id(), tenant, id, purpose);
            let (_, wraps) = self.providers.generate(holder, &context).await?;
            if self.index(tenant, id, scope).await? {
                break (id, context, wraps);
            }
        };
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
            wraps,
        })
    }

    /// Has the index name a key of a scope before anything is sealed under it; `false` where its id is
    /// taken. One that is never used, as another replica made the keyring first, stays there and names
    /// nothing.
    async fn index(&self, tenant: &str, id: KeyId, scope: &Scope) -> Result<bool, KeyError> {
        if scope.prefix().is_none() {
            return Ok(true);
        }
        let store = self.documents.store();
        if !kek_index::add(store, self.deployment(), tenant, id, scope).await? {
            return Ok(false);
        }
        self.mirror_index(tenant, id, scope).await?;
        Ok(true)
    }
}
