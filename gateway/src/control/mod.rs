//! Control documents: what the gateway must remember beside objects and keyrings, typed, one JSON document a
//! thing in the system bucket. Every document has a MAC for its place, is sealed where its kind is secret,
//! numbered and written by compare-and-swap; what is read is at most five seconds old.
//!
//! It does not know what documents say. A kind of document is a type with a folder of its own:
//!
//! ```
//! # use serde::{Deserialize, Serialize};
//! # use gateway::control::{Document, Form};
//! #[derive(Serialize, Deserialize)]
//! struct Widget { colour: String }
//!
//! impl Document for Widget {
//!     const FOLDER: &'static str = "widgets";
//!     const FORM: Form = Form::Clear;
//! }
//! ```
//!
//! The store cannot write, change or move a document. It can bring back an older one; a replica that has seen
//! the newer refuses that. So what must stay revoked is better replaced by a document that says so than deleted.

mod cache;

use std::sync::Arc;
use std::time::SystemTime;

use futures_util::TryStreamExt as _;
use futures_util::stream;
use kms_keys::{Content, ControlStore, DocumentFault, DocumentKeys, General, KeyError, Written};
use object_store::{ObjectStore, UpdateVersion};
use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use crate::clock::Clock;
use cache::Recent;

/// A kind of control document.
pub trait Document: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The folder of all documents of this kind: lower-case letters and hyphens, never used for another kind.
    const FOLDER: &'static str;
    /// Whether the store may read them.
    const FORM: Form;
}

/// How a document lies in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Readable, with a MAC.
    Clear,
    /// Sealed under the deployment's key.
    Sealed,
}

/// A document as it was read or written.
#[derive(Debug, Clone)]
pub struct Kept<T> {
    /// Its name below its folder: any text in each segment.
    pub name: Vec<String>,
    /// What it says.
    pub value: T,
    /// Grows by one with each write at this place, deletions too.
    pub version: u64,
    /// When this version was written, by its writer's clock.
    pub written: SystemTime,
    stored: UpdateVersion,
}

/// Why a control document could not be had or written.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ControlError {
    /// The name is taken.
    #[error("the document {name} exists already")]
    Exists {
        /// Folder and name.
        name: String,
    },
    /// Somebody else wrote it after it was read; nothing was written.
    #[error("the document {name} was changed meanwhile")]
    Outrun {
        /// Folder and name.
        name: String,
    },
    /// There is none to change.
    #[error("there is no document {name}")]
    Missing {
        /// Folder and name.
        name: String,
    },
    /// It is ours, and not of the shape that this version of the program knows.
    #[error("the document {name} is not of a shape that this version knows")]
    Shape {
        /// Folder and name.
        name: String,
        /// The parser's words.
        #[source]
        source: Arc<serde_json::Error>,
    },
    /// The store does not answer, or what it gives is refused.
    #[error(transparent)]
    Keys(#[from] KeyError),
}

/// The control documents of a deployment.
#[derive(Clone)]
pub struct Control(Arc<Inner>);

struct Inner {
    store: ControlStore,
    keys: DocumentKeys,
    clock: Clock,
    recent: Recent,
}

impl std::fmt::Debug for Control {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Control")
    }
}

impl Control {
    /// The documents in `store`, the system bucket.
    pub fn new(store: Arc<dyn ObjectStore>, keys: DocumentKeys, clock: Clock) -> Self {
        Self(Arc::new(Inner {
            store: ControlStore::new(store, PREFIX),
            keys,
            recent: Recent::new(clock.clone()),
            clock,
        }))
    }

    /// The document of that name, or `None`; at most five seconds old.
    pub async fn get<T: Document>(
        &self,
        name: &[&str],
    ) -> Result<Option<Arc<Kept<T>>>, ControlError> {
        let place = place::<T>(name);
        let read = self.read_document::<T>(&place);
        self.0.recent.get(&place, read).await
    }

    /// The document of that name as the store has it now.
    pub async fn get_now<T: Document>(
        &self,
        name: &[&str],
    ) -> Result<Option<Kept<T>>, ControlError> {
        self.read_document(&place::<T>(name)).await
    }

