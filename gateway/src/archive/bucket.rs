//! The bucket of the archive: every object is written once, locked until its time. It must not know what they mean.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use audit::archiving::ArchiveObject;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use md5::Md5;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::worm::lock;
use crate::config::UpstreamConfig;
use crate::s3::Code;
use crate::s3::xml::Writer;
use crate::upstream::{StoreRequest, Upstream, UpstreamError, read_limited};

/// A deployment's place in the bucket.
#[derive(Debug, Clone)]
pub struct ArchiveBucket {
    pub(super) upstream: Upstream,
    /// At which store: its endpoint and region, or its directory.
    store: String,
    pub(super) bucket: String,
    /// What names of this deployment begin with; ends in a slash.
    pub(super) place: String,
}

/// What became of an object that was to be written once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Put {
    /// It is there, by this writing or an earlier one.
    Kept,
    /// Other bytes are there. They are left as they are.
    /// Or ours, which somebody else wrote and the store does not lock.
    Taken,
}

impl ArchiveBucket {
    /// The place of `deployment` below `prefix`, which is empty or ends in a slash.
    pub fn new(
        (upstream, store): (Upstream, &UpstreamConfig),
        bucket: &str,
        prefix: &str,
        deployment: &str,
    ) -> Self {
        let store = match store {
            UpstreamConfig::Embedded { path } => path.display().to_string(),
            UpstreamConfig::S3 {
                endpoint, region, ..
            } => format!("{endpoint} {region}"),
        };
        Self {
            upstream,
            store,
            bucket: bucket.to_owned(),
            place: format!("{prefix}{deployment}/"),
        }
    }

    /// What tells this place from others, which are other archives, to which everything is new.
    pub(super) fn fingerprint(&self) -> String {
        let place = format!("{}\n{}\n{}", self.store, self.bucket, self.place);
        hex::encode(Sha256::digest(place).get(..8).unwrap_or_default())
    }

    /// The bucket's name.
    pub fn name(&self) -> &str {
        &self.bucket
    }

    /// Makes the bucket where it is missing, locked, and so that what anybody else writes there is kept as well.
    pub(super) async fn make(&self, retention: Duration) -> Result<(), UpstreamError> {
        let head = StoreRequest::bucket(Method::HEAD, &self.bucket);
        match self.upstream.send(head).await {
            Err(error) if error.is_missing() => {}
            found => return found.map(drop),
        }
        let made = StoreRequest::bucket(Method::PUT, &self.bucket)
            .with_header("x-amz-bucket-object-lock-enabled", "true");
        match self.upstream.send(made).await {
            // Another replica was faster.
            Err(error) if error.code() == Some(Code::BucketAlreadyOwnedByYou) => return Ok(()),
            made => drop(made?),
        }
        let days = retention.as_secs().div_ceil(24 * 3600).to_string();
        let mut document = Writer::new("ObjectLockConfiguration");
        document.text("ObjectLockEnabled", "Enabled");
        document.within("Rule", |rule| {
            rule.within("DefaultRetention", |default| {
                default.text("Mode", COMPLIANCE).text("Days", &days);
            });
        });
        let document = document.finish();
        let request = StoreRequest::bucket(Method::PUT, &self.bucket)
            .with_query("object-lock", "")
            .with_document(document.clone());
        let request = checked(request, document.as_bytes());
        self.upstream.send(request).await.map(drop)
    }

    /// Writes an object that nobody can change or remove until then, if there is none of its name.
    pub(super) async fn put(
        &self,
        object: &ArchiveObject,
        until: SystemTime,
    ) -> Result<Put, UpstreamError> {
        let request = self
            .object(Method::PUT, object.name())
            .with_header("if-none-match", "*")
            .with_header("x-amz-object-lock-mode", COMPLIANCE)
            .with_header("x-amz-object-lock-retain-until-date", &rfc3339(until))
            .with_archived(object.clone());
        match self.upstream.send(checked(request, object.bytes())).await {
            Ok(_) => Ok(Put::Kept),
            Err(error) if error.code() == Some(Code::PreconditionFailed) => {
                let there = self.read(object.name(), None).await?;
                let is_kept = there == object.bytes() && self.lasts(object.name(), until).await?;
                Ok(if is_kept { Put::Kept } else { Put::Taken })
            }
            Err(error) => Err(error),
        }
    }

    /// Whether what lies there is locked until then, which it is made to be.
    async fn lasts(&self, name: &str, until: SystemTime) -> Result<bool, UpstreamError> {
        let held = lock(&self.head(name, None).await?);
        if held.is_some_and(|held| held >= whole(until)) {
            return Ok(true);
        }
        match self.extend(name, None, until).await {
            Err(error) if error.may_pass() => Err(error),
            extended => Ok(extended.is_ok()),
        }
    }

    /// Keeps what lies there longer, if that is longer. The store refuses what is shorter.
    pub(super) async fn extend(
        &self,
        name: &str,
        version: Option<&str>,
        until: SystemTime,
    ) -> Result<(), UpstreamError> {
        let mut document = Writer::new("Retention");
        document.text("Mode", COMPLIANCE);
        document.text("RetainUntilDate", rfc3339(until));
        let document = document.finish();
        let request = self
            .object(Method::PUT, name)
            .with_query("retention", "")
            .with_query_if("versionId", version)
            .with_document(document.clone());
        let request = checked(request, document.as_bytes());
        self.upstream.send(request).await.map(drop)
    }

    /// What lies there now, or in that version.
    pub(super) async fn read(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<Vec<u8>, UpstreamError> {
        let request = self
            .object(Method::GET, name)
            .with_query_if("versionId", version);
        let response = self.upstream.send(request).await?;
        Ok(read_limited(response.body, LARGEST).await?.to_vec())
    }

    pub(super) fn object(&self, method: Method, name: &str) -> StoreRequest {
        StoreRequest::object(method, &self.bucket, &format!("{}{name}", self.place))
    }
}

/// Stores ask for the checksum of what has to do with locks; those of old, for MD5.
fn checked(request: StoreRequest, bytes: &[u8]) -> StoreRequest {
    request
        .with_header("content-md5", &STANDARD.encode(Md5::digest(bytes)))
        .with_header("x-amz-sdk-checksum-algorithm", "SHA256")
        .with_header(
            "x-amz-checksum-sha256",
            &STANDARD.encode(Sha256::digest(bytes)),
        )
}

/// A time as retention is told.
pub(super) fn rfc3339(time: SystemTime) -> String {
    whole(time).format(&Rfc3339).unwrap_or_default()
}

/// In whole seconds, never before the time, and at the end of the year 9999 at the latest.
fn whole(time: SystemTime) -> OffsetDateTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().saturating_add(1).min(LATEST);
    let whole = i64::try_from(seconds).map(OffsetDateTime::from_unix_timestamp);
    whole
        .ok()
        .and_then(Result::ok)
        .unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

pub(super) const COMPLIANCE: &str = "COMPLIANCE";

/// Bytes; more than any piece has.
const LARGEST: usize = 16 * 1024 * 1024;
/// 9999-12-31T23:59:59Z, behind which times have no such form.
const LATEST: u64 = 253_402_300_799;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_that_cannot_be_told_is_the_latest_that_can() {
        let told = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(told(0), "1970-01-01T00:00:01Z");
        for seconds in [LATEST - 1, LATEST, LATEST + 1, u64::from(u32::MAX) << 24] {
            assert_eq!(told(seconds), "9999-12-31T23:59:59Z");
        }
    }
}
