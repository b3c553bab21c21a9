//! Where keys come from: providers, keyring documents, the key cache.
//!
//! A KMS root key wraps a tenant's KEK versions and AUX keys; the wrapped forms lie in the tenant's
//! keyring, a document in the control store. This room hands out unwrapped KEKs and AUX keys by id
//! and keeps them for a bounded time. It seals other control documents too, and does not know what they
//! say. It knows nothing of objects, requests or policies.
//!
//! Start at [`Keyrings`]; [`KmsProvider`] is the seam for other key services.
#![cfg_attr(
    not(test),
    deny(clippy::arithmetic_side_effects, clippy::as_conversions)
)]

mod aead;
mod aws_kms;
mod control;
mod copies;
mod encryption_context;
mod error;
mod key_material;
mod keyrings;
mod local_file;
mod provider;
mod providers;
mod scope;
mod sealing;

use std::{sync::Arc, time::SystemTime};

pub use aws_kms::{AwsKms, AwsKmsSettings, AwsRootKey, AwsRootKeyError};
pub use control::{
    Content, ControlStore, DeploymentKey, DocumentKeys, General, PlacedDocuments, Purpose, State,
    Timestamp, Written,
};
pub use copies::{
    Backup, BackupCounts, BackupError, Fate, Fates, Mirror, Mode, Prepare, Tell, write_backup,
};
pub use encryption_context::EncryptionContext;
pub use error::{Cause, DocumentFault, KeyError, KeyErrorKind, Refusal};
pub use key_material::{KeyId, KeyMaterial, Secret, WritingKeys};
pub use keyrings::{
    CacheCounts, KeyStatus, KeyringStatus, Keyrings, PendingReads, Provisioning, Settings,
    WrapStatus,
};
pub use local_file::{LocalFile, LocalFileError, WhenMissing};
pub use provider::{KmsProvider, RootKey, WrappedKey};
pub use providers::{KmsCall, KmsCalls, KmsOutcome, OwnRootKeys, Providers, RootKeyName, Wrap};
pub use scope::Scope;
pub use sealing::SealingKey;

/// What tells this room the time: wall clock, so that tests can set it.
pub type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;
