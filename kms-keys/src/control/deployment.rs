//! `deployment.json`: who this deployment is, and its key, made once by whichever replica starts
//! first. All other control documents are trusted through this key.

use std::{fmt, time::SystemTime};

use object_store::UpdateVersion;
use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Timestamp,
    authenticated::{Mac, MacKey, read_unverified},
    store::{ControlStore, Written},
};
use crate::{DocumentFault, EncryptionContext, KeyError, Providers, Secret, Wrap};

/// The deployment's identity and its unwrapped key, for as long as the process lives.
pub struct DeploymentKey {
    id: String,
    secret: Secret,
    mac_key: MacKey,
}

impl DeploymentKey {
    /// The deployment's id: a UUID, made on the first start.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// A key of the deployment for one purpose, by BLAKE3's key derivation mode. `context` names
    /// the purpose, is hard-coded and never used for two purposes.
    pub fn derive(&self, context: &'static str) -> Secret {
        Zeroizing::new(blake3::derive_key(context, self.secret.as_slice()))
    }

    /// Reads the deployment's document, or makes it when the store has none.
    pub(crate) async fn open(
        store: &ControlStore,
        providers: &Providers,
        now: SystemTime,
    ) -> Result<Self, KeyError> {
        if let Some((bytes, version)) = store.read(FILE).await? {
            let (deployment, document) = Self::read(store, providers, &bytes).await?;
            let added = deployment.add_wraps(store, providers, document, version);
            if let Err(error) = added.await {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the deployment key is not wrapped by every provider");
            }
            return Ok(deployment);
        }
        let at = store.path(FILE);
        let beside = store.anything_but(&[store.path(PROBE), at.clone()]).await?;
        if let Some(beside) = beside
            && store.read(FILE).await?.is_none()
        {
            // A new key would open nothing of what is there, and would look as if all were well.
            let beside = beside.to_string();
            return Err(store.refused(FILE, DocumentFault::Lost { beside }));
        }
        if let Some(made) = Self::make(store, providers, now).await? {
            tracing::info!(deployment = made.id, "made the deployment key");
            return Ok(made);
        }
        // Another replica was faster: its deployment is ours.
        match store.read(FILE).await? {
            Some((bytes, _)) => Ok(Self::read(store, providers, &bytes).await?.0),
            None => Err(store.refused(FILE, DocumentFault::Vanished { seen: 1 })),
        }
    }

    /// The bytes to store for a control document, and their MAC.
    pub(crate) fn write<T: Serialize>(
        &self,
        document: &T,
    ) -> Result<(bytes::Bytes, Mac), DocumentFault> {
        self.mac_key.write(document)
    }

    /// A control document whose MAC verifies.
    pub(crate) fn verify<T>(&self, bytes: &[u8]) -> Result<(T, Mac), DocumentFault>
    where
        T: Serialize + serde::de::DeserializeOwned,
    {
        self.mac_key.read(bytes)
    }

    /// The deployment of a document that is not in its place, but in a copy.
    pub(crate) async fn of_copy(
        store: &ControlStore,
        providers: &Providers,
        bytes: &[u8],
    ) -> Result<Self, KeyError> {
        Ok(Self::read(store, providers, bytes).await?.0)
    }

    /// The id that bytes claim to be the document of, whether that is true or not.
    pub(crate) fn claimed_id(bytes: &[u8]) -> Option<String> {
        let document = read_unverified::<Document>(bytes).ok()?;
        Some(document.id)
    }

    /// What wraps the deployment's key by a document whose MAC verifies.
    pub(crate) fn wraps_in(&self, bytes: &[u8]) -> Result<Vec<Wrap>, DocumentFault> {
        Ok(self.mac_key.read::<Document>(bytes)?.0.wraps)
    }

    async fn read(
        store: &ControlStore,
        providers: &Providers,
        bytes: &[u8],
    ) -> Result<(Self, Document), KeyError> {
        let refused = |fault| store.refused(FILE, fault);
        let document: Document = read_unverified(bytes).map_err(refused)?;
        if document.v != VERSION
            || document.context != EncryptionContext::for_deployment(&document.id)
        {
            return Err(refused(DocumentFault::Misplaced));
        }
        let secret = providers
            .unwrap(WHAT, &document.wraps, &document.context)
            .await?;
        let mac_key = MacKey::derive(&secret);
        let (document, _) = mac_key.read::<Document>(bytes).map_err(refused)?;
        let deployment = Self {
            id: document.id.clone(),
            secret,
            mac_key,
        };
        Ok((deployment, document))
    }

    /// Has providers wrap the key that were configured after it was made, and those whose root key
    /// is another now. The wraps that are there stay, until they are taken away by hand: they may
    /// be all that opens the deployment on the day a provider is gone.
    async fn add_wraps(
        &self,
        store: &ControlStore,
        providers: &Providers,
        mut document: Document,
        version: UpdateVersion,
    ) -> Result<(), KeyError> {
        let wanted = providers.targets(None);
        let wraps = providers
            .rewrap(WHAT, &document.wraps, &wanted, &document.context)
            .await?;
        let before = document.wraps.len();
        for wrap in wraps {
            if !document.wraps.contains(&wrap) {
                document.wraps.push(wrap);
            }
        }
        if document.wraps.len() == before {
            return Ok(());
        }
        let (bytes, _) = self
            .mac_key
            .write(&document)
            .map_err(|fault| store.refused(FILE, fault))?;
        // Where another replica was faster, it wrote the same.
        store.replace(FILE, bytes, version).await?;
        Ok(())
    }

    /// `None` when another replica made the document first.
    async fn make(
        store: &ControlStore,
        providers: &Providers,
        now: SystemTime,
    ) -> Result<Option<Self>, KeyError> {
        let id = Uuid::new_v4().to_string();
        let context = EncryptionContext::for_deployment(&id);
        let (secret, wraps) = providers.generate(None, &context).await?;
        let mac_key = MacKey::derive(&secret);
        let document = Document {
            v: VERSION,
            id: id.clone(),
            created: Timestamp::from(now),
            context,
            wraps,
        };
        let (bytes, _) = mac_key
            .write(&document)
            .map_err(|fault| store.refused(FILE, fault))?;
        match store.create(FILE, bytes).await? {
            Written::Stored(_) => Ok(Some(Self {
                id,
                secret,
                mac_key,
            })),
            Written::Outrun => Ok(None),
        }
    }
}

impl fmt::Debug for DeploymentKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeploymentKey")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    v: u32,
    id: String,
    created: Timestamp,
    context: EncryptionContext,
    wraps: Vec<Wrap>,
}

/// For messages.
const WHAT: &str = "the deployment key";
const FILE: &[&str] = &["deployment.json"];
/// By which a gateway finds out what the store can do, before it opens its keyrings.
const PROBE: &[&str] = &["probe"];
const VERSION: u32 = 1;