    /// Writes a document that must not exist.
    pub async fn create<T: Document + Clone>(
        &self,
        name: &[&str],
        value: &T,
    ) -> Result<Kept<T>, ControlError> {
        let place = place::<T>(name);
        let outrun = || ControlError::Exists {
            name: place.join("/"),
        };
        let before = self.read(&place).await?;
        if let Some((General { content, .. }, _)) = &before
            && *content != Content::Deleted
        {
            return Err(outrun());
        }
        let written = self.write(&place, before.map(versions), value).await?;
        written.ok_or_else(outrun)
    }

    /// Writes a document that must still be the version that was read.
    pub async fn replace<T: Document + Clone>(
        &self,
        kept: &Kept<T>,
        value: &T,
    ) -> Result<Kept<T>, ControlError> {
        let place = place::<T>(&borrowed(&kept.name));
        let before = Some((kept.version, kept.stored.clone()));
        let written = self.write(&place, before, value).await?;
        written.ok_or_else(|| ControlError::Outrun {
            name: place.join("/"),
        })
    }

    /// Replaces the document by what `change` makes of it as it is now, or leaves it where that is `None`; again
    /// when somebody else wrote in between. [`ControlError::Missing`] where there is none.
    pub async fn change<T: Document + Clone, E: From<ControlError>>(
        &self,
        name: &[&str],
        change: impl Fn(&T) -> Result<Option<T>, E>,
    ) -> Result<Kept<T>, E> {
        let whole = || place::<T>(name).join("/");
        for _ in 0..CHANGE_ATTEMPTS {
            let found = self.get_now::<T>(name).await?;
            let kept = found.ok_or_else(|| ControlError::Missing { name: whole() })?;
            let Some(next) = change(&kept.value)? else {
                return Ok(kept);
            };
            match self.replace(&kept, &next).await {
                Err(ControlError::Outrun { .. }) => {}
                written => return Ok(written?),
            }
        }
        Err(ControlError::Outrun { name: whole() }.into())
    }

