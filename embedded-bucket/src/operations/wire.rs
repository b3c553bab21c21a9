//! Between S3's documents and our records: times, tags, sizes, descriptions, locks.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use s3s::dto::{
    ETag, ObjectLockLegalHoldStatus, ObjectLockMode, ObjectLockRetentionMode, Timestamp,
};
use time::OffsetDateTime;

use crate::fault::Fault;
use crate::index::{BucketRecord, Lock, LockMode, Moment, Retention, VersionRecord, Versioning};

pub(super) fn timestamp(moment: Moment) -> Timestamp {
    let nanoseconds = i128::from(moment.0) * 1_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
        .into()
}

pub(super) fn moment(timestamp: Timestamp) -> Moment {
    let milliseconds = OffsetDateTime::from(timestamp).unix_timestamp_nanos() / 1_000_000;
    Moment(i64::try_from(milliseconds).unwrap_or(i64::MAX))
}

pub(super) fn etag(tag: &str) -> ETag {
    ETag::Strong(tag.to_owned())
}

pub(super) fn size(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// `Content-Length`, which every body must announce.
///
/// # Errors
/// [`Fault::MissingContentLength`].
pub(super) fn content_length(length: Option<i64>) -> Result<u64, Fault> {
    let length = length.and_then(|length| u64::try_from(length).ok());
    length.ok_or(Fault::MissingContentLength)
}

/// `Content-MD5`.
///
/// # Errors
/// [`Fault::InvalidDigest`].
pub(super) fn content_md5(header: Option<String>) -> Result<Option<[u8; 16]>, Fault> {
    let read = |text: String| STANDARD.decode(text).ok()?.try_into().ok();
    header
        .map(|text| read(text).ok_or(Fault::InvalidDigest))
        .transpose()
}

/// The version id to show, if the bucket ever had versioning.
pub(super) fn version_id(bucket: &BucketRecord, record: &VersionRecord) -> Option<String> {
    (bucket.versioning != Versioning::Off).then(|| record.version_id())
}

/// The tag that conditions compare with: a delete marker is no object.
pub(super) fn live_tag(record: Option<&VersionRecord>) -> Option<&str> {
    record
        .filter(|record| !record.marker)
        .map(|record| record.etag.as_str())
}

/// How many entries a page may have: S3 caps every listing at 1000.
///
/// # Errors
/// [`Fault::InvalidArgument`] when negative.
pub(super) fn page_limit(asked: Option<i32>) -> Result<usize, Fault> {
    let asked = usize::try_from(asked.unwrap_or(PAGE));
    asked
        .map(|limit| limit.min(1000))
        .map_err(|_| Fault::InvalidArgument("A page size is not negative"))
}

/// The lock that an upload's headers ask for, or the bucket's default.
///
/// # Errors
/// [`Fault::InvalidRequest`] when the bucket has no object lock or the headers are incomplete.
pub(super) fn lock(bucket: &BucketRecord, asked: &LockHeaders, now: Moment) -> Result<Lock, Fault> {
    let Some(configured) = &bucket.lock else {
        return if asked.is_empty() {
            Ok(Lock::default())
        } else {
            Err(Fault::InvalidRequest(
                "Bucket is missing Object Lock Configuration",
            ))
        };
    };
    let default = || {
        configured
            .default
            .map(|rule| super::locks::default_retention(rule, now))
    };
    Ok(Lock {
        retention: asked.retention(now)?.or_else(default),
        legal_hold: asked.legal_hold,
    })
}

/// The object lock headers of an upload.
#[derive(Debug, Clone, Default)]
pub(super) struct LockHeaders {
    mode: Option<LockMode>,
    until: Option<Moment>,
    legal_hold: Option<bool>,
}

impl LockHeaders {
    /// # Errors
    /// [`Fault::InvalidArgument`] for a value S3 does not have.
    pub(super) fn read(
        mode: Option<&ObjectLockMode>,
        until: Option<Timestamp>,
        legal_hold: Option<&ObjectLockLegalHoldStatus>,
    ) -> Result<Self, Fault> {
        Ok(Self {
            mode: mode.map(|mode| lock_mode(mode.as_str())).transpose()?,
            until: until.map(moment),
            legal_hold: legal_hold.map(|status| hold(status.as_str())).transpose()?,
        })
    }

    fn is_empty(&self) -> bool {
        self.mode.is_none() && self.until.is_none() && self.legal_hold.is_none()
    }

    fn retention(&self, now: Moment) -> Result<Option<Retention>, Fault> {
        match (self.mode, self.until) {
            (Some(_), Some(until)) if until <= now => Err(Fault::InvalidArgument(
                "The retain until date must be in the future!",
            )),
            (Some(mode), Some(until)) => Ok(Some(Retention { mode, until })),
            (None, None) => Ok(None),
            _ => Err(Fault::InvalidArgument(
                "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied",
            )),
        }
    }
}

/// # Errors
/// [`Fault::InvalidArgument`].
pub(super) fn lock_mode(mode: &str) -> Result<LockMode, Fault> {
    match mode {
        ObjectLockRetentionMode::GOVERNANCE => Ok(LockMode::Governance),
        ObjectLockRetentionMode::COMPLIANCE => Ok(LockMode::Compliance),
        _ => Err(Fault::InvalidArgument("Unknown wormMode directive")),
    }
}

pub(super) fn lock_mode_name(mode: LockMode) -> &'static str {
    match mode {
        LockMode::Governance => ObjectLockRetentionMode::GOVERNANCE,
        LockMode::Compliance => ObjectLockRetentionMode::COMPLIANCE,
    }
}

/// # Errors
/// [`Fault::InvalidArgument`].
pub(super) fn hold(status: &str) -> Result<bool, Fault> {
    match status {
        ObjectLockLegalHoldStatus::ON => Ok(true),
        ObjectLockLegalHoldStatus::OFF => Ok(false),
        _ => Err(Fault::InvalidArgument("A legal hold is ON or OFF")),
    }
}

pub(super) fn hold_name(on: bool) -> &'static str {
    if on {
        ObjectLockLegalHoldStatus::ON
    } else {
        ObjectLockLegalHoldStatus::OFF
    }
}

/// Reads the description out of any of the three inputs that carry one.
macro_rules! description {
    ($input:expr, $intake:expr) => {
        $crate::index::Description {
            cache_control: $input.cache_control.take(),
            content_disposition: $input.content_disposition.take(),
            content_encoding: $input.content_encoding.take(),
            content_language: $input.content_language.take(),
            content_type: $input.content_type.take(),
            expires: $intake.expires.take(),
            website_redirect: $input.website_redirect_location.take(),
            metadata: std::mem::take(&mut $intake.metadata),
        }
    };
}

/// Reads the lock headers out of any of the three inputs that carry them.
macro_rules! lock_headers {
    ($input:expr) => {
        $crate::operations::wire::LockHeaders::read(
            $input.object_lock_mode.as_ref(),
            $input.object_lock_retain_until_date.take(),
            $input.object_lock_legal_hold_status.as_ref(),
        )
    };
}

pub(super) use {description, lock_headers};

const PAGE: i32 = 1000;
