//! What can go wrong with keys, grouped by what the caller must do; it must not know HTTP or S3.

use std::{error::Error, fmt, sync::Arc};

use crate::{KeyId, Purpose};

/// The error of a far side (KMS, store), shared because every waiter of one flight is told the
/// same.
pub type Cause = Arc<dyn Error + Send + Sync>;

/// Why a key could not be had.
#[derive(Clone, Debug, thiserror::Error)]
pub enum KeyError {
    /// The KMS answered, and the answer was no.
    #[error("{provider} refuses the use of root key {root_key}: {refusal}")]
    ProviderRefused {
        /// Which provider.
        provider: Arc<str>,
        /// Which root key.
        root_key: String,
        /// Why.
        refusal: Refusal,
        /// The provider's own words.
        source: Cause,
    },
    /// The control store refuses our credentials or cannot do conditional writes.
    #[error("the control store refuses {path}")]
    StoreRefused {
        /// The document's path in the store.
        path: String,
        /// The store's own words.
        source: Cause,
    },
    /// All use of the tenant's keys, or of a scope's, is stopped until they are thawed.
    #[error("the keys of tenant {tenant} are frozen")]
    Frozen {
        /// Whose keys.
        tenant: String,
    },
    /// What was asked does not fit where the key is in its life.
    #[error("key {id} of tenant {tenant} {why}")]
    NotNow {
        /// Whose key.
        tenant: String,
        /// Which key.
        id: KeyId,
        /// What it is or is not.
        why: &'static str,
    },
    /// The key waits for its destruction; it is not used while it waits.
    #[error("key {id} of tenant {tenant} is pending destruction")]
    PendingDestroy {
        /// Whose key.
        tenant: String,
        /// Which key.
        id: KeyId,
    },
    /// The key was destroyed; what it sealed cannot be opened again.
    #[error("key {id} of tenant {tenant} is destroyed")]
    Destroyed {
        /// Whose key.
        tenant: String,
        /// Which key.
        id: KeyId,
    },
    /// The provider has no such root key.
    #[error("{provider} has no root key {root_key}")]
    RootKeyMissing {
        /// Which provider.
        provider: Arc<str>,
        /// Which root key.
        root_key: String,
    },
    /// Nothing configured here can unwrap this key.
    #[error("no configured provider wraps {what}")]
    ProviderMissing {
        /// The key, in words.
        what: String,
    },
    /// The tenant has no keyring and was not to be provisioned, or its name is empty or over 256
    /// bytes.
    #[error("tenant {tenant} has no keyring")]
    KeyringMissing {
        /// Which tenant.
        tenant: String,
    },
    /// The tenant's keyring has no key of that purpose under that id.
    #[error("tenant {tenant} has no {purpose} key {id}")]
    KeyMissing {
        /// Which tenant.
        tenant: String,
        /// What the key was wanted for.
        purpose: Purpose,
        /// Which key.
        id: KeyId,
    },
    /// The KMS could not be reached, was overloaded or failed.
    #[error("{provider} is unavailable")]
    ProviderUnavailable {
        /// Which provider.
        provider: Arc<str>,
        /// What happened.
        source: Cause,
    },
    /// The control store could not be reached or failed.
    #[error("the control store is unavailable for {path}")]
    StoreUnavailable {
        /// The document's path in the store.
        path: String,
        /// What happened.
        source: Cause,
    },
    /// Other replicas kept writing the document between our read and our write.
    #[error("other writers kept changing {path}")]
    Contended {
        /// The document's path in the store.
        path: String,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes from the operating system")]
    NoRandomness(#[source] Cause),
    /// The cipher refused to seal.
    #[error("the cipher refuses to seal")]
    NotSealed(#[source] Cause),
    /// The wrapped form does not open under this root key and encryption context.
    #[error(
        "the wrapped key does not open under {provider} root key {root_key} and its encryption context"
    )]
    DoesNotUnwrap {
        /// Which provider.
        provider: Arc<str>,
        /// Which root key.
        root_key: String,
    },
    /// What stands beside an object for its own key is no wrapped key.
    #[error("{what} is not wrapped as it should be")]
    NoWrappedKey {
        /// The key, in words.
        what: String,
    },
    /// The KMS gave an answer that is none: not in its own form, or about another key.
    #[error("{provider} gave a wrong answer about root key {root_key}: {what}")]
    WrongAnswer {
        /// Which provider.
        provider: Arc<str>,
        /// Which root key.
        root_key: String,
        /// What is wrong with it.
        what: String,
    },
    /// The mirror of the keyrings does not have what it must have before it is used.
    #[error("the mirror of keyrings does not take {path}")]
    NotMirrored {
        /// The document's path in the store.
        path: String,
        /// What happened.
        source: Arc<KeyError>,
    },
    /// A control document cannot be trusted.
    #[error("control document {path} is refused")]
    Document {
        /// The document's path in the store.
        path: String,
        /// Why.
        #[source]
        fault: DocumentFault,
    },
}

impl KeyError {
    /// What the caller must do about it.
    pub fn kind(&self) -> KeyErrorKind {
        match self {
            Self::NotMirrored { source, .. } => source.kind(),
            Self::ProviderRefused { .. }
            | Self::StoreRefused { .. }
            | Self::Frozen { .. }
            | Self::NotNow { .. }
            | Self::PendingDestroy { .. } => KeyErrorKind::Denied,
            Self::RootKeyMissing { .. }
            | Self::ProviderMissing { .. }
            | Self::KeyringMissing { .. }
            | Self::KeyMissing { .. } => KeyErrorKind::Missing,
            Self::Destroyed { .. } => KeyErrorKind::Destroyed,
            Self::ProviderUnavailable { .. }
            | Self::StoreUnavailable { .. }
            | Self::Contended { .. }
            | Self::NoRandomness(_)
            | Self::NotSealed(_) => KeyErrorKind::Unavailable,
            Self::DoesNotUnwrap { .. }
            | Self::NoWrappedKey { .. }
            | Self::WrongAnswer { .. }
            | Self::Document { .. } => KeyErrorKind::Corrupt,
        }
    }
}

/// Why a KMS refuses the use of a root key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Our credentials may not use it, or not under this encryption context.
    AccessDenied,
    /// It is disabled, or its key material is not there.
    Disabled,
    /// It waits for its deletion.
    PendingDeletion,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AccessDenied => "access denied",
            Self::Disabled => "disabled",
            Self::PendingDeletion => "pending deletion",
        })
    }
}

