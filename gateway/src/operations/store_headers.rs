//! Which of the store's response headers a client sees, and in what form.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use sealed_object::{KeyId, Opened};

use super::Place;
use crate::envelope;
use crate::s3::{S3Request, etag};

/// The `ETag` a client sees, unquoted, from a store's answer.
pub(super) fn shown_etag(store: &HeaderMap) -> Option<String> {
    let value = store.get(http::header::ETAG)?.to_str().ok()?;
    Some(etag::shown(etag::unquoted(value)))
}

/// The store's own `ETag`, unquoted.
pub(super) fn store_etag(store: &HeaderMap) -> Option<String> {
    Some(etag::unquoted(store.get(http::header::ETAG)?.to_str().ok()?).to_owned())
}

/// A number in a header.
pub(super) fn number(store: &HeaderMap, name: &str) -> Option<u64> {
    store.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The total in `Content-Range: bytes a-b/total`, and the range itself.
pub(super) fn content_range(store: &HeaderMap) -> Option<(u64, u64, u64)> {
    let value = store.get(http::header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}

/// Sets a header from text we made.
pub(super) fn set(headers: &mut HeaderMap, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(HeaderName::from_static(name), value);
    }
}

/// Copies what the store says about a version, a lock, a class: the same for the client.
pub(crate) fn pass_store_facts(store: &HeaderMap, headers: &mut HeaderMap) {
    for name in PASSED {
        if let Some(value) = store.get(*name) {
            headers.insert(HeaderName::from_static(name), value.clone());
        }
    }
    if let Some(etag) = shown_etag(store) {
        set(headers, "etag", &format!("\"{etag}\""));
    }
}

/// The same about what was just written. While versioning is suspended Amazon S3 keeps the object as the version `null`
/// and names no version in the answer (its API Reference, `PutObject`, the examples); not every store leaves it out.
pub(super) fn pass_written_facts(store: &HeaderMap, headers: &mut HeaderMap) {
    pass_store_facts(store, headers);
    if is_unversioned(store) {
        headers.remove("x-amz-version-id");
    }
}

/// Whether what the store wrote is the version `null`.
pub(super) fn is_unversioned(store: &HeaderMap) -> bool {
    store
        .get("x-amz-version-id")
        .is_some_and(|version| version == "null")
}

/// Says truthfully how the object is encrypted. Clients that compare `ETags` with MD5 digests stop doing so
/// when they see it.
pub(super) fn mark_sealed(place: &Place, kek_id: KeyId, headers: &mut HeaderMap) {
    let key = hex::encode(kek_id.0);
    set(headers, "x-amz-server-side-encryption", "aws:kms");
    set(
        headers,
        "x-amz-server-side-encryption-aws-kms-key-id",
        &format!("arn:sealgate:kms::{}:key/{key}", place.bucket.tenant),
    );
}

/// The head of an answer about an opened object, all but its length.
pub(super) fn object_head(
    store: &HeaderMap,
    place: &Place,
    opened: &Opened,
    request: &S3Request,
    headers: &mut HeaderMap,
) {
    pass_store_facts(store, headers);
    mark_sealed(place, opened.header().kek_id(), headers);
    set(headers, "accept-ranges", "bytes");
    envelope::headers_of(opened.metadata())
        .overridden_by(request)
        .write_to(headers);
}

const PASSED: &[&str] = &[
    "last-modified",
    "x-amz-delete-marker",
    "x-amz-expiration",
    "x-amz-object-lock-legal-hold",
    "x-amz-object-lock-mode",
    "x-amz-object-lock-retain-until-date",
    "x-amz-replication-status",
    "x-amz-restore",
    "x-amz-storage-class",
    "x-amz-tagging-count",
    "x-amz-version-id",
];
