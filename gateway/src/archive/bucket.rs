//! The bucket of the archive: every object is written once, locked until its time. It must not know what they mean.

use std::time::{Duration, SystemTime};

use audit::archiving::ArchiveObject;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use md5::Md5;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::s3::Code;
use crate::s3::xml::Writer;
use crate::upstream::{StoreRequest, Upstream, UpstreamError, read_limited};

/// A deployment's place in the bucket.
#[derive(Debug, Clone)]
pub struct ArchiveBucket {
    pub(super) upstream: Upstream,
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
    Taken,
}

impl ArchiveBucket {
    /// The place of `deployment` below `prefix`, which is empty or ends in a slash.
    pub fn new(upstream: Upstream, bucket: &str, prefix: &str, deployment: &str) -> Self {
        Self {
            upstream,
            bucket: bucket.to_owned(),
            place: format!("{prefix}{deployment}/"),
        }
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
                Ok(if there == object.bytes() {
                    Put::Kept
                } else {
                    Put::Taken
                })
            }
            Err(error) => Err(error),
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

/// A time as retention is told, in whole seconds and never before it.
pub(super) fn rfc3339(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time) + time::Duration::SECOND;
    let whole = time.replace_nanosecond(0).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_default()
}

pub(super) const COMPLIANCE: &str = "COMPLIANCE";

/// Bytes; more than any piece has.
const LARGEST: usize = 16 * 1024 * 1024;
