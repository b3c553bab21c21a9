//! What a stored object says of itself without a key: which KEK its header names, how long it is, whether it is
//! locked. For whoever looks after objects beside requests.

use std::time::SystemTime;

use http::{HeaderMap, Method};
use kms_keys::KeyId;
use sealed_object::geometry::plain_of;
use sealed_object::{Envelope, ObjectId, Sealed};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::folders::{Apart, is_bare};
use super::store_headers::{number, set, store_etag};
use super::{Operations, Place};
use crate::buckets::Bucket;
use crate::envelope;
use crate::error::GatewayError;
use crate::keys::SealingKeys;
use crate::s3::Code;
use crate::upstream::{StoreRequest, UpstreamError};

/// What is at a place.
#[derive(Debug)]
pub(crate) enum Look {
    /// Nothing.
    Gone,
    /// A key that ends in `/` without bytes, and without a header here or kept apart: a directory of the store's.
    Folder,
    /// Something that is not a sealed object.
    NotSealed,
    /// A sealed object, not authenticated.
    Sealed(Box<Head>),
}

/// The head of a stored object.
#[derive(Debug)]
pub(crate) struct Head {
    /// As the store answered.
    pub(super) store: HeaderMap,
    pub(super) envelope: Envelope,
    /// Where the envelope lies, if not with the object.
    pub(super) apart: Option<Apart>,
    /// Stored bytes.
    pub(super) stored: u64,
}

impl Operations {
    /// Looks at an object, or at one version of it.
    pub(crate) async fn look_at(
        &self,
        place: &Place,
        version: Option<&str>,
    ) -> Result<Look, GatewayError> {
        let request = StoreRequest::object(Method::HEAD, &place.bucket.upstream, &place.key)
            .with_query_if("versionId", version);
        let answer = match self.upstream.send(request).await {
            Err(error) if error.is_missing() => return Ok(Look::Gone),
            answer => answer?,
        };
        let length = || UpstreamError::Unexpected("its length is missing".to_owned());
        let stored = number(&answer.headers, "content-length").ok_or_else(length)?;
        let mut apart = None;
        let mut envelope = envelope::read(&answer.headers);
        if envelope.is_err() && is_bare(place, version, &answer.headers) {
            let Some(kept) = self.kept_apart(place).await? else {
                return Ok(Look::Folder);
            };
            envelope = envelope::read(&kept.store);
            apart = Some(kept);
        }
        let Ok(envelope) = envelope else {
            return Ok(Look::NotSealed);
        };
        Ok(Look::Sealed(Box::new(Head {
            store: answer.headers,
            envelope,
            apart,
            stored,
        })))
    }

    /// Whether the store locks what is written to a bucket and is not told how.
    pub(crate) async fn locks_by_default(&self, bucket: &Bucket) -> Result<bool, UpstreamError> {
        let request =
            StoreRequest::bucket(Method::GET, &bucket.upstream).with_query("object-lock", "");
        match self.upstream.document(request, LONGEST_DOCUMENT).await {
            Ok((_, document)) => Ok(document.child("Rule").is_some()),
            Err(error) => match error.code() {
                // The bucket has none, or the store knows none.
                Some(
                    Code::ObjectLockConfigurationNotFound
                    | Code::NotImplemented
                    | Code::MethodNotAllowed,
                ) => Ok(false),
                _ => Err(error),
            },
        }
    }

    /// Whether a bucket has versions, be it that no new ones are made.
    pub(crate) async fn keeps_versions(&self, bucket: &Bucket) -> Result<bool, UpstreamError> {
        Ok(self.versioning(bucket).await? != Versioning::Never)
    }

    /// Whether what was looked at has just the keys that it would be sealed under now.
    pub(crate) async fn is_current(
        &self,
        place: &Place,
        head: &Head,
        keys: &SealingKeys,
    ) -> Result<bool, GatewayError> {
        let envelope = &head.envelope;
        self.keys.is_current(&place.bucket, envelope, keys).await
    }

    /// What a bucket does with what is written over.
    pub(crate) async fn versioning(&self, bucket: &Bucket) -> Result<Versioning, UpstreamError> {
        let request =
            StoreRequest::bucket(Method::GET, &bucket.upstream).with_query("versioning", "");
        let (_, document) = self.upstream.document(request, LONGEST_DOCUMENT).await?;
        Ok(match document.child_text("Status") {
            Some("Enabled") => Versioning::Enabled,
            Some("Suspended") => Versioning::Suspended,
            _ => Versioning::Never,
        })
    }
}

/// What a bucket does with what is written over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Versioning {
    /// It is gone.
    Never,
    /// It stays, as a version.
    Enabled,
    /// It is gone, and older versions stay.
    Suspended,
}

