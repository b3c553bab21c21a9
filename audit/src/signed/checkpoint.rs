//! The checkpoint of a log: C2SP tlog-checkpoint, <https://c2sp.org/tlog-checkpoint>: origin, size and root, one a
//! line, signed.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{NoteError, SigningKey, VerifyingKey};
use crate::tree::Hash;

/// What a log was at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// How many lines it had.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a checkpoint is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// What is signed is no checkpoint.
    #[error("what is signed is no checkpoint")]
    Malformed,
}

impl Checkpoint {
    /// The signed note.
    pub fn sign(&self, key: &SigningKey) -> String {
        key.sign(&format!(
            "{}\n{}\n{}\n",
            self.origin,
            self.size,
            STANDARD.encode(self.root)
        ))
    }

    /// What a checkpoint says that `key` signed.
    pub fn open(note: &str, key: &VerifyingKey) -> Result<Self, CheckpointError> {
        Self::parse(key.open(note)?).ok_or(CheckpointError::Malformed)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines();
        let origin = lines.next().filter(|origin| !origin.is_empty())?.to_owned();
        let decimal = lines.next()?;
        let size: u64 = decimal.parse().ok()?;
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        (decimal == size.to_string()).then_some(Self { origin, size, root })
    }
}
