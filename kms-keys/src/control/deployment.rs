//! `deployment.json`: who this deployment is, and its key, made once by whichever replica starts
//! first. All other control documents are trusted through this key.

use std::{fmt, time::SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    Timestamp,
    authenticated::{Mac, MacKey, read_unverified},
    keyring::Wrap,
    store::{ControlStore, Written},
};
use crate::{DocumentFault, EncryptionContext, KeyError, KmsProvider, Secret};

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
        provider: &dyn KmsProvider,
        now: SystemTime,
    ) -> Result<Self, KeyError> {
        if let Some((bytes, _)) = store.read(FILE).await? {
            return Self::read(store, provider, &bytes).await;
        }
        if let Some(made) = Self::make(store, provider, now).await? {
            tracing::info!(deployment = made.id, "made the deployment key");
            return Ok(made);
        }
        // Another replica was faster: its deployment is ours.
        match store.read(FILE).await? {
            Some((bytes, _)) => Self::read(store, provider, &bytes).await,
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

    async fn read(
        store: &ControlStore,
        provider: &dyn KmsProvider,
        bytes: &[u8],
    ) -> Result<Self, KeyError> {
        let refused = |fault| store.refused(FILE, fault);
        let document: Document = read_unverified(bytes).map_err(refused)?;
        if document.v != VERSION
            || document.context != EncryptionContext::for_deployment(&document.id)
        {
            return Err(refused(DocumentFault::Misplaced));
        }
        let wrap = document
            .wraps
            .iter()
            .find(|wrap| wrap.provider == provider.name())
            .ok_or_else(|| KeyError::ProviderMissing {
                what: "the deployment key".to_owned(),
            })?;
        let secret = provider
            .unwrap(&wrap.root_key, &wrap.wrapped, &document.context)
            .await?;
        let mac_key = MacKey::derive(&secret);
        let (document, _) = mac_key.read::<Document>(bytes).map_err(refused)?;
        Ok(Self {
            id: document.id,
            secret,
            mac_key,
        })
    }

    /// `None` when another replica made the document first.
    async fn make(
        store: &ControlStore,
        provider: &dyn KmsProvider,
        now: SystemTime,
    ) -> Result<Option<Self>, KeyError> {
        let id = Uuid::new_v4().to_string();
        let context = EncryptionContext::for_deployment(&id);
        let root_key = provider.default_root_key().to_owned();
        let (secret, wrapped) = provider.generate(&root_key, &context).await?;
        let mac_key = MacKey::derive(&secret);
        let document = Document {
            v: VERSION,
            id: id.clone(),
            created: Timestamp::from(now),
            context,
            wraps: vec![Wrap {
                provider: provider.name().to_owned(),
                root_key,
                wrapped,
            }],
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

const FILE: &[&str] = &["deployment.json"];
const VERSION: u32 = 1;
