//! What an archive may be handed: signed lines, in which names are sealed, hashes of them, and signed notes.

use std::time::SystemTime;

use serde::Deserialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::signed::note_text;
use crate::tree::Hash;

/// A name in the archive and its bytes. It can only be made of lines of a log, hashes and signed notes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchiveObject {
    name: String,
    bytes: Vec<u8>,
    retain_until: Option<SystemTime>,
}

impl ArchiveObject {
    pub(super) fn lines(name: String, bytes: Vec<u8>) -> Self {
        let told = bytes.split(|byte| *byte == b'\n').filter_map(told);
        Self {
            name,
            retain_until: told.max(),
            bytes,
        }
    }

    pub(super) fn tile(name: String, hashes: &[Hash]) -> Self {
        Self {
            name,
            bytes: hashes.concat(),
            retain_until: None,
        }
    }

    /// A signed note, whoever signed it; none of other bytes.
    pub fn note(name: String, bytes: Vec<u8>) -> Option<Self> {
        note_text(std::str::from_utf8(&bytes).ok()?)?;
        Some(Self {
            name,
            bytes,
            retain_until: None,
        })
    }

    /// The same bytes under another name.
    #[must_use]
    pub fn renamed(self, name: String) -> Self {
        Self { name, ..self }
    }

    /// Its name, below the deployment's place in the archive.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes alone.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Until when the longest kept of the objects that its lines tell of is kept, if they tell of one.
    pub fn retain_until(&self) -> Option<SystemTime> {
        self.retain_until
    }
}

/// What a line says of its object's retention.
fn told(line: &[u8]) -> Option<SystemTime> {
    #[derive(Deserialize)]
    struct Told {
        detail: Detail,
    }
    #[derive(Deserialize)]
    struct Detail {
        retain_until: String,
    }
    // Most lines tell nothing, and need not be read for that.
    let text = std::str::from_utf8(line).ok()?;
    if !text.contains("\"retain_until\"") {
        return None;
    }
    let told: Told = serde_json::from_str(text).ok()?;
    let until = OffsetDateTime::parse(&told.detail.retain_until, &Rfc3339).ok()?;
    Some(until.into())
}
