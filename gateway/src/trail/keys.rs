//! The audit keys of tenants, ready for use. It must not know events.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use audit::AuditKey;
use kms_keys::{KeyError, KeyId, Keyrings, Provisioning};

use crate::assemble::audit_identity;
use crate::error::GatewayError;
use crate::trail::Openings;

/// Audit keys as the trail and those who read it ask for them.
#[derive(Debug, Clone)]
pub struct AuditKeys {
    keyrings: Arc<Keyrings>,
    /// By tenant, the key that was active last: it is made ready once and not for every event.
    ready: Arc<Mutex<HashMap<String, Ready>>>,
}

/// A key with its id.
type Ready = (KeyId, Arc<AuditKey>);

impl AuditKeys {
    /// Those in these keyrings.
    pub fn new(keyrings: Arc<Keyrings>) -> Self {
        Self {
            keyrings,
            ready: Arc::default(),
        }
    }

    /// The tenant's active audit key. `None` while the key management refuses or is away: the event is then sealed
    /// under the deployment's key, for what cannot be recorded cannot be done, and cannot be refused on record
    /// either.
    pub async fn of(&self, tenant: &str) -> Option<Arc<AuditKey>> {
        self.obtained(tenant, Provisioning::Allowed).await
    }

    /// The same for a name that need not be a tenant's: it is not given a keyring.
    pub async fn held(&self, tenant: &str) -> Option<Arc<AuditKey>> {
        self.obtained(tenant, Provisioning::Refused).await
    }

    async fn obtained(&self, tenant: &str, provisioning: Provisioning) -> Option<Arc<AuditKey>> {
        // On the heap: it waits for the store and the key management where it waits at all.
        match Box::pin(self.keyrings.auditing(tenant, provisioning)).await {
            Ok(key) => Some(self.ready(tenant, &key)),
            Err(KeyError::KeyringMissing { .. }) => None,
            Err(error) => {
                tracing::error!(tenant, %error, "no audit key: the event is sealed under the deployment's");
                None
            }
        }
    }

    /// Opens a text that was sealed for a place under one of the tenant's keys, or the deployment's; it begins with the
    /// key's id.
    pub async fn open_kept(
        &self,
        tenant: &str,
        place: &str,
        kept: &str,
    ) -> Result<String, GatewayError> {
        let (id, sealed) = kept.split_once(' ').ok_or(UNREADABLE)?;
        let mut keys = self.all(tenant).await?;
        keys.push(audit_identity(&self.keyrings).audit_key().clone());
        let key = keys.iter().find(|key| key.id() == id).ok_or(UNREADABLE)?;
        key.open_text(place, sealed).ok_or(UNREADABLE)
    }

    /// What opens a tenant's lines, and those of no tenant.
    pub async fn openings(&self, tenant: &str) -> Result<Openings, KeyError> {
        let mut openings = Openings::default();
        openings.add("", vec![audit_identity(&self.keyrings).audit_key().clone()]);
        match self.all(tenant).await {
            Ok(keys) => openings.add(tenant, keys),
            // It never did anything.
            Err(KeyError::KeyringMissing { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(openings)
    }

    /// Every audit key that the tenant ever had.
    pub async fn all(&self, tenant: &str) -> Result<Vec<AuditKey>, KeyError> {
        let mut keys = Vec::new();
        for id in self.keyrings.audit_ids(tenant).await? {
            let key = self.keyrings.audit(tenant, id).await?;
            keys.push(AuditKey::new(id.to_string(), key.secret()));
        }
        Ok(keys)
    }

    fn ready(&self, tenant: &str, key: &kms_keys::KeyMaterial) -> Arc<AuditKey> {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((id, held)) = ready.get(tenant)
            && *id == key.id()
        {
            return Arc::clone(held);
        }
        let made = Arc::new(AuditKey::new(key.id().to_string(), key.secret()));
        ready.insert(tenant.to_owned(), (key.id(), Arc::clone(&made)));
        made
    }
}

const UNREADABLE: GatewayError = GatewayError::Unexpected("what is kept here does not open");
