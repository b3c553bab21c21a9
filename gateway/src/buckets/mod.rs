//! Logical buckets: one small document each in the system bucket, cached for at most five seconds.
//!
//! A logical bucket is one upstream bucket. Its uuid, never its name, is bound into every object's key
//! derivation, so a bucket that is deleted and made again cannot open its predecessor's objects, while a
//! replica of the upstream bucket under another name can be read.

use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use moka::future::Cache;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _, PutMode, PutOptions};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

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

/// Why a bucket's document could not be used.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// The name is taken inside this tenant.
    #[error("the bucket exists already")]
    Exists,
    /// The document is not one of ours.
    #[error("the bucket's document cannot be read")]
    Corrupt(#[source] serde_json::Error),
    /// The system bucket did not answer.
    #[error("the system bucket does not answer")]
    Store(#[source] Arc<object_store::Error>),
}

/// The buckets of all tenants.
#[derive(Clone)]
pub struct Buckets {
    store: Arc<dyn ObjectStore>,
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
    /// Buckets whose documents lie in `store`; new upstream buckets get names beginning with `prefix`.
    pub fn new(store: Arc<dyn ObjectStore>, prefix: &str) -> Self {
        let cache = Cache::builder()
            .max_capacity(MOST_CACHED)
            .time_to_live(OLDEST)
            .build();
        Self {
            store,
            prefix: prefix.into(),
            cache,
        }
    }

    /// The bucket of that name, or `None`.
    pub async fn find(
        &self,
        tenant: &str,
        name: &BucketName,
    ) -> Result<Option<Arc<Bucket>>, BucketError> {
        let key = (tenant.to_owned(), name.as_str().to_owned());
        if let Some(bucket) = self.cache.get(&key).await {
            return Ok(Some(bucket));
        }
        let Some(bucket) = self.read(&location(tenant, name.as_str())).await? else {
            return Ok(None);
        };
        let bucket = Arc::new(bucket);
        self.cache.insert(key, Arc::clone(&bucket)).await;
        Ok(Some(bucket))
    }

    /// All buckets of a tenant, by name.
    pub async fn list(&self, tenant: &str) -> Result<Vec<Bucket>, BucketError> {
        let locations: Vec<Path> = self
            .store
            .list(Some(&directory(tenant)))
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(store_error)?;
        let mut buckets = Vec::with_capacity(locations.len());
        for location in locations {
            buckets.extend(self.read(&location).await?);
        }
        buckets.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(buckets)
    }

    /// The upstream name for a new bucket: `{prefix}{tenant}-{name}`; where that would be longer than the
    /// 63 bytes of a bucket name, the end is replaced by a hash of the whole.
    pub fn upstream_name(&self, tenant: &str, name: &BucketName) -> String {
        let full = format!("{}{tenant}-{name}", self.prefix);
        if full.len() <= LONGEST_NAME {
            return full;
        }
        let digest = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(full.as_bytes()));
        let kept: String = full.chars().take(LONGEST_NAME - HASHED - 1).collect();
        let hash: String = digest.chars().take(HASHED).collect();
        format!("{}-{hash}", kept.trim_end_matches(['.', '-']))
    }

    /// Registers a bucket whose upstream bucket exists.
    pub async fn register(&self, bucket: &Bucket) -> Result<(), BucketError> {
        let document = serde_json::to_vec_pretty(bucket).map_err(BucketError::Corrupt)?;
        let options = PutOptions::from(PutMode::Create);
        match self
            .store
            .put_opts(
                &location(&bucket.tenant, &bucket.name),
                document.into(),
                options,
            )
            .await
        {
            Ok(_) => Ok(()),
            Err(object_store::Error::AlreadyExists { .. }) => Err(BucketError::Exists),
            Err(error) => Err(store_error(error)),
        }
    }

    /// Retires a bucket whose upstream bucket is gone.
    pub async fn retire(&self, tenant: &str, name: &BucketName) -> Result<(), BucketError> {
        self.cache
            .invalidate(&(tenant.to_owned(), name.as_str().to_owned()))
            .await;
        match self.store.delete(&location(tenant, name.as_str())).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(store_error(error)),
        }
    }

    async fn read(&self, location: &Path) -> Result<Option<Bucket>, BucketError> {
        let bytes = match self.store.get(location).await {
            Ok(found) => found.bytes().await.map_err(store_error)?,
            Err(object_store::Error::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(store_error(error)),
        };
        serde_json::from_slice(&bytes)
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

fn store_error(error: object_store::Error) -> BucketError {
    BucketError::Store(Arc::new(error))
}

/// How old a cached document may be: the bound within which every replica follows a change.
const OLDEST: Duration = Duration::from_secs(5);
const MOST_CACHED: u64 = 10_000;
const LONGEST_NAME: usize = 63;
const HASHED: usize = 12;

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    fn bucket(buckets: &Buckets, tenant: &str, name: &str) -> Bucket {
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
        let buckets = Buckets::new(Arc::new(InMemory::new()), "sg-");
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
        buckets.retire("a", &docs).await.unwrap();
        assert!(buckets.find("a", &docs).await.unwrap().is_none());
    }

    #[test]
    fn long_names_stay_distinct_and_valid() {
        let buckets = Buckets::new(Arc::new(InMemory::new()), "sealgate-");
        let name = |tail: &str| BucketName::parse(&format!("{}{tail}", "b".repeat(60))).unwrap();
        let (one, two) = (
            buckets.upstream_name("tenant", &name("a")),
            buckets.upstream_name("tenant", &name("b")),
        );
        assert_ne!(one, two);
        assert!(BucketName::parse(&one).is_ok() && one.len() <= 63, "{one}");
    }
}
