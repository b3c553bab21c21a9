//! A view: the index as the last commit before it left it, unmoved by later changes.

use redb::{ReadTransaction, ReadableTable};

use super::records::{BucketRecord, PartRecord, UploadRecord, VersionRecord, VersionRef};
use super::{BODIES, BUCKETS, CURRENT, HISTORY, LAYOUTS, PARTS, SMALL, UPLOADS, lookup};
use crate::bodies::{BodyId, Layout};
use crate::fault::Fault;

/// One read transaction. All its methods block.
pub(crate) struct View {
    pub(super) transaction: ReadTransaction,
}

impl View {
    pub(super) fn new(transaction: ReadTransaction) -> Self {
        Self { transaction }
    }

    pub(crate) fn bucket(&self, name: &str) -> Result<BucketRecord, Fault> {
        lookup::bucket(&self.transaction.open_table(BUCKETS)?, name)
    }

    pub(crate) fn buckets(&self) -> Result<Vec<(String, BucketRecord)>, Fault> {
        let table = self.transaction.open_table(BUCKETS)?;
        table
            .iter()?
            .map(|row| {
                let (name, record) = row?;
                Ok((
                    name.value().to_owned(),
                    serde_json::from_slice(record.value())?,
                ))
            })
            .collect()
    }

    /// A version that has bytes.
    ///
    /// # Errors
    /// [`Fault::NoSuchKey`], [`Fault::NoSuchVersion`], [`Fault::Deleted`] or [`Fault::MarkerAsked`].
    pub(crate) fn object(
        &self,
        bucket: &BucketRecord,
        key: &str,
        which: VersionRef,
    ) -> Result<VersionRecord, Fault> {
        let current = self.transaction.open_table(CURRENT)?;
        let history = self.transaction.open_table(HISTORY)?;
        let found = lookup::version(&current, &history, bucket.id, key, which)?;
        with_bytes(found, which)
    }

    /// The number of a listing's version marker.
    ///
    /// # Errors
    /// [`Fault::InvalidArgument`] when the key has no such version.
    pub(crate) fn seq_of(
        &self,
        bucket: u64,
        key: Option<&str>,
        which: VersionRef,
    ) -> Result<Option<u64>, Fault> {
        match (key, which) {
            (_, VersionRef::Current) | (None, _) => Ok(None),
            // The version may be gone by now; its number still says where it was.
            (Some(_), VersionRef::Seq(seq)) => Ok(Some(seq)),
            (Some(key), VersionRef::Null) => {
                let current = self.transaction.open_table(CURRENT)?;
                let history = self.transaction.open_table(HISTORY)?;
                let found = lookup::version(&current, &history, bucket, key, which)?;
                // Clients delete what a page listed before they ask for the next. Where the null version was is
                // forgotten with it, so the key begins again: better twice than never.
                Ok(Some(found.map_or(u64::MAX, |found| found.seq)))
            }
        }
    }

    pub(crate) fn layout(&self, seq: u64) -> Result<Layout, Fault> {
        lookup::layout(&self.transaction.open_table(LAYOUTS)?, seq)
    }

    /// Whether anything holds this body.
    pub(crate) fn names_body(&self, id: BodyId) -> Result<bool, Fault> {
        Ok(self.transaction.open_table(BODIES)?.get(id)?.is_some())
    }

    /// The bytes of a small body.
    pub(crate) fn small_body(&self, id: BodyId) -> Result<bytes::Bytes, Fault> {
        let table = self.transaction.open_table(SMALL)?;
        let row = table.get(id)?.ok_or(Fault::Dangling)?;
        Ok(bytes::Bytes::copy_from_slice(row.value()))
    }

    pub(crate) fn upload(&self, bucket: u64, key: &str, id: &str) -> Result<UploadRecord, Fault> {
        lookup::upload(&self.transaction.open_table(UPLOADS)?, bucket, key, id)
    }

    pub(crate) fn parts(
        &self,
        upload: &str,
        after: u32,
        limit: usize,
    ) -> Result<Vec<(u32, PartRecord)>, Fault> {
        lookup::parts(&self.transaction.open_table(PARTS)?, upload, after, limit)
    }
}

/// Refuses absent versions and delete markers the way S3 does.
pub(crate) fn with_bytes(
    found: Option<VersionRecord>,
    which: VersionRef,
) -> Result<VersionRecord, Fault> {
    match found {
        None if which == VersionRef::Current => Err(Fault::NoSuchKey),
        None => Err(Fault::NoSuchVersion),
        Some(record) if record.marker => {
            let version_id = record.version_id();
            Err(match which {
                VersionRef::Current => Fault::Deleted { version_id },
                VersionRef::Null | VersionRef::Seq(_) => Fault::MarkerAsked { version_id },
            })
        }
        Some(record) => Ok(record),
    }
}
