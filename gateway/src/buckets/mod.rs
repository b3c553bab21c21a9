//! Logical buckets: one small document each in the system bucket, cached for at most five seconds.
//!
//! A logical bucket is one upstream bucket. Its uuid, never its name, is bound into every object's key
//! derivation, so a bucket that is deleted and made again cannot open its predecessor's objects, while a
//! replica of the upstream bucket under another name can be read.

mod receipts;
mod settings;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use kms_keys::{DocumentFault, KeyError, Mirror, PlacedDocuments};
use moka::future::Cache;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use settings::Setting;

use crate::s3::BucketName;

/// What is known of a logical bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Bound into every object of the bucket.
    pub id: Uuid,
    /// The tenant it belongs to.
    pub tenant: String,
    /// The name clients use.
    pub name: String,
    /// The upstream bucket its objects lie in.
    pub upstream: String,
    /// When it was made, RFC 3339.
    pub created: String,
}

/// What is remembered of a bucket that was deleted.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Retired {
    id: Uuid,
    at_ms: u64,
}

/// Why a bucket's document could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The name is taken inside this tenant.
    #[error("the bucket exists already")]
    Exists,
    /// The document is not one of ours.
    #[error("the bucket's document cannot be read")]
    Corrupt(#[source] DocumentFault),
    /// The system bucket did not answer.
    #[error("the system bucket does not answer")]
    Store(#[source] Arc<object_store::Error>),
    /// The mirror did not take the document, without which no object of the bucket can be opened.
    #[error(transparent)]
    Mirror(KeyError),
}

/// The buckets of all tenants.
#[derive(Clone)]
pub struct Buckets {
    store: Arc<dyn ObjectStore>,
    mirror: Option<Mirror>,
    key: Arc<PlacedDocuments>,
    prefix: Arc<str>,
    cache: Cache<(String, String), Arc<Bucket>>,
}

impl std::fmt::Debug for Buckets {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Buckets")
            .field("prefix", &self.prefix)
            .finish_non_exhaustive()
    }
}

impl Buckets {
    /// Buckets whose documents lie in `store`, written under `key`; new upstream buckets get names beginning
    /// with `prefix`.
    pub fn new(store: Arc<dyn ObjectStore>, key: PlacedDocuments, prefix: &str) -> Self {
        let cache = Cache::builder()
            .max_capacity(MOST_CACHED)
            .time_to_live(OLDEST)
            .build();
        Self {
            store,
            mirror: None,
            key: Arc::new(key),
            prefix: prefix.into(),
            cache,
        }
    }

    /// With a mirror for their documents.
    #[must_use]
    pub fn mirrored(self, mirror: Option<Mirror>) -> Self {
        Self { mirror, ..self }
    }

    /// The bucket of that name, or `None`; at most five seconds old.
    pub async fn find(
        &self,
        tenant: &str,
        name: &BucketName,
    ) -> Result<Option<Arc<Bucket>>, BucketError> {
        let key = (tenant.to_owned(), name.as_str().to_owned());
        if let Some(bucket) = self.cache.get(&key).await {
            return Ok(Some(bucket));
        }
        let found = self.find_now(tenant, name).await?.map(Arc::new);
        if let Some(bucket) = &found {
            self.cache.insert(key, Arc::clone(bucket)).await;
        }
        Ok(found)
    }

    /// The bucket of that name as the documents have it now.
    pub async fn find_now(
        &self,
        tenant: &str,
        name: &BucketName,
    ) -> Result<Option<Bucket>, BucketError> {
        self.read(&location(tenant, name.as_str())).await
    }

    /// All buckets of a tenant, by name.
    pub async fn list(&self, tenant: &str) -> Result<Vec<Bucket>, BucketError> {
        let found: Vec<Option<Bucket>> = self
            .store
            .list(Some(&directory(tenant)))
            .map_err(store_error)
            .map_ok(|meta| async move { self.read(&meta.location).await })
            .try_buffered(READ_AT_ONCE)
            .try_collect()
            .await?;
        let mut buckets: Vec<Bucket> = found.into_iter().flatten().collect();
        buckets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(buckets)
    }

