//! What a request claims about its signature, before anything of it is believed: the same for both
//! forms. It must not know secrets.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use http::request::Parts;

use super::canonical::Query;
use super::error::SignatureError;
use super::payload::{Announced, UNSIGNED_PAYLOAD};
use super::scope::Credential;
use super::timestamp::Timestamp;
use super::{authorization, presigned};

/// A signature with all that it says it was made of.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) credential: Credential,
    /// Lower case, sorted, each once, `host` among them.
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: String,
    pub(super) timestamp: Timestamp,
    pub(super) session_token: Option<String>,
    /// The payload line of the canonical request.
    pub(super) payload_hash: String,
    pub(super) payload: Announced,
    pub(super) lifetime: Lifetime,
}

/// The credential that a request names, before anything of it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claimed {
    /// The public half of an access key.
    pub access_key_id: String,
    /// The session token that came along.
    pub session_token: Option<String>,
}

/// How long the signature is good.
#[derive(Debug, Clone, Copy)]
pub(super) enum Lifetime {
    /// A header signature: as long as the clocks may differ.
    Skew,
    /// A presigned URL: this long from its timestamp on.
    Presigned(Duration),
}

/// The one signature of a request.
#[derive(Debug)]
pub(super) enum Found {
    /// There is none: the request is anonymous.
    Nothing,
    /// One of Signature Version 2.
    Version2,
    /// One of Signature Version 4.
    Version4(Box<Claim>),
}

impl Claim {
    /// Finds the one signature of a request; `body` is the SHA-256 of a body that is in hand.
    pub(super) fn find(
        parts: &Parts,
        query: &Query,
        body: Option<&str>,
    ) -> Result<Found, SignatureError> {
        let header = one_header(&parts.headers, AUTHORIZATION.as_str())?;
        if parts.headers.contains_key("x-amz-s3session-token") {
            return Err(SignatureError::NotImplemented {
                feature: "S3 Express session authentication",
            });
        }
        let v4_query = presigned::is_presigned(query);
        let v2_query =
            query.has("AWSAccessKeyId") || (query.has("Signature") && query.has("Expires"));
        match (header, v4_query, v2_query) {
            (None, false, false) => Ok(Found::Nothing),
            (Some(value), false, false) if value.starts_with("AWS ") => Ok(Found::Version2),
            (Some(value), false, false) => {
                authorization::claim(value, &parts.headers, body).map(found)
            }
            (None, true, false) => presigned::claim(query, &parts.headers).map(found),
            (None, false, true) => Ok(Found::Version2),
            _ => Err(SignatureError::InvalidArgument {
                problem: "Only one authentication mechanism is allowed: the Authorization header, \
                    the X-Amz-Algorithm query parameter or the Signature query parameter"
                    .to_owned(),
            }),
        }
    }

    /// What an anonymous request says about its body.
    pub(super) fn anonymous_payload(headers: &HeaderMap) -> Result<Announced, SignatureError> {
        Announced::parse(one_header(headers, CONTENT_SHA256)?.unwrap_or(UNSIGNED_PAYLOAD))
    }

    /// The last moment the claim is good, or why it is not good now.
    pub(super) fn check_time(&self, now: SystemTime) -> Result<SystemTime, SignatureError> {
        let signed_at = self.timestamp.at();
        let too_skewed = || SignatureError::RequestTimeTooSkewed {
            request_time: signed_at,
            server_time: now,
        };
        if signed_at
            .duration_since(now)
            .is_ok_and(|ahead| ahead > MAX_SKEW)
        {
            return Err(too_skewed());
        }
        let (lifetime, too_late): (_, fn(SystemTime) -> Option<SignatureError>) =
            match self.lifetime {
                Lifetime::Skew => (MAX_SKEW, |_| None),
                Lifetime::Presigned(lifetime) => (lifetime, |expired_at| {
                    Some(SignatureError::ExpiredPresign { expired_at })
                }),
            };
        let expires = signed_at.checked_add(lifetime).ok_or_else(too_skewed)?;
        if now > expires {
            return Err(too_late(expires).unwrap_or_else(too_skewed));
        }
        Ok(expires)
    }

    /// An error about the credential in the words of the claim's form.
    pub(super) fn malformed(&self, problem: String, region: Option<String>) -> SignatureError {
        match self.lifetime {
            Lifetime::Skew => SignatureError::AuthorizationHeaderMalformed { problem, region },
            Lifetime::Presigned(_) => {
                SignatureError::AuthorizationQueryParametersError { problem, region }
            }
        }
    }
}

fn found(claim: Claim) -> Found {
    Found::Version4(Box::new(claim))
}

/// Reads `SignedHeaders`; the error is the problem in words.
pub(super) fn signed_headers(text: &str) -> Result<Vec<String>, String> {
    let mut names: Vec<_> = text.split(';').map(str::to_ascii_lowercase).collect();
    names.sort();
    let count = names.len();
    names.dedup();
    if names.len() != count || names.iter().any(String::is_empty) {
        return Err("SignedHeaders must list each header once, separated by \";\"".to_owned());
    }
    if !names.iter().any(|name| name == "host") {
        return Err("SignedHeaders must list host".to_owned());
    }
    Ok(names)
}

/// The only value of a header that must not come twice, which must be visible ASCII.
pub(crate) fn one_header<'h>(
    headers: &'h HeaderMap,
    name: &str,
) -> Result<Option<&'h str>, SignatureError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let problem = |text: String| SignatureError::InvalidArgument { problem: text };
    if values.next().is_some() {
        return Err(problem(format!("The header {name} came more than once")));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => Err(problem(format!("The header {name} is not plain ASCII"))),
    }
}

/// How far the clocks may be apart.
pub(crate) const MAX_SKEW: Duration = Duration::from_mins(15);
pub(crate) const CONTENT_SHA256: &str = "x-amz-content-sha256";
pub(crate) const SECURITY_TOKEN: &str = "x-amz-security-token";
