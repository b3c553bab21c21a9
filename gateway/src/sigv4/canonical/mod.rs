//! The canonical request and the string to sign of Signature Version 4 for S3, on bytes: S3 signs
//! the path encoded once and never normalised, `+` in a query is a plus, and header values need not
//! be UTF-8. It must not know keys.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::HOST;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, percent_encode};
use sha2::{Digest, Sha256};

use crate::sigv4::error::SignatureError;

/// Encodes an object's path for a request URI the one way S3 signs it: every byte outside `A-Z a-z
/// 0-9 - _ . ~ /` as `%XX`.
pub fn encode_path(path: &[u8]) -> String {
    percent_encode(path, PATH).to_string()
}

/// Encodes the name or value of a query parameter the one way S3 signs it; `/` and `+` are encoded
/// too.
pub fn encode_query(text: &[u8]) -> String {
    percent_encode(text, QUERY).to_string()
}

/// The query of a request, every name and value decoded and encoded again, in the order S3 signs.
#[derive(Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(raw: &str) -> Self {
        let mut pairs: Vec<_> = raw
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                (recode(name, QUERY), recode(value, QUERY))
            })
            .collect();
        pairs.sort();
        Self(pairs)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.values(name).next().is_some()
    }

    /// The decoded values of a parameter. Names of the authentication parameters are taken in any
    /// case, so that no second spelling slips past the check for duplicates.
    pub(super) fn values<'q>(&'q self, name: &'q str) -> impl Iterator<Item = Cow<'q, [u8]>> {
        self.0
            .iter()
            .filter(move |(encoded, _)| encoded.eq_ignore_ascii_case(name))
            .map(|(_, value)| percent_decode(value.as_bytes()).into())
    }

    /// The canonical query string, without the parameter that carries the signature itself.
    fn canonical(&self) -> String {
        let pairs = self
            .0
            .iter()
            .filter(|(name, _)| !name.eq_ignore_ascii_case("X-Amz-Signature"));
        pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&")
    }
}

/// The part of the canonical request that every way of reading the path shares.
pub(super) struct CanonicalRequest<'r> {
    method: &'r str,
    sent_path: &'r str,
    after_path: Vec<u8>,
}

impl<'r> CanonicalRequest<'r> {
    /// Puts together what `signed_headers` (lower case, sorted, unique) cover. Fails with
    /// `SignatureDoesNotMatch` when one of them is not in the request.
    pub(super) fn new(
        parts: &'r Parts,
        query: &Query,
        signed_headers: &[String],
        payload_hash: &str,
    ) -> Result<Self, SignatureError> {
        let mut text = Vec::with_capacity(1024);
        text.push(b'\n');
        text.extend_from_slice(query.canonical().as_bytes());
        text.push(b'\n');
        text.extend_from_slice(&canonical_headers(parts, signed_headers)?);
        text.push(b'\n');
        text.extend_from_slice(signed_headers.join(";").as_bytes());
        text.push(b'\n');
        text.extend_from_slice(payload_hash.as_bytes());
        let sent_path = match parts.uri.path() {
            "" => "/",
            path => path,
        };
        Ok(Self {
            method: parts.method.as_str(),
            sent_path,
            after_path: text,
        })
    }

    /// The hash with the path decoded and encoded again, as S3 documents it.
    pub(super) fn hash(&self) -> [u8; 32] {
        self.hash_of(&recode(self.sent_path, PATH))
    }

    /// The hash with the path as it was sent, for clients that leave characters like `=*+:@()`
    /// unencoded and sign them so.
    pub(super) fn hash_as_sent(&self) -> [u8; 32] {
        self.hash_of(self.sent_path)
    }

    fn hash_of(&self, path: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.method);
        hash.update(b"\n");
        hash.update(path);
        hash.update(&self.after_path);
        hash.finalize().into()
    }
}

/// The string to sign of a request.
pub(super) fn string_to_sign(timestamp: &str, scope: &str, canonical_request: [u8; 32]) -> String {
    format!(
        "{ALGORITHM}\n{timestamp}\n{scope}\n{}",
        hex::encode(canonical_request)
    )
}

/// The host the client believes it speaks to: the `Host` header, or `:authority` on HTTP/2. Two
/// that differ are refused, because one of them would be signed and the other obeyed.
pub(super) fn host(parts: &Parts) -> Result<Option<&[u8]>, SignatureError> {
    let problem = |text: &str| SignatureError::InvalidRequest {
        problem: text.to_owned(),
    };
    let mut headers = parts.headers.get_all(HOST).iter();
    let header = headers.next().map(http::HeaderValue::as_bytes);
    if headers.next().is_some() {
        return Err(problem("The request has more than one Host header"));
    }
    let authority = parts
        .uri
        .authority()
        .map(|authority| authority.as_str().as_bytes());
    match (header, authority) {
        (Some(header), Some(authority)) if !header.eq_ignore_ascii_case(authority) => Err(problem(
            "The Host header and the authority of the request URI differ",
        )),
        (Some(host), _) | (None, Some(host)) => Ok(Some(host)),
        (None, None) => Ok(None),
    }
}

/// Whether a path is already in the one form S3 signs.
pub(super) fn is_canonical_path(path: &str) -> bool {
    recode(path, PATH) == path
}

fn canonical_headers(parts: &Parts, signed_headers: &[String]) -> Result<Vec<u8>, SignatureError> {
    let mut text = Vec::with_capacity(512);
    let mut missing_headers = Vec::new();
    for name in signed_headers {
        text.extend_from_slice(name.as_bytes());
        text.push(b':');
        let found = match name.as_str() {
            "host" => host(parts)?
                .map(|value| push_trimmed(&mut text, value))
                .is_some(),
            name => push_values(&mut text, &parts.headers, name),
        };
        if !found {
            missing_headers.push(name.clone());
        }
        text.push(b'\n');
    }
    if missing_headers.is_empty() {
        Ok(text)
    } else {
        Err(SignatureError::SignatureDoesNotMatch { missing_headers })
    }
}

fn push_values(text: &mut Vec<u8>, headers: &HeaderMap, name: &str) -> bool {
    let mut first = true;
    for value in headers.get_all(name) {
        if !first {
            text.push(b',');
        }
        push_trimmed(text, value.as_bytes());
        first = false;
    }
    !first
}

/// Spaces at the ends dropped, runs inside made one; S3 does so with spaces only.
fn push_trimmed(text: &mut Vec<u8>, value: &[u8]) {
    let words = value
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            text.push(b' ');
        }
        text.extend_from_slice(word);
    }
}

fn recode(text: &str, set: &'static AsciiSet) -> String {
    let decoded: Cow<'_, [u8]> = percent_decode(text.as_bytes()).into();
    percent_encode(&decoded, set).to_string()
}

/// The algorithm this gateway verifies and signs with.
pub(super) const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');
const PATH: &AsciiSet = &QUERY.remove(b'/');

#[cfg(test)]
mod tests;
