//! Settings of a bucket that the gateway keeps itself: one document each in the system bucket, with a MAC for
//! its place. What they mean is the business of `operations`.

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{ObjectStore as _, ObjectStoreExt as _};

use super::{Bucket, BucketError, Buckets, store_error};

/// A setting of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// As it was when the bucket was made.
    Untouched,
    /// Taken away by a client.
    Removed,
    /// The XML document that a client put.
    Document(String),
}

impl Buckets {
    /// The setting of that name.
    pub async fn setting(&self, bucket: &Bucket, name: &str) -> Result<Setting, BucketError> {
        let kept: Option<Option<String>> = self.read(&location(bucket, name)).await?;
        Ok(match kept {
            None => Setting::Untouched,
            Some(None) => Setting::Removed,
            Some(Some(document)) => Setting::Document(document),
        })
    }

    /// Keeps a document as the setting of that name, or that the setting was taken away.
    pub async fn set_setting(
        &self,
        bucket: &Bucket,
        name: &str,
        document: Option<String>,
    ) -> Result<(), BucketError> {
        let location = location(bucket, name);
        let document = self
            .key
            .write(&location, &document)
            .map_err(BucketError::Corrupt)?;
        self.store
            .put(&location, document.into())
            .await
            .map_err(store_error)?;
        Ok(())
    }

    /// Removes all settings of a bucket that is no more: its id may live again for a while.
    pub(super) async fn forget_settings(&self, bucket: &Bucket) -> Result<(), BucketError> {
        let kept: Vec<Path> = self
            .store
            .list(Some(&directory(bucket)))
            .map_ok(|meta| meta.location)
            .try_collect()
            .await
            .map_err(store_error)?;
        for location in kept {
            match self.store.delete(&location).await {
                Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
                Err(error) => return Err(store_error(error)),
            }
        }
        Ok(())
    }
}

fn directory(bucket: &Bucket) -> Path {
    Path::from(format!("tenants/{}/settings/{}", bucket.tenant, bucket.id))
}

fn location(bucket: &Bucket, name: &str) -> Path {
    Path::from(format!(
        "tenants/{}/settings/{}/{name}.json",
        bucket.tenant, bucket.id
    ))
}

#[cfg(test)]
mod tests {
    use super::super::tests::{bucket, buckets};
    use super::*;

    #[tokio::test]
    async fn settings_are_kept_apart_and_go_with_their_bucket() {
        let buckets = buckets("sg-");
        let docs = bucket(&buckets, "clinic", "docs");
        let other = Bucket {
            id: uuid::Uuid::new_v4(),
            ..bucket(&buckets, "clinic", "other")
        };
        let document = Some("<A/>".to_owned());
        buckets
            .set_setting(&docs, "a", document.clone())
            .await
            .unwrap();
        buckets.set_setting(&docs, "b", None).await.unwrap();
        buckets.set_setting(&other, "a", document).await.unwrap();
        let kept = Setting::Document("<A/>".to_owned());
        assert_eq!(buckets.setting(&docs, "a").await.unwrap(), kept);
        assert_eq!(buckets.setting(&docs, "b").await.unwrap(), Setting::Removed);
        assert_eq!(
            buckets.setting(&other, "b").await.unwrap(),
            Setting::Untouched
        );
        buckets.register(&docs).await.unwrap();
        buckets.retire(&docs, std::time::UNIX_EPOCH).await.unwrap();
        assert_eq!(
            buckets.setting(&docs, "a").await.unwrap(),
            Setting::Untouched
        );
        assert_eq!(buckets.setting(&other, "a").await.unwrap(), kept);
    }
}
