//! The index's records, as serde writes them; they hold facts and decide nothing but their own rules.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// Milliseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Moment(pub(crate) i64);

impl From<SystemTime> for Moment {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BucketRecord {
    pub(crate) id: u64,
    pub(crate) created: Moment,
    pub(crate) versioning: Versioning,
    /// Present once object lock is enabled, for ever.
    pub(crate) lock: Option<BucketLock>,
}

/// S3's three states of a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Versioning {
    /// Never enabled: version ids are not shown.
    Off,
    Enabled,
    Suspended,
}

/// Object lock as configured on a bucket.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct BucketLock {
    /// Mode, number, and whether the number counts years rather than days.
    pub(crate) default: Option<(LockMode, i32, bool)>,
}

/// A version of an object, or a delete marker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    pub(crate) seq: u64,
    /// Written while versioning was off or suspended: its version id is `null`.
    pub(crate) null: bool,
    pub(crate) marker: bool,
    /// Without quotes.
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) modified: Moment,
    /// The multipart upload that was completed into it.
    pub(crate) upload: Option<String>,
    pub(crate) description: Description,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) lock: Lock,
}

impl VersionRecord {
    pub(crate) fn version_id(&self) -> String {
        if self.null {
            NULL_VERSION.to_owned()
        } else {
            format!("{:016x}", self.seq)
        }
    }
}

/// What the client said about an object's bytes.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Description {
    pub(crate) cache_control: Option<String>,
    pub(crate) content_disposition: Option<String>,
    pub(crate) content_encoding: Option<String>,
    pub(crate) content_language: Option<String>,
    pub(crate) content_type: Option<String>,
    /// As sent; S3 does not ask that it be a date.
    pub(crate) expires: Option<String>,
    pub(crate) website_redirect: Option<String>,
    /// By name without `x-amz-meta-`; a character per byte of the value.
    pub(crate) metadata: BTreeMap<String, String>,
}

/// What keeps a version from being deleted.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Lock {
    pub(crate) retention: Option<Retention>,
    pub(crate) legal_hold: Option<bool>,
}

impl Lock {
    /// Whether the version may be deleted at `now`; `bypass` overrides governance mode only.
    ///
    /// # Errors
    /// [`Fault::Locked`].
    pub(crate) fn allow_delete(&self, now: Moment, bypass: bool) -> Result<(), Fault> {
        let held = self.legal_hold == Some(true);
        let retained = self
            .retention
            .is_some_and(|retention| retention.binds(now, bypass));
        if held || retained {
            return Err(Fault::Locked);
        }
        Ok(())
    }
}

/// Until when a version is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Retention {
    pub(crate) mode: LockMode,
    pub(crate) until: Moment,
}

impl Retention {
    pub(crate) fn binds(&self, now: Moment, bypass: bool) -> bool {
        now < self.until && !(bypass && self.mode == LockMode::Governance)
    }
}

/// S3's retention modes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum LockMode {
    Governance,
    Compliance,
}

/// A multipart upload in progress.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct UploadRecord {
    pub(crate) initiated: Moment,
    pub(crate) description: Description,
    pub(crate) tags: Vec<(String, String)>,
    pub(crate) lock: Lock,
}

/// An uploaded part.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PartRecord {
    pub(crate) seq: u64,
    /// Without quotes, 32 hex digits.
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) modified: Moment,
}

/// Which version a request means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum VersionRef {
    Current,
    Null,
    Seq(u64),
}

impl VersionRef {
    /// Reads a `versionId`.
    ///
    /// # Errors
    /// [`Fault::InvalidArgument`] when it is not one of ours.
    pub(crate) fn parse(id: Option<&str>) -> Result<Self, Fault> {
        match id {
            None => Ok(Self::Current),
            Some(NULL_VERSION) => Ok(Self::Null),
            Some(id) if id.len() == 16 => u64::from_str_radix(id, 16)
                .map(Self::Seq)
                .map_err(|_| BAD_VERSION),
            Some(_) => Err(BAD_VERSION),
        }
    }

    pub(crate) fn means(self, record: &VersionRecord) -> bool {
        match self {
            Self::Current => true,
            Self::Null => record.null,
            Self::Seq(seq) => !record.null && record.seq == seq,
        }
    }
}

const NULL_VERSION: &str = "null";
const BAD_VERSION: Fault = Fault::InvalidArgument("Invalid version id specified");
