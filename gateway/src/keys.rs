//! The bridge from a tenant's keyring to the keys that seal and open objects.

use std::collections::HashMap;
use std::sync::Arc;

use kms_keys::{KeyMaterial, Keyrings, Provisioning, Scope};
use sealed_object::{
    AuditKey, Aux, Context, Envelope, Header, Kek, KeyId, ModuleRandom, ObjectId, Opened, OsRandom,
    OwnKey, Random, Suite,
};

use crate::buckets::Bucket;
use crate::config::{Suites, TenantConfig};
use crate::directory::KeyMode;
use crate::error::GatewayError;
use crate::key_scopes::KeyScopes;

/// Keys of tenants, as the operations ask for them.
#[derive(Debug, Clone)]
pub struct Keys {
    keyrings: Arc<Keyrings>,
    suites: Arc<SuitesOfTenants>,
    scopes: Arc<KeyScopes>,
}

/// Which cipher suites each tenant asked for.
#[derive(Debug)]
pub struct SuitesOfTenants {
    deployment: Suites,
    tenants: HashMap<String, Suites>,
}

/// What a new object is sealed under.
#[derive(Debug, Clone)]
pub struct SealingKeys {
    /// The cipher suite.
    pub suite: Suite,
    /// The tenant's active KEK version.
    pub kek: Kek,
    /// The tenant's active AUX key.
    pub aux: Aux,
}

impl SuitesOfTenants {
    /// As declared in a configuration.
    pub fn declared(deployment: Suites, tenants: &[TenantConfig]) -> Self {
        Self {
            deployment,
            tenants: tenants
                .iter()
                .map(|tenant| (tenant.id.clone(), tenant.suites))
                .collect(),
        }
    }

    /// Where nonces, salts and data keys come from: if anyone seals with suite 0x02, from the generator of the
    /// module that does it, which is the one that is approved.
    pub fn random(&self) -> Arc<dyn Random> {
        let seals_in_module = self
            .tenants
            .values()
            .chain([&self.deployment])
            .any(|suites| suites.sealing == Suite::GcmHmacSha512);
        if seals_in_module {
            Arc::new(ModuleRandom)
        } else {
            Arc::new(OsRandom)
        }
    }

    fn of(&self, tenant: &str) -> Suites {
        self.tenants.get(tenant).copied().unwrap_or(self.deployment)
    }
}

impl Keys {
    /// Keys from these keyrings, for objects of these suites in these scopes.
    pub fn new(keyrings: Arc<Keyrings>, suites: SuitesOfTenants, scopes: KeyScopes) -> Self {
        Self {
            keyrings,
            suites: Arc::new(suites),
            scopes: Arc::new(scopes),
        }
    }

    /// The active keys for an object of this id, with a key of its own where its bucket asks for that: one call to key
    /// management for each root key that the tenant's keys are wrapped under.
    pub async fn sealing_as(
        &self,
        bucket: &Bucket,
        key: &str,
        object: ObjectId,
    ) -> Result<SealingKeys, GatewayError> {
        let keys = self.sealing(bucket, key).await?;
        self.with_own(bucket, keys, object).await
    }

    /// The same of keys that are at hand.
    pub async fn with_own(
        &self,
        bucket: &Bucket,
        keys: SealingKeys,
        object: ObjectId,
    ) -> Result<SealingKeys, GatewayError> {
        match self.scopes.mode_of(bucket).await? {
            KeyMode::Keyring => Ok(keys),
            KeyMode::KmsPerObject => {
                let made = self.keyrings.new_object_key(&bucket.tenant, &object.0);
                let (secret, wrapped) = made.await?;
                let kek = keys.kek.with_own(OwnKey::new(*secret, wrapped));
                Ok(SealingKeys { kek, ..keys })
            }
        }
    }

    /// Whether an object has just the keys that it would be sealed under now.
    pub async fn is_current(
        &self,
        bucket: &Bucket,
        envelope: &Envelope,
        keys: &SealingKeys,
    ) -> Result<bool, GatewayError> {
        let is_as_declared = match (self.scopes.mode_of(bucket).await?, envelope.own_key()) {
            (KeyMode::Keyring, own) => own.is_none(),
            (KeyMode::KmsPerObject, None) => false,
            (KeyMode::KmsPerObject, Some(wrapped)) => {
                self.keyrings.is_object_key_current(&bucket.tenant, wrapped)
            }
        };
        Ok(is_as_declared && envelope.header().kek_id() == keys.kek.id())
    }

