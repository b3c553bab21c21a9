//! Receipts of uploads in the system bucket: sealed by whoever makes them, one document each, with a MAC for its place.

use object_store::ObjectStoreExt as _;
use object_store::path::Path;

use super::{Bucket, BucketError, Buckets, store_error};

impl Bucket {
    /// Where the receipt of the object with this id at a key is kept. The key is hashed: it may be longer than a name.
    pub fn receipt_place(&self, key: &str, object_id: &str) -> Path {
        let key = hex::encode(audit::tree::sha256(key.as_bytes()));
        Path::from(format!(
            "tenants/{}/receipts/{}/{key}/{object_id}.json",
            self.tenant, self.id
        ))
    }
}

impl Buckets {
    /// Keeps a sealed receipt.
    pub async fn keep_receipt(&self, place: &Path, sealed: &str) -> Result<(), BucketError> {
        let document = self
            .key
            .write(place, &sealed)
            .map_err(BucketError::Corrupt)?;
        let kept = self.store.put(place, document.into()).await;
        kept.map(drop).map_err(store_error)
    }

    /// The sealed receipt that is kept there.
    pub async fn receipt(&self, place: &Path) -> Result<Option<String>, BucketError> {
        self.read(place).await
    }
}