    /// The upstream name for a new bucket: `{prefix}{tenant}-{name}`. Hyphens inside the tenant are doubled,
    /// so that no two tenants' buckets share a name (the separator ends the first odd run of hyphens). Where it
    /// would be longer than the 63 bytes of a bucket name, the end is replaced by a hash of the whole.
    pub fn upstream_name(&self, tenant: &str, name: &BucketName) -> String {
        let full = format!("{}{}-{name}", self.prefix, tenant.replace('-', "--"));
        if full.len() <= LONGEST_NAME {
            return full;
        }
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(full.as_bytes()));
        let kept: String = full.chars().take(LONGEST_NAME - HASHED - 1).collect();
        let hash: String = digest.chars().take(HASHED).collect();
        format!("{}-{hash}", kept.trim_end_matches(['.', '-']))
    }

    /// The id for a bucket that is about to be made. A name that was retired a short while ago gets its old
    /// id back: another replica may know the bucket by it for some seconds yet, and what it seals meanwhile
    /// must open later.
    pub async fn id_for(
        &self,
        tenant: &str,
        name: &BucketName,
        now: SystemTime,
    ) -> Result<Uuid, BucketError> {
        let retired: Option<Retired> = self.read(&retired_location(tenant, name.as_str())).await?;
        let recent = |retired: &Retired| retired.at_ms.saturating_add(KEPT_MS) > millis(now);
        Ok(retired
            .filter(recent)
            .map_or_else(Uuid::new_v4, |retired| retired.id))
    }

    /// Registers a bucket whose upstream bucket exists.
    pub async fn register(&self, bucket: &Bucket) -> Result<(), BucketError> {
        let location = location(&bucket.tenant, &bucket.name);
        let document = self
            .key
            .write(&location, bucket)
            .map_err(BucketError::Corrupt)?;
        // The mirror first: no object is sealed in a bucket whose id is in one place only.
        self.mirror(&location, document.clone()).await?;
        let options = PutOptions::from(PutMode::Create);
        match self
            .store
            .put_opts(&location, document.into(), options)
            .await
        {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => {
                let there = self.store.get(&location).await.map_err(store_error)?;
                let there = there.bytes().await.map_err(store_error)?;
                self.mirror(&location, there).await?;
                Err(BucketError::Exists)
            }
            Err(error) => Err(store_error(error)),
        }
    }

    async fn mirror(&self, location: &Path, document: Bytes) -> Result<(), BucketError> {
        let Some(mirror) = &self.mirror else {
            return Ok(());
        };
        let kept = mirror.keep_bucket(location, document).await;
        kept.map_err(BucketError::Mirror)
    }

    /// Retires a bucket whose upstream bucket is gone.
    pub async fn retire(&self, bucket: &Bucket, now: SystemTime) -> Result<(), BucketError> {
        let retired = Retired {
            id: bucket.id,
            at_ms: millis(now),
        };
        let (tenant, name) = (bucket.tenant.as_str(), bucket.name.as_str());
        let memorial = retired_location(tenant, name);
        let document = self
            .key
            .write(&memorial, &retired)
            .map_err(BucketError::Corrupt)?;
        self.store
            .put(&memorial, document.into())
            .await
            .map_err(store_error)?;
        match self.store.delete(&location(tenant, name)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(store_error(error)),
        }
        if let Some(mirror) = &self.mirror
            && let Err(error) = mirror.drop_bucket(&location(tenant, name)).await
        {
            // The memorial keeps it from coming back.
            tracing::warn!(%error, "the mirror keeps the document of a bucket that is gone");
        }
        self.forget_settings(bucket).await?;
        self.cache
            .invalidate(&(tenant.to_owned(), name.to_owned()))
            .await;
        Ok(())
    }

    async fn read<T: DeserializeOwned>(&self, location: &Path) -> Result<Option<T>, BucketError> {
        let bytes = match self.store.get(location).await {
            Ok(found) => found.bytes().await.map_err(store_error)?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(store_error(error)),
        };
        self.key
            .read(location, &bytes)
            .map(Some)
            .map_err(BucketError::Corrupt)
    }
}

fn directory(tenant: &str) -> Path {
    Path::from(format!("tenants/{tenant}/buckets"))
}

fn location(tenant: &str, name: &str) -> Path {
    Path::from(format!("tenants/{tenant}/buckets/{name}.json"))
}

fn retired_location(tenant: &str, name: &str) -> Path {
    Path::from(format!("tenants/{tenant}/retired/{name}.json"))
}

fn millis(time: SystemTime) -> u64 {
    u64::try_from(
        time.duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis(),
    )
    .unwrap_or(u64::MAX)
}

fn store_error(error: object_store::Error) -> BucketError {
    BucketError::Store(Arc::new(error))
}

