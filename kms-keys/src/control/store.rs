//! Documents in an object store, written by compare-and-swap: the only file of this room that
//! speaks to the store, and it must not know what a document says.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    Error, GetOptions, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload,
    UpdateVersion, path::Path,
};

use crate::{DocumentFault, KeyError};

/// The documents under one prefix of a store.
#[derive(Debug)]
pub struct ControlStore {
    store: Arc<dyn ObjectStore>,
    prefix: Path,
}

/// What became of a conditional write.
#[derive(Debug)]
pub enum Written {
    /// It is stored, as this version.
    Stored(UpdateVersion),
    /// Somebody else wrote first; nothing of ours is stored.
    Outrun,
}

impl ControlStore {
    /// The documents below `prefix`, whose segments are apart by `/`.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        Self {
            store,
            prefix: Path::from(prefix),
        }
    }

    /// The same store, with all that is in it.
    pub(crate) fn whole(&self) -> Self {
        Self {
            store: Arc::clone(&self.store),
            prefix: Path::default(),
        }
    }

    /// No documents, for what is read from elsewhere.
    pub(crate) fn nowhere() -> Self {
        Self::new(Arc::new(object_store::memory::InMemory::new()), "")
    }

    /// The document and its version, or `None` when there is none.
    pub async fn read(
        &self,
        place: &[impl AsRef<str>],
    ) -> Result<Option<(Bytes, UpdateVersion)>, KeyError> {
        self.read_at(&self.path(place)).await
    }

    /// Writes a document that must not exist yet.
    pub async fn create(
        &self,
        place: &[impl AsRef<str>],
        bytes: Bytes,
    ) -> Result<Written, KeyError> {
        self.write_at(&self.path(place), bytes, None).await
    }

    /// Writes a document that must still be the version that was read.
    pub async fn replace(
        &self,
        place: &[impl AsRef<str>],
        bytes: Bytes,
        read: UpdateVersion,
    ) -> Result<Written, KeyError> {
        self.write_at(&self.path(place), bytes, Some(read)).await
    }

    /// The error for a document that is there but cannot be trusted.
    pub fn refused(&self, place: &[impl AsRef<str>], fault: DocumentFault) -> KeyError {
        refused_at(&self.path(place), fault)
    }

    /// The error for a document that others kept writing.
    pub fn contended(&self, place: &[impl AsRef<str>]) -> KeyError {
        KeyError::Contended {
            path: self.path(place).to_string(),
        }
    }

    /// The places of all documents below `place`, in no order.
    pub async fn list(&self, place: &[impl AsRef<str>]) -> Result<Vec<Path>, KeyError> {
        self.list_from(&self.path(place), None).try_collect().await
    }

    /// The documents below `below`, by name, one after the other; from the one after `after` on.
    pub(crate) fn list_from(
        &self,
        below: &Path,
        after: Option<&Path>,
    ) -> BoxStream<'static, Result<Path, KeyError>> {
        let listed = match after {
            Some(after) => self.store.list_with_offset(Some(below), after),
            None => self.store.list(Some(below)),
        };
        let below = below.clone();
        listed
            .map(move |meta| match meta {
                Ok(meta) => Ok(meta.location),
                Err(error) => Err(failed(&below, error)),
            })
            .boxed()
    }

    /// The folders right below `below`.
    pub(crate) async fn folders(&self, below: &Path) -> Result<Vec<Path>, KeyError> {
        let listed = self.store.list_with_delimiter(Some(below)).await;
        Ok(listed
            .map_err(|error| failed(below, error))?
            .common_prefixes)
    }

    /// Something in the whole store that is not the document at one of `known` places.
    pub(crate) async fn anything_but(&self, known: &[Path]) -> Result<Option<Path>, KeyError> {
        let mut all = self.list_from(&Path::default(), None);
        while let Some(found) = all.try_next().await? {
            if !known.contains(&found) {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// A document that a tenant has only once it has a default keyring, which lies at `keyring`.
    pub(crate) async fn left_of(
        &self,
        tenant: &str,
        keyring: &Path,
    ) -> Result<Option<Path>, KeyError> {
        let tenants = Path::from("tenants").join(tenant).join("buckets");
        for below in [
            self.path(&["keyrings", tenant]),
            self.path(&["keks", tenant]),
            tenants,
        ] {
            let mut left = self.list_from(&below, None);
            while let Some(found) = left.try_next().await? {
                if found != *keyring {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }

    /// Removes a document, if it is there.
    pub(crate) async fn remove_at(&self, path: &Path) -> Result<(), KeyError> {
        match self.store.delete(path).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed(path, error)),
        }
    }

    /// The document at a place that [`list`](Self::list) gave.
    pub async fn read_at(&self, path: &Path) -> Result<Option<(Bytes, UpdateVersion)>, KeyError> {
        let found = match self.store.get_opts(path, GetOptions::default()).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            found => found.map_err(|error| failed(path, error))?,
        };
        if found.meta.size > LENGTH_LIMIT.try_into().unwrap_or(u64::MAX) {
            let limit = LENGTH_LIMIT;
            return Err(refused_at(path, DocumentFault::TooLong { limit }));
        }
        // Without an ETag the next write could not be conditional.
        if found.meta.e_tag.is_none() {
            return Err(refused_at(path, DocumentFault::NoEtag));
        }
        let version = UpdateVersion {
            e_tag: found.meta.e_tag.clone(),
            version: found.meta.version.clone(),
        };
        let bytes = found.bytes().await.map_err(|error| failed(path, error))?;
        Ok(Some((bytes, version)))
    }

    /// Writes a document that must still be the version that was read, or must not exist yet.
    pub(crate) async fn write_at(
        &self,
        path: &Path,
        bytes: Bytes,
        read: Option<UpdateVersion>,
    ) -> Result<Written, KeyError> {
        let mode = read.map_or(PutMode::Create, PutMode::Update);
        match self
            .store
            .put_opts(path, PutPayload::from(bytes), PutOptions::from(mode))
            .await
        {
            Ok(put) if put.e_tag.is_none() => Err(refused_at(path, DocumentFault::NoEtag)),
            Ok(put) => Ok(Written::Stored(put.into())),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => Ok(Written::Outrun),
            Err(error) => Err(failed(path, error)),
        }
    }

    /// Each segment is encoded by itself, so that no tenant's name reaches out of its own place.
    pub fn path(&self, place: &[impl AsRef<str>]) -> Path {
        place.iter().fold(self.prefix.clone(), |path, segment| {
            path.join(segment.as_ref())
        })
    }
}

pub(crate) fn refused_at(path: &Path, fault: DocumentFault) -> KeyError {
    KeyError::Document {
        path: path.to_string(),
        fault,
    }
}

fn failed(path: &Path, error: Error) -> KeyError {
    let path = path.to_string();
    match error {
        Error::PermissionDenied { .. }
        | Error::Unauthenticated { .. }
        | Error::NotSupported { .. }
        | Error::NotImplemented { .. }
        | Error::UnknownConfigurationKey { .. } => KeyError::StoreRefused {
            path,
            source: Arc::new(error),
        },
        _ => KeyError::StoreUnavailable {
            path,
            source: Arc::new(error),
        },
    }
}

/// Bytes; a keyring entry takes about 1 KiB.
const LENGTH_LIMIT: usize = 4 << 20;

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    fn stored(written: Written) -> UpdateVersion {
        match written {
            Written::Stored(version) => version,
            Written::Outrun => panic!("outrun"),
        }
    }

    #[tokio::test]
    async fn a_write_is_refused_after_anothers() {
        let store = ControlStore::new(Arc::new(InMemory::new()), "system");
        let first = stored(store.create(&["a"], "1".into()).await.unwrap());
        assert!(matches!(
            store.create(&["a"], "2".into()).await.unwrap(),
            Written::Outrun
        ));
        stored(
            store
                .replace(&["a"], "3".into(), first.clone())
                .await
                .unwrap(),
        );
        assert!(matches!(
            store.replace(&["a"], "4".into(), first).await.unwrap(),
            Written::Outrun
        ));
        assert_eq!(store.read(&["a"]).await.unwrap().unwrap().0, "3");
        assert!(store.read(&["b"]).await.unwrap().is_none());
    }

    #[test]
    fn no_name_leaves_its_place() {
        let store = ControlStore::new(Arc::new(InMemory::new()), "system");
        let paths: Vec<String> = ["a/b", "..", ".", "a%2Fb", "a", "A"]
            .map(|tenant| {
                store
                    .path(&["keyrings", tenant, "default.json"])
                    .to_string()
            })
            .into();
        for path in &paths {
            assert!(path.starts_with("system/keyrings/"), "{path}");
            assert_eq!(path.split('/').count(), 4, "{path}");
        }
        let distinct: std::collections::HashSet<_> = paths.iter().collect();
        assert_eq!(distinct.len(), paths.len());
    }
}
