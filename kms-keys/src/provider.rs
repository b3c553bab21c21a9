//! The seam to a key management service: generate, wrap, unwrap, rewrap, describe. A provider knows root
//! keys and encryption contexts; it must not know keyrings, tenants or the control store.

use std::{fmt, time::SystemTime};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::{EncryptionContext, KeyError, Secret};

/// A key management service. Calls may take a network round trip; a provider bounds its own calls
/// in time and reports running out of it as [`KeyError::ProviderUnavailable`].
#[async_trait]
pub trait KmsProvider: fmt::Debug + Send + Sync {
    /// The provider's name in configuration and in keyring entries, for example `local-file`. It
    /// says which provider wrapped a key, so it must stay the same for as long as its wraps exist.
    fn name(&self) -> &str;

    /// The root key that wraps new keys, unless the tenant names its own.
    fn default_root_key(&self) -> &str;

    /// Makes 32 random bytes and wraps them.
    async fn generate(
        &self,
        root_key: &str,
        context: &EncryptionContext,
    ) -> Result<(Secret, WrappedKey), KeyError>;

    /// Wraps a key that exists already.
    async fn wrap(
        &self,
        root_key: &str,
        secret: &Secret,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyError>;

    /// Unwraps what [`generate`](Self::generate) or [`wrap`](Self::wrap) gave, under the same
    /// context.
    async fn unwrap(
        &self,
        root_key: &str,
        wrapped: &WrappedKey,
        context: &EncryptionContext,
    ) -> Result<Secret, KeyError>;

    /// Wraps anew, under the root key `to`, what is wrapped under `from`; the context stays. Where
    /// the service does that itself, the key does not pass through this process.
    async fn rewrap(
        &self,
        from: &str,
        wrapped: &WrappedKey,
        to: &str,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyError> {
        let secret = self.unwrap(from, wrapped, context).await?;
        self.wrap(to, &secret, context).await
    }

    /// What the provider says of a root key; refused as any use of a root key is that cannot be
    /// used now.
    async fn describe(&self, root_key: &str) -> Result<RootKey, KeyError>;
}

/// A provider's description of one root key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootKey {
    /// The id or ARN.
    pub id: String,
    /// When it was made, where the provider tells.
    pub created: Option<SystemTime>,
}

/// A key as its provider wrapped it: opaque, not secret. Base64 in documents.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey(Vec<u8>);

impl WrappedKey {
    /// The provider's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for WrappedKey {
    fn from(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKey({} bytes)", self.0.len())
    }
}

impl Serialize for WrappedKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for WrappedKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(D::Error::custom)
    }
}