/// How old a cached document may be: the bound within which every replica follows a change.
const OLDEST: Duration = Duration::from_secs(5);
const MOST_CACHED: u64 = 10_000;
const LONGEST_NAME: usize = 63;
const HASHED: usize = 20;
const READ_AT_ONCE: usize = 16;

/// Many times [`OLDEST`].
const KEPT_MS: u64 = 10 * 60 * 1000;

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use zeroize::Zeroizing;

    use super::*;

    pub(super) fn buckets(prefix: &str) -> Buckets {
        let key = PlacedDocuments::new(Zeroizing::new([7; 32]));
        Buckets::new(Arc::new(InMemory::new()), key, prefix)
    }

    #[tokio::test]
    async fn a_document_that_the_store_moves_to_another_tenant_is_refused() {
        let buckets = buckets("sg-");
        buckets
            .register(&bucket(&buckets, "clinic", "findings"))
            .await
            .unwrap();
        buckets
            .store
            .copy(&location("clinic", "findings"), &location("lab", "stolen"))
            .await
            .unwrap();
        let stolen = BucketName::parse("stolen").unwrap();
        assert!(matches!(
            buckets.find("lab", &stolen).await,
            Err(BucketError::Corrupt(DocumentFault::Mac))
        ));
    }

    pub(super) fn bucket(buckets: &Buckets, tenant: &str, name: &str) -> Bucket {
        let parsed = BucketName::parse(name).unwrap();
        Bucket {
            id: Uuid::nil(),
            tenant: tenant.to_owned(),
            name: name.to_owned(),
            upstream: buckets.upstream_name(tenant, &parsed),
            created: "2026-11-21T00:00:00Z".to_owned(),
        }
    }

    #[tokio::test]
    async fn names_belong_to_one_tenant() {
        let buckets = buckets("sg-");
        buckets
            .register(&bucket(&buckets, "a", "docs"))
            .await
            .unwrap();
        assert!(matches!(
            buckets.register(&bucket(&buckets, "a", "docs")).await,
            Err(BucketError::Exists)
        ));
        let docs = BucketName::parse("docs").unwrap();
        assert_eq!(
            buckets.find("a", &docs).await.unwrap().unwrap().upstream,
            "sg-a-docs"
        );
        assert!(buckets.find("b", &docs).await.unwrap().is_none());
        assert!(buckets.list("b").await.unwrap().is_empty());
        let bucket = buckets.find("a", &docs).await.unwrap().unwrap();
        buckets.retire(&bucket, UNIX_EPOCH).await.unwrap();
        assert!(buckets.find("a", &docs).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_name_made_again_at_once_keeps_its_id_and_later_gets_another() {
        let buckets = buckets("sg-");
        let docs = BucketName::parse("docs").unwrap();
        let first = Bucket {
            id: Uuid::new_v4(),
            ..bucket(&buckets, "a", "docs")
        };
        buckets.register(&first).await.unwrap();
        buckets.retire(&first, UNIX_EPOCH).await.unwrap();
        let soon = UNIX_EPOCH + Duration::from_secs(5);
        assert_eq!(buckets.id_for("a", &docs, soon).await.unwrap(), first.id);
        assert_ne!(
            buckets
                .id_for("a", &docs, UNIX_EPOCH + Duration::from_hours(1))
                .await
                .unwrap(),
            first.id
        );
        assert_ne!(buckets.id_for("b", &docs, soon).await.unwrap(), first.id);
    }

    #[test]
    fn no_two_tenants_share_an_upstream_bucket() {
        let buckets = buckets("sg-");
        let mut seen = std::collections::HashMap::new();
        for tenant in ["a", "a-", "a-b", "a--b", "a-b-c", "b"] {
            for name in ["b-docs", "docs", "b--docs", "c-docs", "b-c-docs"] {
                let upstream = buckets.upstream_name(tenant, &BucketName::parse(name).unwrap());
                assert_eq!(seen.insert(upstream, (tenant, name)), None);
            }
        }
    }

    #[test]
    fn long_names_stay_distinct_and_valid() {
        let buckets = buckets("sealgate-");
        let name = |tail: &str| BucketName::parse(&format!("{}{tail}", "b".repeat(60))).unwrap();
        let (one, two) = (
            buckets.upstream_name("tenant", &name("a")),
            buckets.upstream_name("tenant", &name("b")),
        );
        assert_ne!(one, two);
        assert!(BucketName::parse(&one).is_ok() && one.len() <= 63, "{one}");
    }
}
