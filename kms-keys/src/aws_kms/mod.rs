//! The `aws-kms` provider: AWS Key Management Service, or a service that speaks its API. It knows the
//! API's calls and must not know what the keys are for.
//!
//! The SDK reads credentials by its default chain (environment, shared files, web identity,
//! container, instance) and signs, retries with jitter and keeps time for itself.

mod failure;
mod root_key;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use aws_config::{
    BehaviorVersion, ConfigLoader, Region, SdkConfig, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_sdk_kms::{
    Client,
    config::{self, Credentials},
    primitives::Blob,
    types::{DataKeySpec, KeyMetadata, KeySpec, KeyState},
};
use zeroize::Zeroizing;

use crate::{
    EncryptionContext, KeyError, KeyErrorKind, KmsProvider, Refusal, RootKey, Secret, WrappedKey,
};
use failure::Failure;
pub use root_key::{AwsRootKey, AwsRootKeyError};

/// How to reach the service.
#[derive(Clone, Debug)]
pub struct AwsKmsSettings {
    /// The provider's name in keyrings.
    pub name: String,
    /// The root key that wraps new keys.
    pub root_key: AwsRootKey,
    /// The region of root keys that do not name theirs.
    pub region: String,
    /// Where the service is, for every region; `None`: where AWS has it.
    pub endpoint: Option<String>,
    /// The longest that one call may take, with its retries.
    pub timeout: Duration,
}

/// AWS KMS, with one client for each region that is asked for.
pub struct AwsKms {
    name: Arc<str>,
    root_key: AwsRootKey,
    region: String,
    endpoint: Option<String>,
    shared: SdkConfig,
    clients: Mutex<HashMap<String, Client>>,
}

impl AwsKms {
    /// Makes ready to call; nothing is called, and credentials are looked for at the first call.
    pub async fn new(settings: AwsKmsSettings) -> Self {
        Self::by(
            settings,
            aws_config::defaults(BehaviorVersion::v2026_01_12()),
        )
        .await
    }

    /// The same with an access key, in place of the SDK's default chain.
    pub async fn with_credentials(settings: AwsKmsSettings, id: &str, secret: &str) -> Self {
        let credentials = Credentials::new(id, secret, None, None, "given");
        let loader =
            aws_config::defaults(BehaviorVersion::v2026_01_12()).credentials_provider(credentials);
        Self::by(settings, loader).await
    }

    async fn by(settings: AwsKmsSettings, loader: ConfigLoader) -> Self {
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(FIRST_BACK_OFF);
        let attempt = settings
            .timeout
            .checked_div(ATTEMPTS)
            .unwrap_or(settings.timeout);
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(attempt)
            .operation_attempt_timeout(attempt)
            .operation_timeout(settings.timeout)
            .build();
        let shared = loader
            .region(Region::new(settings.region.clone()))
            .retry_config(retries)
            .timeout_config(timeouts)
            .load()
            .await;
        Self {
            name: settings.name.into(),
            root_key: settings.root_key,
            region: settings.region,
            endpoint: settings.endpoint,
            shared,
            clients: Mutex::default(),
        }
    }

    fn region_of<'a>(&'a self, root_key: &'a str) -> &'a str {
        root_key::region(root_key).unwrap_or(&self.region)
    }

    fn client(&self, root_key: &str) -> Client {
        let region = self.region_of(root_key);
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = clients.get(region) {
            return client.clone();
        }
        let mut settings =
            config::Builder::from(&self.shared).region(Region::new(region.to_owned()));
        if let Some(endpoint) = &self.endpoint {
            settings = settings.endpoint_url(endpoint);
        }
        let client = Client::from_conf(settings.build());
        clients.insert(region.to_owned(), client.clone());
        client
    }

    fn failed<E, R>(&self, root_key: &str, error: aws_sdk_kms::error::SdkError<E, R>) -> KeyError
    where
        E: aws_sdk_kms::error::ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
    {
        Failure::of(&error).told(&self.name, root_key, Arc::new(error))
    }

    /// An answer names the key that gave it; one about another key is not used.
    fn check_key(&self, root_key: &str, answered: Option<&str>) -> Result<(), KeyError> {
        match answered {
            Some(key) if root_key::is_same(root_key, key) => Ok(()),
            Some(key) => Err(self.wrong(root_key, format!("it is of root key {key}"))),
            None => Err(self.wrong(root_key, "it names no root key".to_owned())),
        }
    }

    fn secret(&self, root_key: &str, plaintext: Option<Blob>) -> Result<Secret, KeyError> {
        // The SDK's own buffers of the answer are beyond our reach and are not wiped.
        let bytes = Zeroizing::new(plaintext.map(Blob::into_inner).unwrap_or_default());
        let secret: &[u8; 32] = bytes
            .as_slice()
            .try_into()
            .map_err(|_| self.wrong(root_key, format!("a key of {} bytes", bytes.len())))?;
        Ok(Secret::new(*secret))
    }

    fn wrapped(&self, root_key: &str, blob: Option<Blob>) -> Result<WrappedKey, KeyError> {
        let bytes = blob.map(Blob::into_inner).unwrap_or_default();
        if bytes.is_empty() {
            return Err(self.wrong(root_key, "no wrapped key".to_owned()));
        }
        Ok(bytes.into())
    }

    fn wrong(&self, root_key: &str, what: String) -> KeyError {
        KeyError::WrongAnswer {
            provider: Arc::clone(&self.name),
            root_key: root_key.to_owned(),
            what,
        }
    }

