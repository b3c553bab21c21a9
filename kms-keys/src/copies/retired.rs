//! Buckets that were deleted since a copy of their document was made: the gateway leaves a memorial of each. It must
//! not take one that was made again, under the same id, for one that is gone.

use std::time::{Duration, SystemTime};

use object_store::path::Path;
use serde::Deserialize;

use super::Bucket;
use crate::{ControlStore, DeploymentKey, KeyError, PlacedDocuments};

/// What is read of a memorial here.
#[derive(Deserialize)]
struct Memorial {
    id: String,
    at_ms: u64,
}

/// Whether `ours` is the document of a bucket that was deleted in `store` after it was made.
pub(super) async fn is_retired(
    store: &ControlStore,
    deployment: &DeploymentKey,
    path: &Path,
    ours: &[u8],
) -> Result<bool, KeyError> {
    let Some(place) = memorial_of(path) else {
        return Ok(false);
    };
    let Some((bytes, _)) = store.read_at(&place).await? else {
        return Ok(false);
    };
    let documents = PlacedDocuments::of(deployment);
    let read = (
        documents.read::<Memorial>(&place, &bytes),
        documents.read::<Bucket>(path, ours),
    );
    let (Ok(memorial), Ok(bucket)) = read else {
        return Ok(false);
    };
    let deleted = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(memorial.at_ms));
    // A bucket's document tells whole seconds.
    let made = SystemTime::from(bucket.created).checked_add(Duration::from_secs(1));
    let was_there = made
        .zip(deleted)
        .is_some_and(|(made, deleted)| made <= deleted);
    Ok(memorial.id == bucket.id && was_there)
}

/// `tenants/<tenant>/retired/<name>.json` for `tenants/<tenant>/buckets/<name>.json`.
fn memorial_of(path: &Path) -> Option<Path> {
    let parts: Vec<_> = path.parts().collect();
    let [tenants, tenant, buckets, name] = parts.as_slice() else {
        return None;
    };
    let is_bucket = tenants.as_ref() == "tenants" && buckets.as_ref() == "buckets";
    is_bucket.then(|| Path::from_iter([tenants, tenant, &"retired".into(), name].map(Clone::clone)))
}
