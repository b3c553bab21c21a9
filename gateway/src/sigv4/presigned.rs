//! The query form of a signature: a presigned URL. It must not know the `Authorization` header.

use std::time::Duration;

use http::HeaderMap;

use super::canonical::{ALGORITHM, Query};
use super::claim::{CONTENT_SHA256, Claim, Lifetime, SECURITY_TOKEN, one_header, signed_headers};
use super::error::SignatureError;
use super::payload::{Announced, UNSIGNED_PAYLOAD};
use super::scope::Credential;
use super::timestamp::Timestamp;

/// Whether the query has any parameter of a presigned URL; one without the others is an error, not
/// an anonymous request.
pub(super) fn is_presigned(query: &Query) -> bool {
    let names = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "X-Amz-Expires",
    ];
    names.iter().any(|name| query.has(name))
}

/// Reads the parameters of a presigned URL and the headers that go with them.
pub(super) fn claim(query: &Query, headers: &HeaderMap) -> Result<Claim, SignatureError> {
    match required(query, "X-Amz-Algorithm")?.as_str() {
        ALGORITHM => {}
        "AWS4-ECDSA-P256-SHA256" => {
            return Err(SignatureError::NotImplemented {
                feature: "Signature Version 4A",
            });
        }
        _ => return Err(malformed(format!("X-Amz-Algorithm must be {ALGORITHM}"))),
    }
    let credential = Credential::parse(&required(query, "X-Amz-Credential")?).map_err(malformed)?;
    let timestamp = Timestamp::parse_basic(&required(query, "X-Amz-Date")?).ok_or_else(|| {
        malformed(
            "X-Amz-Date must be in the ISO8601 long format \"yyyyMMdd'T'HHmmss'Z'\"".to_owned(),
        )
    })?;
    let signed_headers =
        signed_headers(&required(query, "X-Amz-SignedHeaders")?).map_err(malformed)?;
    let (payload_hash, payload) = payload(query, headers, &signed_headers)?;
    Ok(Claim {
        credential,
        signature: required(query, "X-Amz-Signature")?,
        timestamp,
        session_token: session_token(query, headers, &signed_headers)?,
        payload_hash,
        payload,
        lifetime: Lifetime::Presigned(expires(&required(query, "X-Amz-Expires")?)?),
        signed_headers,
    })
}

fn expires(text: &str) -> Result<Duration, SignatureError> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    match text.parse() {
        Ok(seconds @ 1..=MAX_EXPIRES) if digits => Ok(Duration::from_secs(seconds)),
        _ => Err(malformed(format!(
            "X-Amz-Expires must be a number of seconds from 1 to {MAX_EXPIRES}"
        ))),
    }
}

/// The payload line of the canonical request, and what is asked of the body. A signed value decides
/// both; an unsigned header may only ask for more than the signature does.
fn payload(
    query: &Query,
    headers: &HeaderMap,
    signed: &[String],
) -> Result<(String, Announced), SignatureError> {
    let in_query = at_most_one(query, CONTENT_SHA256)?;
    let in_header = one_header(headers, CONTENT_SHA256)?;
    let signed_header = in_header.filter(|_| signed.iter().any(|name| name == CONTENT_SHA256));
    let line = in_query
        .as_deref()
        .or(signed_header)
        .unwrap_or(UNSIGNED_PAYLOAD);
    let covered = Announced::parse(line)?;
    let asked = in_header.map_or(Ok(covered), Announced::parse)?;
    let payload = match (covered, asked) {
        (covered, asked) if covered == asked => covered,
        (covered, Announced::Unsigned) => covered,
        (Announced::Unsigned, Announced::Literal(sha256)) => Announced::Literal(sha256),
        _ => {
            return Err(SignatureError::AccessDenied {
                headers_not_signed: vec![CONTENT_SHA256.to_owned()],
            });
        }
    };
    Ok((line.to_owned(), payload))
}

/// A token that the URL's signature does not cover is none: it is refused with all headers that are not signed.
fn session_token(
    query: &Query,
    headers: &HeaderMap,
    signed: &[String],
) -> Result<Option<String>, SignatureError> {
    let in_query = at_most_one(query, SECURITY_TOKEN)?;
    if in_query.is_none()
        && !signed
            .iter()
            .any(|name| name.eq_ignore_ascii_case(SECURITY_TOKEN))
    {
        return Ok(None);
    }
    let in_header = one_header(headers, SECURITY_TOKEN)?;
    match (in_query, in_header) {
        (Some(token), Some(other)) if token != other => Err(malformed(
            "X-Amz-Security-Token and the header x-amz-security-token differ".to_owned(),
        )),
        (Some(token), _) => Ok(Some(token)),
        (None, token) => Ok(token.map(str::to_owned)),
    }
}

fn required(query: &Query, name: &str) -> Result<String, SignatureError> {
    at_most_one(query, name)?.ok_or_else(|| {
        malformed(format!(
            "query-string authentication version 4 requires X-Amz-Algorithm, \
             X-Amz-Credential, X-Amz-Signature, \
             X-Amz-Date, X-Amz-SignedHeaders and X-Amz-Expires; {name} is missing"
        ))
    })
}

fn at_most_one(query: &Query, name: &str) -> Result<Option<String>, SignatureError> {
    let mut values = query.values(name);
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(malformed(format!("{name} came more than once")));
    }
    match String::from_utf8(value.into_owned()) {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(malformed(format!("{name} is not UTF-8"))),
    }
}

fn malformed(problem: String) -> SignatureError {
    SignatureError::AuthorizationQueryParametersError {
        problem,
        region: None,
    }
}

/// A week, in seconds.
const MAX_EXPIRES: u64 = 604_800;