impl Head {
    /// The KEK that its header names.
    pub(crate) fn kek(&self) -> KeyId {
        KeyId::from(self.envelope.header().kek_id().0)
    }

    /// When it was sealed, in ms since the epoch; a copy and a moved header keep it.
    pub(crate) fn sealed_ms(&self) -> u64 {
        self.envelope.header().created_ms()
    }

    /// Bytes of plaintext.
    pub(crate) fn plain(&self) -> u64 {
        let by_header = self.envelope.header().plain();
        let by_length = || plain_of(Sealed(self.stored));
        by_header.or_else(by_length).map_or(0, |plain| plain.0)
    }

    /// Whether retention or a legal hold keeps it.
    pub(crate) fn is_locked(&self, now: SystemTime) -> bool {
        let lock = self.lock();
        lock.holds || lock.binding(now).is_some()
    }

    /// Whether retention keeps it.
    pub(crate) fn is_retained(&self, now: SystemTime) -> bool {
        self.lock().binding(now).is_some()
    }

    /// Whether it lies where it must be fetched from before it can be read or copied.
    pub(crate) fn is_archived(&self) -> bool {
        is_archived(&self.store)
    }

    /// Its version, where there are versions.
    pub(crate) fn version(&self) -> Option<&str> {
        head_text(&self.store, "x-amz-version-id")
    }

    /// The object's id.
    pub(crate) fn object_id(&self) -> ObjectId {
        self.envelope.header().object_id()
    }

    /// The store's `ETag`, unquoted.
    pub(super) fn etag(&self) -> Option<String> {
        store_etag(&self.store)
    }

    /// A header that is a time.
    pub(super) fn time(&self, name: &str) -> Option<SystemTime> {
        httpdate::parse_http_date(head_text(&self.store, name)?).ok()
    }

    pub(super) fn lock(&self) -> Lock {
        let text = |name| head_text(&self.store, name).map(str::to_owned);
        let mode = text("x-amz-object-lock-mode");
        let until = text("x-amz-object-lock-retain-until-date");
        Lock {
            retention: mode.zip(until),
            holds: text("x-amz-object-lock-legal-hold").as_deref() == Some("ON"),
        }
    }

    /// What a copy must be told to be stored and locked alike.
    pub(super) fn storage(&self, now: SystemTime) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if let Some(class) = head_text(&self.store, "x-amz-storage-class") {
            set(&mut headers, "x-amz-storage-class", class);
        }
        let lock = self.lock();
        if let Some((mode, until)) = lock.binding(now) {
            set(&mut headers, "x-amz-object-lock-mode", mode);
            set(&mut headers, "x-amz-object-lock-retain-until-date", until);
        }
        if lock.holds {
            set(&mut headers, "x-amz-object-lock-legal-hold", "ON");
        }
        headers
    }
}

/// What keeps a version.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lock {
    /// Mode and end, as the store writes them.
    pub(super) retention: Option<(String, String)>,
    pub(super) holds: bool,
}

impl Lock {
    /// Mode and end of retention that is not over.
    pub(super) fn binding(&self, now: SystemTime) -> Option<(&str, &str)> {
        let (mode, until) = self.retention.as_ref()?;
        let end = OffsetDateTime::parse(until, &Rfc3339).ok()?;
        (end > now).then_some((mode, until))
    }
}

/// What was restored keeps its storage class, and says that nothing is going on any more.
fn is_archived(store: &HeaderMap) -> bool {
    let class = head_text(store, "x-amz-storage-class");
    let restored = head_text(store, "x-amz-restore");
    class.is_some_and(|class| ARCHIVES.contains(&class))
        && !restored.is_some_and(|restored| restored.contains("ongoing-request=\"false\""))
}

pub(super) fn head_text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Storage classes that must be restored first.
const ARCHIVES: [&str; 2] = ["GLACIER", "DEEP_ARCHIVE"];
const LONGEST_DOCUMENT: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_restored_is_not_archived_any_more() {
        let archived = |class, restore: Option<&str>| {
            let mut store = HeaderMap::new();
            set(&mut store, "x-amz-storage-class", class);
            if let Some(restore) = restore {
                set(&mut store, "x-amz-restore", restore);
            }
            is_archived(&store)
        };
        let restored = "ongoing-request=\"false\", expiry-date=\"Fri, 21 Dec 2012 00:00:00 GMT\"";
        for class in ARCHIVES {
            assert!(archived(class, None));
            assert!(archived(class, Some("ongoing-request=\"true\"")));
            assert!(!archived(class, Some(restored)));
        }
        assert!(!archived("STANDARD_IA", None));
    }
}