    /// All documents below a name (none: of the whole kind), as the store has them now, by name.
    pub async fn list<T: Document>(&self, below: &[&str]) -> Result<Vec<Kept<T>>, ControlError> {
        let paths = self.0.store.list(&place::<T>(below)).await?;
        let read = |path| async move {
            let Some((bytes, stored)) = self.0.store.read_at(&path).await? else {
                return Ok(None);
            };
            let place_of = |name: &[String]| self.0.store.path(&file_of(name));
            let document = self.0.keys.read_found(&path, &bytes, place_of)?;
            let seen = self.0.recent.seen(&document.name);
            self.admit(&document, seen)?;
            Self::opened::<T>(document, stored)
        };
        let found: Vec<Option<Kept<T>>> =
            stream::iter(paths.into_iter().map(Ok::<_, ControlError>))
                .map_ok(read)
                .try_buffered(READ_AT_ONCE)
                .try_collect()
                .await?;
        let mut found: Vec<Kept<T>> = found.into_iter().flatten().collect();
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    /// Deletes a document that must still be the version that was read. Its name may be used again.
    pub async fn delete<T: Document>(&self, kept: &Kept<T>) -> Result<(), ControlError> {
        let place = place::<T>(&borrowed(&kept.name));
        let before = Some((kept.version, kept.stored.clone()));
        let written = self.put(&place, before, &Content::Deleted).await?;
        let Some((version, _)) = written else {
            return Err(ControlError::Outrun {
                name: place.join("/"),
            });
        };
        self.0.recent.wrote::<T>(&place, version, None).await;
        Ok(())
    }

    /// `None` when somebody else wrote first.
    async fn write<T: Document + Clone>(
        &self,
        place: &[String],
        before: Option<(u64, UpdateVersion)>,
        value: &T,
    ) -> Result<Option<Kept<T>>, ControlError> {
        let text = serde_json::to_string(value).map_err(|error| shape(place, error))?;
        let content = match T::FORM {
            Form::Clear => Content::Clear(text),
            Form::Sealed => Content::Secret(Zeroizing::new(text)),
        };
        let written = self.0.clock.now();
        let Some((version, stored)) = self.put(place, before, &content).await? else {
            return Ok(None);
        };
        let kept = Kept {
            name: place.iter().skip(1).cloned().collect(),
            value: value.clone(),
            version,
            written,
            stored,
        };
        let held = Some(Arc::new(kept.clone()));
        self.0.recent.wrote::<T>(place, version, held).await;
        Ok(Some(kept))
    }

    async fn put(
        &self,
        place: &[String],
        before: Option<(u64, UpdateVersion)>,
        content: &Content,
    ) -> Result<Option<(u64, UpdateVersion)>, ControlError> {
        let file = file_of(place);
        let exhausted = || self.0.store.refused(&file, DocumentFault::Exhausted);
        let last = before.as_ref().map_or(0, |(version, _)| *version);
        let version = last.checked_add(1).ok_or_else(exhausted)?;
        let now = self.0.clock.now();
        let bytes = self.0.keys.write(place, version, now, content)?;
        let written = match before {
            None => self.0.store.create(&file, bytes).await?,
            Some((_, stored)) => self.0.store.replace(&file, bytes, stored).await?,
        };
        Ok(match written {
            Written::Stored(stored) => Some((version, stored)),
            Written::Outrun => None,
        })
    }

    async fn read_document<T: Document>(
        &self,
        place: &[String],
    ) -> Result<Option<Kept<T>>, ControlError> {
        match self.read(place).await? {
            Some((document, stored)) => Self::opened(document, stored),
            None => Ok(None),
        }
    }

    /// What lies at a place, be it that it was deleted.
    async fn read(
        &self,
        place: &[String],
    ) -> Result<Option<(General, UpdateVersion)>, ControlError> {
        let file = file_of(place);
        let seen = self.0.recent.seen(place);
        let Some((bytes, stored)) = self.0.store.read(&file).await? else {
            return match seen {
                Some(seen) => Err(self
                    .0
                    .store
                    .refused(&file, DocumentFault::Vanished { seen })
                    .into()),
                None => Ok(None),
            };
        };
        let document = self.0.keys.read(place, &bytes)?;
        self.admit(&document, seen)?;
        Ok(Some((document, stored)))
    }

    /// Refuses an older version than was seen before, and remembers a newer one.
    fn admit(&self, document: &General, seen: Option<u64>) -> Result<(), ControlError> {
        if let Some(seen) = seen.filter(|seen| document.version < *seen) {
            let found = document.version;
            let fault = DocumentFault::RolledBack { seen, found };
            return Err(self.0.store.refused(&file_of(&document.name), fault).into());
        }
        self.0.recent.saw(&document.name, document.version);
        Ok(())
    }

    fn opened<T: Document>(
        document: General,
        stored: UpdateVersion,
    ) -> Result<Option<Kept<T>>, ControlError> {
        let text = match &document.content {
            Content::Clear(text) => text,
            Content::Secret(text) => &**text,
            Content::Deleted => return Ok(None),
        };
        let value = serde_json::from_str(text).map_err(|error| shape(&document.name, error))?;
        Ok(Some(Kept {
            name: document.name.into_iter().skip(1).collect(),
            value,
            version: document.version,
            written: document.written.into(),
            stored,
        }))
    }
}

fn versions((document, stored): (General, UpdateVersion)) -> (u64, UpdateVersion) {
    (document.version, stored)
}

fn shape(place: &[String], error: serde_json::Error) -> ControlError {
    ControlError::Shape {
        name: place.join("/"),
        source: Arc::new(error),
    }
}

/// Folder and name.
fn place<T: Document>(name: &[&str]) -> Vec<String> {
    let segments = std::iter::once(&T::FOLDER).chain(name);
    segments.map(|&segment| segment.to_owned()).collect()
}

fn borrowed(name: &[String]) -> Vec<&str> {
    name.iter().map(String::as_str).collect()
}

/// Where a document lies: its name, the last segment with `.json`.
fn file_of(place: &[String]) -> Vec<String> {
    let mut file = place.to_vec();
    if let Some(last) = file.last_mut() {
        last.push_str(".json");
    }
    file
}

/// In the system bucket.
const PREFIX: &str = "control";
const READ_AT_ONCE: usize = 16;

/// How often a change is tried against other writers before giving up.
const CHANGE_ATTEMPTS: usize = 16;

#[cfg(test)]
mod tests;
