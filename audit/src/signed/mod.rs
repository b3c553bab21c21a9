//! What is signed, and by whom: notes, checkpoints of a log, and the certificate of a log's key. It must not know
//! lines nor files.

mod certificate;
mod checkpoint;
mod entry;
mod note;

pub use certificate::{certificate, certified_key};
pub use checkpoint::{Checkpoint, CheckpointError};
pub(crate) use entry::SUPER_LOG;
pub use entry::{entry_hash, super_entry};
pub use note::{NoteError, SigningKey, VerifyingKey, note_text};

#[cfg(test)]
mod tests;
