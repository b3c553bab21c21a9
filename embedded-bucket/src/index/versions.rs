//! How versions of a key follow each other: S3's rules for buckets with, without and after versioning.

use super::lookup;
use super::records::{BucketRecord, Moment, VersionRecord, VersionRef, Versioning};
use super::tables::{Tables, json};
use crate::bodies::Layout;
use crate::fault::Fault;

/// What a deletion did.
#[derive(Debug, Clone)]
pub(crate) struct Removed {
    /// The version that was removed, or the delete marker that was written; absent without versioning.
    pub(crate) version_id: Option<String>,
    /// Whether that version is a delete marker.
    pub(crate) marker: bool,
}

impl Tables<'_> {
    /// The newest version of a key, a delete marker included.
    pub(crate) fn current(&self, bucket: u64, key: &str) -> Result<Option<VersionRecord>, Fault> {
        lookup::current(&self.current, bucket, key)
    }

    /// The version that `which` means, a delete marker included.
    pub(crate) fn version(
        &self,
        bucket: u64,
        key: &str,
        which: VersionRef,
    ) -> Result<Option<VersionRecord>, Fault> {
        lookup::version(&self.current, &self.history, bucket, key, which)
    }

    /// Makes `record` the newest version; it gets its number and null-ness here.
    ///
    /// Under versioning the former newest goes into history; a null version replaces the null version.
    pub(crate) fn put_version(
        &mut self,
        bucket: &BucketRecord,
        key: &str,
        mut record: VersionRecord,
        layout: &Layout,
    ) -> Result<VersionRecord, Fault> {
        record.seq = self.next_seq();
        record.null = bucket.versioning != Versioning::Enabled;
        self.link(record.seq, layout)?;
        if record.null {
            self.take_version(bucket.id, key, VersionRef::Null)?;
        }
        if let Some(former) = self.current(bucket.id, key)? {
            let age = u64::MAX - former.seq;
            self.history
                .insert((bucket.id, key, age), &*json(&former)?)?;
        }
        self.current.insert((bucket.id, key), &*json(&record)?)?;
        Ok(record)
    }

    /// Stores a changed record of a version that exists: its tags or its lock.
    pub(crate) fn amend_version(
        &mut self,
        bucket: u64,
        key: &str,
        record: &VersionRecord,
    ) -> Result<(), Fault> {
        self.changes += 1;
        let value = json(record)?;
        let newest = self.current(bucket, key)?.ok_or(Fault::Dangling)?;
        if newest.seq == record.seq {
            self.current.insert((bucket, key), &*value)?;
        } else {
            let age = u64::MAX - record.seq;
            self.history.insert((bucket, key, age), &*value)?;
        }
        Ok(())
    }

    /// Deletes a key or one version of it, as S3 does; deleting what is absent succeeds.
    ///
    /// # Errors
    /// [`Fault::Locked`].
    pub(crate) fn remove_version(
        &mut self,
        bucket: &BucketRecord,
        key: &str,
        which: VersionRef,
        now: Moment,
        bypass: bool,
    ) -> Result<Removed, Fault> {
        if which == VersionRef::Current && bucket.versioning != Versioning::Off {
            let marker = self.put_version(bucket, key, delete_marker(now), &Layout::default())?;
            return Ok(Removed {
                version_id: Some(marker.version_id()),
                marker: true,
            });
        }
        let Some(record) = self.version(bucket.id, key, which)? else {
            return Ok(Removed {
                version_id: None,
                marker: false,
            });
        };
        record.lock.allow_delete(now, bypass)?;
        self.take_version(bucket.id, key, which)?;
        Ok(Removed {
            version_id: (which != VersionRef::Current).then(|| record.version_id()),
            marker: record.marker,
        })
    }

    /// Takes a version out; the newest in history becomes current if the current one goes.
    fn take_version(&mut self, bucket: u64, key: &str, which: VersionRef) -> Result<(), Fault> {
        let Some(record) = self.version(bucket, key, which)? else {
            return Ok(());
        };
        self.unlink(record.seq)?;
        let newest = self.current(bucket, key)?.ok_or(Fault::Dangling)?;
        if newest.seq != record.seq {
            self.history.remove((bucket, key, u64::MAX - record.seq))?;
            return Ok(());
        }
        match lookup::older(&self.history, bucket, key, VersionRef::Current)? {
            None => {
                self.current.remove((bucket, key))?;
            }
            Some(next) => {
                self.history.remove((bucket, key, u64::MAX - next.seq))?;
                self.current.insert((bucket, key), &*json(&next)?)?;
            }
        }
        Ok(())
    }
}

fn delete_marker(now: Moment) -> VersionRecord {
    VersionRecord {
        seq: 0,
        null: false,
        marker: true,
        etag: String::new(),
        size: 0,
        modified: now,
        upload: None,
        description: super::Description::default(),
        tags: Vec::new(),
        lock: super::Lock::default(),
    }
}
