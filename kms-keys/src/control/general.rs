//! Control documents in general: text bound to its place and its version, with a MAC always and sealed
//! where it is secret. It must not know what the text says.
//!
//! In the store: `{"document": {"v", "name", "version", "written", "content"}, "mac"}`, where the content
//! is `{"clear": text}`, `{"sealed": base64}` or `"deleted"`.

use std::time::SystemTime;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{Timestamp, authenticated::MacKey};
use crate::{DeploymentKey, DocumentFault, KeyError, Secret, aead};

/// The keys of a deployment's control documents, wiped on drop.
pub struct DocumentKeys {
    mac: MacKey,
    seal: Secret,
}

/// What a document says.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// Text that the store may read and not change.
    Clear(String),
    /// Text that the store may not read.
    Secret(Zeroizing<String>),
    /// Nothing any more. The place is kept, so that its versions go on growing.
    Deleted,
}

/// A document that was read and verified.
pub struct General {
    /// Its name, which is its place.
    pub name: Vec<String>,
    /// Grows by one with each write at this place.
    pub version: u64,
    /// When this version was written, by its writer's clock.
    pub written: Timestamp,
    /// What it says.
    pub content: Content,
}

impl DocumentKeys {
    /// The keys for the control documents of this deployment.
    pub fn of(deployment: &DeploymentKey) -> Self {
        Self {
            mac: MacKey::derive_for(MAC_CONTEXT, &deployment.derive(PARENT_CONTEXT)),
            seal: deployment.derive(SEAL_CONTEXT),
        }
    }

    /// The bytes to store.
    pub fn write(
        &self,
        name: &[String],
        version: u64,
        written: SystemTime,
        content: &Content,
    ) -> Result<Bytes, KeyError> {
        let stored = match content {
            Content::Clear(text) => Stored::Clear(text.clone()),
            Content::Secret(text) => {
                let bound = bound(name, version);
                Stored::Sealed(STANDARD.encode(aead::seal(&self.seal, &bound, text.as_bytes())?))
            }
            Content::Deleted => Stored::Deleted,
        };
        let document = Document {
            v: VERSION,
            name: name.to_vec(),
            version,
            written: Timestamp::from(written),
            content: stored,
        };
        let written = self.mac.write(&document);
        written
            .map(|(bytes, _)| bytes)
            .map_err(|fault| refused(name, fault))
    }

    /// The document in bytes read from the place of that name.
    pub fn read(&self, name: &[String], bytes: &[u8]) -> Result<General, KeyError> {
        let read = self.mac.read::<Document>(bytes);
        let (document, _) = read.map_err(|fault| refused(name, fault))?;
        self.placed(document, name)
    }

    /// The document in bytes that a listing found at `found`; `place_of` says where a name lies.
    pub fn read_found(
        &self,
        found: &Path,
        bytes: &[u8],
        place_of: impl Fn(&[String]) -> Path,
    ) -> Result<General, KeyError> {
        let refused = |fault| KeyError::Document {
            path: found.to_string(),
            fault,
        };
        let (document, _) = self.mac.read::<Document>(bytes).map_err(refused)?;
        let name = document.name.clone();
        if place_of(&name) != *found {
            return Err(refused(DocumentFault::Misplaced));
        }
        self.placed(document, &name)
    }

    fn placed(&self, document: Document, name: &[String]) -> Result<General, KeyError> {
        if document.v != VERSION || document.name != name {
            return Err(refused(name, DocumentFault::Misplaced));
        }
        let content = match document.content {
            Stored::Clear(text) => Content::Clear(text),
            Stored::Sealed(text) => {
                let opened = self.open(name, document.version, &text);
                Content::Secret(opened.ok_or_else(|| refused(name, DocumentFault::Mac))?)
            }
            Stored::Deleted => Content::Deleted,
        };
        Ok(General {
            name: document.name,
            version: document.version,
            written: document.written,
            content,
        })
    }

    fn open(&self, name: &[String], version: u64, sealed: &str) -> Option<Zeroizing<String>> {
        let sealed = STANDARD.decode(sealed).ok()?;
        let opened = aead::open(&self.seal, &bound(name, version), &sealed)?;
        let text = std::str::from_utf8(&opened).ok()?;
        Some(Zeroizing::new(text.to_owned()))
    }
}

impl std::fmt::Debug for DocumentKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DocumentKeys")
    }
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Clear(_) => "Clear",
            Self::Secret(_) => "Secret",
            Self::Deleted => "Deleted",
        })
    }
}

impl std::fmt::Debug for General {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("General")
            .field("name", &self.name)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    v: u32,
    name: Vec<String>,
    version: u64,
    written: Timestamp,
    content: Stored,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Stored {
    Clear(String),
    Sealed(String),
    Deleted,
}

/// What a sealed text is bound to: every segment behind its length, then the version.
fn bound(name: &[String], version: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for segment in name {
        let length = u64::try_from(segment.len()).unwrap_or(u64::MAX);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(segment.as_bytes());
    }
    bytes.extend_from_slice(&version.to_be_bytes());
    bytes
}

fn refused(name: &[String], fault: DocumentFault) -> KeyError {
    KeyError::Document {
        path: name.join("/"),
        fault,
    }
}

const VERSION: u32 = 1;
const PARENT_CONTEXT: &str = "sealgate 2026-11-26 general control documents";
const MAC_CONTEXT: &str = "sealgate 2026-11-26 general control document mac";
const SEAL_CONTEXT: &str = "sealgate 2026-11-26 general control document seal";
