//! Everything that can go wrong with a request, and the one exhaustive match that says what the client
//! is told.
//!
//! `Display` and `source` are for the log and the trail. The client's text is made here: integrity
//! failures share one message, so that an attacker learns nothing from it, and nothing of the store's
//! own words passes.

mod faults;

use kms_keys::{KeyError, KeyErrorKind};
use policies::Denial;
use sealed_object::Error as SealedError;

use crate::body::BodyError;
use crate::buckets::BucketError;
use crate::control::ControlError;
use crate::directory::RolesError;
use crate::s3::{Code, S3Error};
use crate::sigv4::SignatureError;
use crate::upstream::UpstreamError;

/// A request that was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The request itself is at fault.
    #[error(transparent)]
    Request(#[from] S3Error),
    /// Its signature is.
    #[error("the signature was not accepted")]
    Signature(#[from] SignatureError),
    /// Policy denies it.
    #[error("denied: {0}")]
    Denied(Denial),
    /// The upload's body failed a check, or did not arrive.
    #[error("the upload was not accepted")]
    Body(#[from] BodyError),
    /// A stored object could not be opened, or a part not sealed.
    #[error("the sealed object was refused: {}", .0.code())]
    Sealed(#[from] SealedError),
    /// A key could not be had.
    #[error("a key could not be had")]
    Keys(#[from] KeyError),
    /// A bucket's document could not be read or written.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// A control document could not be read or written.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The store refused, or did not answer.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// The trail could not record the access.
    #[error("the access could not be recorded")]
    Trail(#[from] audit::JournalError),
    /// Something that should not happen; the text says what.
    #[error("unexpected: {0}")]
    Unexpected(&'static str),
}

impl From<RolesError> for GatewayError {
    fn from(error: RolesError) -> Self {
        match error {
            RolesError::TooMany => {
                tracing::error!(error = %error, "a request is refused");
                Code::AccessDenied
                    .because(
                        "Your roles include too many others. An administrator can take some out.",
                    )
                    .into()
            }
            RolesError::Control(error) => error.into(),
        }
    }
}

impl GatewayError {
    /// What the client is told. No wildcard: a new error does not compile until someone chooses.
    pub fn fault(&self) -> S3Error {
        match self {
            Self::Request(error) => error.clone(),
            Self::Signature(error) => faults::of_signature(error),
            Self::Denied(_) => Code::AccessDenied.because("Access denied by policy."),
            Self::Body(error) => faults::of_body(error),
            Self::Sealed(error) => faults::of_sealed(*error),
            Self::Keys(error) | Self::Bucket(BucketError::Mirror(error)) => faults::of_key(error),
            Self::Bucket(BucketError::Exists) => Code::BucketAlreadyOwnedByYou.because("The bucket exists already and is yours."),
            Self::Bucket(BucketError::Store(_)) => Code::SlowDown.because("The store does not answer; please try again."),
            Self::Bucket(BucketError::Corrupt(_)) | Self::Unexpected(_) => faults::internal(),
            Self::Control(error) => faults::of_control(error),
            Self::Upstream(error) => faults::of_upstream(error),
            Self::Trail(_) => Code::AuditUnavailable.because("The access cannot be put on record now, so it was not carried out or not confirmed; please try again."),
        }
    }

    /// Of what can only mean that the store's bytes are not what was put there, or not where: one of
    /// [`INTEGRITY_CLASSES`].
    pub fn integrity_class(&self) -> Option<&'static str> {
        match self {
            Self::Sealed(error) => {
                Some(error.code()).filter(|code| INTEGRITY_CLASSES.contains(code))
            }
            Self::Keys(error) => match error.kind() {
                KeyErrorKind::Missing => Some(SealedError::KeyUnknown.code()),
                KeyErrorKind::Corrupt => Some(KEYRING_CLASS),
                KeyErrorKind::Denied | KeyErrorKind::Destroyed | KeyErrorKind::Unavailable => None,
            },
            Self::Bucket(BucketError::Corrupt(_)) | Self::Control(ControlError::Shape { .. }) => {
                Some(DOCUMENT_CLASS)
            }
            Self::Control(ControlError::Keys(error)) => match error.kind() {
                KeyErrorKind::Corrupt => Some(DOCUMENT_CLASS),
                _ => None,
            },
            Self::Bucket(BucketError::Exists | BucketError::Store(_) | BucketError::Mirror(_))
            | Self::Request(_)
            | Self::Signature(_)
            | Self::Denied(_)
            | Self::Body(_)
            | Self::Control(
                ControlError::Exists { .. }
                | ControlError::Outrun { .. }
                | ControlError::Missing { .. },
            )
            | Self::Upstream(_)
            | Self::Trail(_)
            | Self::Unexpected(_) => None,
        }
    }

    /// What the log may say of it: words of ours. What a refusal tells its client quotes the request.
    pub fn for_log(&self) -> String {
        match self {
            Self::Request(error) => format!("refused with {}", error.code.as_str()),
            other => report(other),
        }
    }

    /// The code for the trail: of a sealed object the layer that failed, else the client's code.
    pub fn trail_code(&self) -> String {
        match self {
            Self::Sealed(error) => error.code().to_owned(),
            other => other.fault().code.as_str().to_owned(),
        }
    }
}

/// The layers at which a stored object or document can fail its check, as they are counted and logged.
pub const INTEGRITY_CLASSES: [&str; 13] = [
    "E_NOT_SEALED",
    "E_SUITE",
    "E_KEK_UNKNOWN",
    "E_CONTEXT",
    "E_COMMIT",
    "E_SIZE",
    "E_PART",
    "E_FRAME",
    "E_TRAILER",
    "E_MANIFEST",
    "E_PAD",
    KEYRING_CLASS,
    DOCUMENT_CLASS,
];

/// A keyring, or the deployment's document.
const KEYRING_CLASS: &str = "E_KEYRING";

/// Any other control document.
const DOCUMENT_CLASS: &str = "E_DOCUMENT";

/// An error and its causes in one line, for the log.
pub fn report(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
