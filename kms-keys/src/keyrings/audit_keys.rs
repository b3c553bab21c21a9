//! A tenant's audit keys. They are wrapped under the deployment's root keys, whoever holds the
//! tenant's, and a freeze leaves them be: what is refused must still be on record.

use std::sync::Arc;

use super::{Keyrings, Provisioning, documents::Needs};
use crate::{KeyError, KeyId, KeyMaterial, Purpose, Scope};

impl Keyrings {
    /// The tenant's active audit key, to record an event with. A keyring from before there were
    /// audit keys gets its first.
    pub async fn auditing(
        &self,
        tenant: &str,
        provisioning: Provisioning,
    ) -> Result<Arc<KeyMaterial>, KeyError> {
        let scope = Scope::tenant();
        let mut keyring = self.keyring(tenant, &scope, provisioning).await?;
        if !keyring.has(Purpose::Audit) && provisioning == Provisioning::Allowed {
            let audit = self.new_entry(tenant, &scope, Purpose::Audit).await?;
            keyring = self
                .documents
                .change((tenant, &scope), Needs::Mirror, |keyring| {
                    keyring.with_audit_key(audit.clone())
                })
                .await?;
        }
        let id = keyring
            .active(Purpose::Audit)
            .map_err(|fault| self.documents.refused(tenant, &scope, fault))?
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
        let keyring = self.documents.current(tenant, &Scope::tenant()).await?;
        let audit = keyring
            .entries
            .iter()
            .filter(|entry| entry.purpose == Purpose::Audit);
        Ok(audit.map(|entry| entry.id).collect())
    }
}