    /// The active keys of an object's scope, without any key of the object's own. A tenant that authenticated exists, so
    /// it gets its keyring on first use, and so does each of its scopes.
    pub async fn sealing(&self, bucket: &Bucket, key: &str) -> Result<SealingKeys, GatewayError> {
        let tenant = &bucket.tenant;
        let scope = self.scopes.of(bucket, key).await?;
        let keys = self
            .keyrings
            .writing(tenant, &scope, Provisioning::Allowed)
            .await?;
        let aux = Aux::new(id_of(&keys.aux), *keys.aux.secret());
        Ok(SealingKeys {
            suite: self.suites.of(tenant).sealing,
            kek: kek_of(&keys.kek),
            aux,
        })
    }

    /// The scope under whose keys an object is sealed now.
    pub async fn scope_of(&self, bucket: &Bucket, key: &str) -> Result<Scope, GatewayError> {
        Ok(self.scopes.of(bucket, key).await?)
    }

    /// Makes the tenant's keyring if it has none: before its first bucket, so that a bucket without a keyring is
    /// known for one whose keyring was lost.
    pub async fn provision(&self, tenant: &str) -> Result<(), GatewayError> {
        Ok(self.keyrings.provision(tenant).await?)
    }

    /// Renews unwrapped keys that are in use and forgets those that are not; to be called every few seconds.
    pub async fn tend(&self) {
        self.keyrings.tend().await;
    }

    /// The KEK version that a header or an upload id names.
    pub async fn kek(&self, tenant: &str, id: KeyId) -> Result<Kek, GatewayError> {
        let key = self
            .keyrings
            .kek(tenant, kms_keys::KeyId::from(id.0))
            .await?;
        Ok(kek_of(&key))
    }

    /// The key that checks the audit MACs of objects of this suite, from the AUX key that their trailers name.
    pub async fn audit_key(
        &self,
        tenant: &str,
        id: KeyId,
        suite: Suite,
    ) -> Result<AuditKey, GatewayError> {
        let key = self
            .keyrings
            .aux(tenant, kms_keys::KeyId::from(id.0))
            .await?;
        Ok(Aux::new(id_of(&key), *key.secret()).audit_key(suite)?)
    }

    /// The key that checks the audit MACs of objects of this suite that are sealed now; `KeyringMissing` for a
    /// tenant that never sealed one.
    pub async fn present_audit_key(
        &self,
        tenant: &str,
        suite: Suite,
    ) -> Result<AuditKey, GatewayError> {
        let scope = Scope::tenant();
        let keys = self
            .keyrings
            .writing(tenant, &scope, Provisioning::Refused)
            .await?;
        Ok(Aux::new(id_of(&keys.aux), *keys.aux.secret()).audit_key(suite)?)
    }

    /// What an object is bound to, and the least suite that its tenant allows there.
    pub fn context(&self, bucket: &Bucket, key: &str) -> Context {
        place_of(bucket, key).with_minimum(self.suites.of(&bucket.tenant).minimum)
    }

    /// Opens an object's envelope for the place it was read from.
    pub async fn open(
        &self,
        bucket: &Bucket,
        key: &str,
        envelope: &Envelope,
    ) -> Result<Opened, GatewayError> {
        let header: &Header = envelope.header();
        let context = self.context(bucket, key);
        context.admit(header.suite())?;
        let kek = self.kek(&bucket.tenant, header.kek_id()).await?;
        let Some(wrapped) = envelope.own_key() else {
            return Ok(envelope.open(&kek, &context)?);
        };
        // Key management is asked for nothing that the store made up.
        envelope.authenticate(&kek, &context)?;
        let object = &header.object_id().0;
        let unwrapped = self.keyrings.object_key(&bucket.tenant, object, wrapped);
        let own = OwnKey::new(*unwrapped.await?, wrapped.to_vec());
        Ok(envelope.open(&kek.with_own(own), &context)?)
    }
}

/// What an object is bound to: tenant, logical bucket, key. Admits every suite; [`Keys::context`] is for whatever
/// is to be opened or sealed.
pub fn place_of(bucket: &Bucket, key: &str) -> Context {
    Context::new(&bucket.tenant, bucket.id.as_bytes(), key.as_bytes())
}

fn kek_of(key: &KeyMaterial) -> Kek {
    Kek::new(id_of(key), *key.secret())
}

fn id_of(key: &KeyMaterial) -> KeyId {
    KeyId(*key.id().as_bytes())
}
