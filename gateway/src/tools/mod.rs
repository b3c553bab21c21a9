//! Tools for administrators, for auditors and for leaving: they look at stored objects beside the gateway's
//! requests, and change none. Who can run them with keys holds the keys already.

mod audit_keys;
mod custody;
mod key_copies;
mod open;
mod pace;
pub mod scrub;
mod stored;
mod trail;
mod verify;

use std::path::PathBuf;

pub use audit_keys::{AuditKeys, export_audit_keys};
pub use custody::{Custody, SystemCopy};
pub use key_copies::{BackedUp, Copy, Restored, back_up, restore};
pub use open::{Unsealed, open};
pub use pace::Pace;
pub use stored::{Stored, parse_head};
pub use trail::TrailReader;
pub use verify::{Problem, Verification, verify};

use crate::assemble::AssembleError;
use crate::buckets::BucketError;
use crate::error::GatewayError;
use crate::upstream::UpstreamError;

/// Why a tool could not do its work; what it finds is no error.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// The configuration's store or keys cannot be used.
    #[error(transparent)]
    Assemble(#[from] AssembleError),
    /// A key could not be had.
    #[error("a key cannot be had")]
    Keys(#[from] kms_keys::KeyError),
    /// A backup of keyrings.
    #[error(transparent)]
    Backup(#[from] kms_keys::BackupError),
    /// As a request would have failed.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
    /// A bucket's document.
    #[error(transparent)]
    Bucket(#[from] BucketError),
    /// The store.
    #[error(transparent)]
    Upstream(#[from] UpstreamError),
    /// A file.
    #[error("{}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// What was asked cannot be done; the text says why and what to do.
    #[error("{0}")]
    Asked(String),
}

impl ToolError {
    /// For `map_err` on what touches `path`.
    pub(crate) fn file(path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        |source| Self::File { path, source }
    }
}