    /// Refuses what the metadata say cannot wrap and unwrap now.
    fn check_usable(&self, root_key: &str, metadata: &KeyMetadata) -> Result<(), KeyError> {
        if metadata.key_spec() != Some(&KeySpec::SymmetricDefault) {
            return Err(self.wrong(root_key, "it is not a symmetric encryption key".to_owned()));
        }
        let refusal = match metadata.key_state() {
            Some(KeyState::Enabled) => return Ok(()),
            Some(KeyState::PendingDeletion | KeyState::PendingReplicaDeletion) => {
                Refusal::PendingDeletion
            }
            _ => Refusal::Disabled,
        };
        Err(KeyError::ProviderRefused {
            provider: Arc::clone(&self.name),
            root_key: root_key.to_owned(),
            refusal,
            source: Arc::new(std::io::Error::other(format!(
                "its state is {}",
                metadata.key_state().map_or("unknown", KeyState::as_str)
            ))),
        })
    }

    async fn re_encrypt(
        &self,
        from: &str,
        wrapped: &WrappedKey,
        to: &str,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyError> {
        let answer = self
            .client(to)
            .re_encrypt()
            .ciphertext_blob(Blob::new(wrapped.as_bytes()))
            .source_key_id(from)
            .destination_key_id(to)
            .set_source_encryption_context(Some(map(context)))
            .set_destination_encryption_context(Some(map(context)))
            .send()
            .await
            .map_err(|error| self.failed(to, error))?;
        self.check_key(to, answer.key_id())?;
        self.wrapped(to, answer.ciphertext_blob)
    }
}

#[async_trait]
impl KmsProvider for AwsKms {
    fn name(&self) -> &str {
        &self.name
    }

    fn default_root_key(&self) -> &str {
        self.root_key.as_str()
    }

    async fn generate(
        &self,
        root_key: &str,
        context: &EncryptionContext,
    ) -> Result<(Secret, WrappedKey), KeyError> {
        let answer = self
            .client(root_key)
            .generate_data_key()
            .key_id(root_key)
            .key_spec(DataKeySpec::Aes256)
            .set_encryption_context(Some(map(context)))
            .send()
            .await
            .map_err(|error| self.failed(root_key, error))?;
        self.check_key(root_key, answer.key_id())?;
        let secret = self.secret(root_key, answer.plaintext)?;
        Ok((secret, self.wrapped(root_key, answer.ciphertext_blob)?))
    }

    async fn wrap(
        &self,
        root_key: &str,
        secret: &Secret,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyError> {
        let answer = self
            .client(root_key)
            .encrypt()
            .key_id(root_key)
            .plaintext(Blob::new(secret.as_slice()))
            .set_encryption_context(Some(map(context)))
            .send()
            .await
            .map_err(|error| self.failed(root_key, error))?;
        self.check_key(root_key, answer.key_id())?;
        self.wrapped(root_key, answer.ciphertext_blob)
    }

    async fn unwrap(
        &self,
        root_key: &str,
        wrapped: &WrappedKey,
        context: &EncryptionContext,
    ) -> Result<Secret, KeyError> {
        // The service refuses an empty blob as malformed, which would look like a fault of ours.
        if wrapped.as_bytes().is_empty() {
            return Err(KeyError::DoesNotUnwrap {
                provider: Arc::clone(&self.name),
                root_key: root_key.to_owned(),
            });
        }
        let answer = self
            .client(root_key)
            .decrypt()
            .key_id(root_key)
            .ciphertext_blob(Blob::new(wrapped.as_bytes()))
            .set_encryption_context(Some(map(context)))
            .send()
            .await
            .map_err(|error| self.failed(root_key, error))?;
        self.check_key(root_key, answer.key_id())?;
        self.secret(root_key, answer.plaintext)
    }

    async fn rewrap(
        &self,
        from: &str,
        wrapped: &WrappedKey,
        to: &str,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyError> {
        if self.region_of(from) == self.region_of(to) {
            match self.re_encrypt(from, wrapped, to, context).await {
                // A grant of Encrypt and Decrypt alone does not allow ReEncrypt.
                Err(error) if error.kind() == KeyErrorKind::Denied => {}
                done => return done,
            }
        }
        let secret = self.unwrap(from, wrapped, context).await?;
        self.wrap(to, &secret, context).await
    }

    async fn describe(&self, root_key: &str) -> Result<RootKey, KeyError> {
        let answer = self
            .client(root_key)
            .describe_key()
            .key_id(root_key)
            .send()
            .await
            .map_err(|error| self.failed(root_key, error))?;
        let Some(metadata) = answer.key_metadata() else {
            return Err(self.wrong(root_key, "it has no metadata".to_owned()));
        };
        let named = metadata.arn().or(Some(metadata.key_id()));
        self.check_key(root_key, named)?;
        self.check_usable(root_key, metadata)?;
        Ok(RootKey {
            id: root_key.to_owned(),
            created: metadata
                .creation_date()
                .and_then(|date| SystemTime::try_from(*date).ok()),
        })
    }
}

impl fmt::Debug for AwsKms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AwsKms")
            .field("name", &self.name)
            .field("root_key", &self.root_key)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

fn map(context: &EncryptionContext) -> HashMap<String, String> {
    context
        .pairs()
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// Beside the first: two retries, with the SDK's jitter.
const ATTEMPTS: u32 = 3;
const FIRST_BACK_OFF: Duration = Duration::from_millis(50);
