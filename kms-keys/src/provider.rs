//! The seam to a key management service: generate, wrap, unwrap, describe. A provider knows root
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
    /// The provider's name in configuration and in keyring entries, for example `local-file`.
    fn name(&self) -> &'static str;

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

    /// What the provider says of a root key.
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

#[cfg(test)]
pub(crate) mod behaviour {
    //! What every provider must do; each provider's tests run all of it.

    use super::*;
    use crate::{KeyErrorKind, KeyId, Purpose};

    pub(crate) async fn check(provider: &dyn KmsProvider) {
        let root = provider.default_root_key().to_owned();
        let context = EncryptionContext::for_key("d", "t", KeyId::from([7; 8]), Purpose::Kek);

        let (secret, wrapped) = provider.generate(&root, &context).await.unwrap();
        assert_eq!(
            provider.unwrap(&root, &wrapped, &context).await.unwrap(),
            secret
        );
        assert!(
            !wrapped
                .as_bytes()
                .windows(32)
                .any(|part| part == secret.as_slice())
        );

        let rewrapped = provider.wrap(&root, &secret, &context).await.unwrap();
        assert_eq!(
            provider.unwrap(&root, &rewrapped, &context).await.unwrap(),
            secret
        );
        assert_ne!(rewrapped, wrapped, "wrapping is randomised");

        let (another, _) = provider.generate(&root, &context).await.unwrap();
        assert_ne!(another, secret);

        refuses_other_contexts(provider, &root, &wrapped).await;
        refuses_changed_bytes(provider, &root, &wrapped, &context).await;

        assert_eq!(provider.describe(&root).await.unwrap().id, root);
        let missing = provider.describe("no-such-root-key").await.unwrap_err();
        assert_eq!(missing.kind(), KeyErrorKind::Missing);
        let missing = provider
            .unwrap("no-such-root-key", &wrapped, &context)
            .await
            .unwrap_err();
        assert_eq!(missing.kind(), KeyErrorKind::Missing);
    }

    async fn refuses_other_contexts(provider: &dyn KmsProvider, root: &str, wrapped: &WrappedKey) {
        let id = KeyId::from([7; 8]);
        for other in [
            EncryptionContext::for_key("e", "t", id, Purpose::Kek),
            EncryptionContext::for_key("d", "u", id, Purpose::Kek),
            EncryptionContext::for_key("d", "t", KeyId::from([8; 8]), Purpose::Kek),
            EncryptionContext::for_key("d", "t", id, Purpose::Aux),
            EncryptionContext::for_deployment("d"),
        ] {
            let error = provider.unwrap(root, wrapped, &other).await.unwrap_err();
            assert_eq!(error.kind(), KeyErrorKind::Corrupt, "{other:?}");
        }
    }

    async fn refuses_changed_bytes(
        provider: &dyn KmsProvider,
        root: &str,
        wrapped: &WrappedKey,
        context: &EncryptionContext,
    ) {
        for at in 0..wrapped.as_bytes().len() {
            let mut bytes = wrapped.as_bytes().to_vec();
            bytes[at] ^= 1;
            let error = provider
                .unwrap(root, &bytes.into(), context)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), KeyErrorKind::Corrupt, "byte {at}");
        }
        for short in [0, 1, wrapped.as_bytes().len() - 1] {
            let bytes = wrapped.as_bytes()[..short].to_vec();
            let error = provider
                .unwrap(root, &bytes.into(), context)
                .await
                .unwrap_err();
            assert_eq!(error.kind(), KeyErrorKind::Corrupt, "{short} bytes");
        }
    }
}
