//! The string to sign of Signature Version 2, on bytes. It must not know keys.

use std::collections::BTreeMap;

use http::HeaderMap;
use http::request::Parts;
use percent_encoding::{percent_decode, percent_decode_str};

use crate::s3::Operation;
use crate::sigv4::{SignatureError, encode_path};

/// The strings that the signer may have signed: with the path as it was sent, with the path encoded as S3 encodes
/// it, and with the slash behind a bucket that some sign and do not send. `bucket` is the one that the host names,
/// if any.
pub(super) fn strings_to_sign(
    parts: &Parts,
    bucket: Option<&str>,
    date_line: &str,
) -> [Vec<u8>; 3] {
    let mut before = Vec::with_capacity(512);
    before.extend_from_slice(parts.method.as_str().as_bytes());
    before.push(b'\n');
    for name in ["content-md5", "content-type"] {
        before.extend_from_slice(&joined(&parts.headers, name));
        before.push(b'\n');
    }
    before.extend_from_slice(date_line.as_bytes());
    before.push(b'\n');
    for (name, value) in amz_headers(parts) {
        before.extend_from_slice(name.as_bytes());
        before.push(b':');
        before.extend_from_slice(&value);
        before.push(b'\n');
    }
    if let Some(bucket) = bucket {
        before.push(b'/');
        before.extend_from_slice(bucket.as_bytes());
    }
    let query = signed_query(parts.uri.query().unwrap_or_default());
    let sent = parts.uri.path();
    let encoded = encode_path(&percent_decode_str(sent).collect::<Vec<u8>>());
    let is_bucket = bucket.is_none() && sent.matches('/').count() == 1;
    let slash = if is_bucket { "/" } else { "" };
    let with_slash = format!("{encoded}{slash}");
    [sent, &encoded, &with_slash].map(|path| [&before, path.as_bytes(), &query].concat())
}

/// Refuses sub-resources that Version 2 leaves unsigned, because whoever holds a URL for a key could append one,
/// and line breaks in a value, which would let one header pass for two.
pub(super) fn refuse_unsigned(parts: &Parts) -> Result<(), SignatureError> {
    if amz_headers(parts)
        .values()
        .any(|value| value.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)))
    {
        return Err(SignatureError::InvalidArgument {
            problem: "A query parameter has a value that no header can have".to_owned(),
        });
    }
    let query = parts.uri.query().unwrap_or_default();
    let unsigned = query.split('&').find_map(|pair| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        let decoded = percent_decode_str(name).decode_utf8_lossy();
        let signed = SIGNED.contains(&name);
        // An encoded spelling of a signed name is not the name that the signer's list knows.
        let means = Operation::is_sub_resource(&decoded) || SIGNED.contains(&decoded.as_ref());
        (means && !signed).then(|| decoded.into_owned())
    });
    match unsigned {
        Some(name) => Err(SignatureError::QueryNotSigned { name }),
        None => Ok(()),
    }
}

/// All `x-amz-` headers by name, and the parameters of that name in the query, where some signers repeat the
/// headers they signed.
fn amz_headers(parts: &Parts) -> BTreeMap<String, Vec<u8>> {
    let mut headers = BTreeMap::new();
    for pair in parts.uri.query().unwrap_or_default().split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = percent_decode_str(name)
            .decode_utf8_lossy()
            .to_ascii_lowercase();
        if name.starts_with(AMZ) {
            let value: Vec<u8> = percent_decode(value.as_bytes()).collect();
            headers.insert(name, value.trim_ascii().to_vec());
        }
    }
    for name in parts.headers.keys().map(http::HeaderName::as_str) {
        if name.starts_with(AMZ) {
            headers.insert(name.to_owned(), joined(&parts.headers, name));
        }
    }
    headers
}

/// The values of a header, trimmed and joined by commas.
fn joined(headers: &HeaderMap, name: &str) -> Vec<u8> {
    let values: Vec<&[u8]> = headers
        .get_all(name)
        .iter()
        .map(|value| value.as_bytes().trim_ascii())
        .collect();
    values.join(&b","[..])
}

/// The signed part of the query with its `?`, sorted, values decoded; nothing when there is none.
fn signed_query(query: &str) -> Vec<u8> {
    let mut pairs: Vec<(&str, Option<Vec<u8>>)> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, value)) => (name, Some(percent_decode(value.as_bytes()).collect())),
            None => (pair, None),
        })
        .filter(|(name, _)| SIGNED.contains(name))
        .collect();
    pairs.sort();
    let mut text = Vec::new();
    for (index, (name, value)) in pairs.into_iter().enumerate() {
        text.push(if index == 0 { b'?' } else { b'&' });
        text.extend_from_slice(name.as_bytes());
        if let Some(value) = value {
            text.push(b'=');
            text.extend_from_slice(&value);
        }
    }
    text
}

const AMZ: &str = "x-amz-";

/// The sub-resources and overrides that Version 2 signs: those of the user guide, and those that botocore has
/// added since.
const SIGNED: &[&str] = &[
    "accelerate",
    "acl",
    "analytics",
    "cors",
    "delete",
    "inventory",
    "lifecycle",
    "location",
    "logging",
    "metrics",
    "notification",
    "object-lock",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "response-cache-control",
    "response-content-disposition",
    "response-content-encoding",
    "response-content-language",
    "response-content-type",
    "response-expires",
    "restore",
    "select",
    "select-type",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];