/// What the caller must do about a [`KeyError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyErrorKind {
    /// Tell the operator: a permission, a disabled key, or a key pending destruction.
    Denied,
    /// There is no such key.
    Missing,
    /// The key is gone for good.
    Destroyed,
    /// Try again later; the only kind for which that can help.
    Unavailable,
    /// Do not use what was read, and raise the alarm.
    Corrupt,
}

impl KeyErrorKind {
    /// Whether the same call may succeed later without anyone mending something.
    pub fn is_retryable(self) -> bool {
        match self {
            Self::Unavailable => true,
            Self::Denied | Self::Missing | Self::Destroyed | Self::Corrupt => false,
        }
    }
}

/// Why a control document is refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DocumentFault {
    /// Not the JSON it should be.
    #[error("it is not a document of this version")]
    Malformed(#[source] Cause),
    /// Longer than any document of ours.
    #[error("it is longer than {limit} bytes")]
    TooLong {
        /// Bytes.
        limit: usize,
    },
    /// The store names no `ETag`, so the document could not be replaced safely.
    #[error("the store gave it no ETag")]
    NoEtag,
    /// The store does not decide conditional writes.
    #[error(
        "its store ignores conditions on writes, so that an older document could replace a newer one: use another"
    )]
    Unconditional,
    /// Its MAC does not verify under the deployment key.
    #[error("its MAC does not verify under this deployment's key")]
    Mac,
    /// It is a valid document of another deployment, tenant or scope.
    #[error("it belongs to another deployment, tenant or scope")]
    Misplaced,
    /// This replica has seen a newer generation: somebody put an old document back.
    #[error("it is generation {found}, and generation {seen} was seen before")]
    RolledBack {
        /// The newest generation this replica has seen.
        seen: u64,
        /// The generation found now.
        found: u64,
    },
    /// Two different documents claim one generation: the store lost a compare-and-swap.
    #[error("generation {generation} exists in two versions")]
    Forked {
        /// The generation.
        generation: u64,
    },
    /// The document was there before and is gone.
    #[error("it is gone, and generation {seen} was seen before")]
    Vanished {
        /// The newest generation this replica has seen.
        seen: u64,
    },
    /// It is not there, and others that it opens are.
    #[error(
        "it is gone and {beside} is still there: restore it (`sealgate keys restore`), or begin in an empty bucket"
    )]
    Lost {
        /// One of the others.
        beside: String,
    },
    /// The mirror has a newer generation, or another of the same: somebody put an old document back.
    #[error(
        "it is generation {found}, and the mirror has another, of generation {mirrored}: look at both with `sealgate keys mirror`"
    )]
    BehindMirror {
        /// The generation found in its place.
        found: u64,
        /// The generation in the mirror.
        mirrored: u64,
    },
    /// The mirror has something else in its place that must not be replaced.
    #[error("the mirror has another document in its place")]
    MirrorDiffers,
    /// An entry's encryption context is not the one its place in the keyring demands.
    #[error("key {id} carries another key's encryption context")]
    Context {
        /// Which key.
        id: KeyId,
    },
    /// No key is active for this purpose, or more than one is.
    #[error("it does not name exactly one active {purpose} key")]
    Active {
        /// Which purpose.
        purpose: Purpose,
    },
    /// The generation counter is at its end.
    #[error("its generation cannot grow further")]
    Exhausted,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unavailable_is_retryable() {
        use KeyErrorKind::{Corrupt, Denied, Destroyed, Missing, Unavailable};
        assert!(Unavailable.is_retryable());
        for kind in [Corrupt, Denied, Destroyed, Missing] {
            assert!(!kind.is_retryable(), "{kind:?}");
        }
    }

    #[test]
    fn display_does_not_repeat_the_source() {
        let cause: Cause = Arc::new(std::io::Error::other("the far side's words"));
        let error = KeyError::StoreUnavailable {
            path: "p".into(),
            source: cause,
        };
        assert!(!error.to_string().contains("far side"));
        assert_eq!(error.source().unwrap().to_string(), "the far side's words");
    }
}
