//! Who exists: tenants' principals by access key, as declared in the configuration.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use policies::Principal;

use crate::config::TenantConfig;
use crate::sigv4::SecretKey;

/// All credentials, by access key id.
#[derive(Debug, Default)]
pub struct Directory {
    credentials: HashMap<String, Credential>,
}

/// An access key and whom it stands for.
#[derive(Debug)]
pub struct Credential {
    /// The secret half.
    pub secret: Arc<SecretKey>,
    /// Who acts with it.
    pub principal: Arc<Principal>,
}

impl Directory {
    /// The directory of the tenants declared in a configuration.
    pub fn declared(tenants: &[TenantConfig]) -> Self {
        let mut credentials = HashMap::new();
        for tenant in tenants {
            for declared in &tenant.credentials {
                let roles = [declared.role.name()];
                let principal = Principal::with_roles(&tenant.id, &declared.principal, roles);
                let credential = Credential {
                    secret: Arc::new(SecretKey::new(declared.secret_access_key.reveal())),
                    principal: Arc::new(principal),
                };
                credentials.insert(declared.access_key_id.clone(), credential);
            }
        }
        Self { credentials }
    }

    /// All tenants that have a credential, each once.
    pub fn tenants(&self) -> impl Iterator<Item = &str> {
        let tenants = self.credentials.values();
        let tenants: BTreeSet<&str> = tenants
            .map(|credential| credential.principal.tenant.as_str())
            .collect();
        tenants.into_iter()
    }

    /// The credential of an access key.
    pub fn find(&self, access_key_id: &str) -> Option<&Credential> {
        self.credentials.get(access_key_id)
    }
}
