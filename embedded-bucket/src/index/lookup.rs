//! Reading records out of tables, the same way in a view and in a running change.

use redb::ReadableTable;

use super::Json;
use super::records::{BucketRecord, PartRecord, UploadRecord, VersionRecord, VersionRef};
use crate::bodies::Layout;
use crate::fault::Fault;

/// The bucket of this name.
///
/// # Errors
/// [`Fault::NoSuchBucket`].
pub(crate) fn bucket(
    buckets: &impl ReadableTable<&'static str, Json>,
    name: &str,
) -> Result<BucketRecord, Fault> {
    let row = buckets.get(name)?.ok_or(Fault::NoSuchBucket)?;
    Ok(serde_json::from_slice(row.value())?)
}

/// The newest version of a key, a delete marker included.
pub(crate) fn current(
    table: &impl ReadableTable<(u64, &'static str), Json>,
    bucket: u64,
    key: &str,
) -> Result<Option<VersionRecord>, Fault> {
    let row = table.get((bucket, key))?;
    Ok(row
        .map(|row| serde_json::from_slice(row.value()))
        .transpose()?)
}

/// The version of a key that `which` means; [`VersionRef::Null`] reads the key's history until found.
pub(crate) fn version(
    current_table: &impl ReadableTable<(u64, &'static str), Json>,
    history: &impl ReadableTable<(u64, &'static str, u64), Json>,
    bucket: u64,
    key: &str,
    which: VersionRef,
) -> Result<Option<VersionRecord>, Fault> {
    let newest = current(current_table, bucket, key)?;
    if newest.as_ref().is_none_or(|record| which.means(record)) {
        return Ok(newest);
    }
    older(history, bucket, key, which)
}

/// The version in a key's history that `which` means.
pub(crate) fn older(
    history: &impl ReadableTable<(u64, &'static str, u64), Json>,
    bucket: u64,
    key: &str,
    which: VersionRef,
) -> Result<Option<VersionRecord>, Fault> {
    let rows = match which {
        VersionRef::Seq(seq) => {
            history.range((bucket, key, u64::MAX - seq)..=(bucket, key, u64::MAX - seq))?
        }
        VersionRef::Current | VersionRef::Null => {
            history.range((bucket, key, 0)..=(bucket, key, u64::MAX))?
        }
    };
    for row in rows {
        let record: VersionRecord = serde_json::from_slice(row?.1.value())?;
        if which.means(&record) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// Where the bytes of a version or part are.
pub(crate) fn layout(
    layouts: &impl ReadableTable<u64, &'static [u8]>,
    seq: u64,
) -> Result<Layout, Fault> {
    let row = layouts.get(seq)?.ok_or(Fault::Dangling)?;
    Layout::decode(row.value()).ok_or(Fault::Dangling)
}

/// The multipart upload of this id.
///
/// # Errors
/// [`Fault::NoSuchUpload`].
pub(crate) fn upload(
    uploads: &impl ReadableTable<(u64, &'static str, &'static str), Json>,
    bucket: u64,
    key: &str,
    id: &str,
) -> Result<UploadRecord, Fault> {
    let row = uploads.get((bucket, key, id))?.ok_or(Fault::NoSuchUpload)?;
    Ok(serde_json::from_slice(row.value())?)
}

/// The parts of an upload after number `after`, at most `limit`, ascending.
pub(crate) fn parts(
    table: &impl ReadableTable<(&'static str, u32), Json>,
    upload: &str,
    after: u32,
    limit: usize,
) -> Result<Vec<(u32, PartRecord)>, Fault> {
    let rows = table.range((upload, after.saturating_add(1))..=(upload, u32::MAX))?;
    rows.take(limit)
        .map(|row| {
            let (key, record) = row?;
            Ok((key.value().1, serde_json::from_slice(record.value())?))
        })
        .collect()
}
