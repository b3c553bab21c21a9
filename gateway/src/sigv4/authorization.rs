//! The header form of a signature: `Authorization: AWS4-HMAC-SHA256 …`. It must not know the query.

use http::HeaderMap;
use http::header::DATE;

use super::canonical::ALGORITHM;
use super::claim::{CONTENT_SHA256, Claim, Lifetime, SECURITY_TOKEN, one_header, signed_headers};
use super::error::SignatureError;
use super::payload::Announced;
use super::scope::Credential;
use super::timestamp::Timestamp;

/// Reads the value of an `Authorization` header and the headers that go with it. `body`: the hexadecimal SHA-256
/// of a body that is in hand already; S3's requests, whose body is not, name it in a header.
pub(super) fn claim(
    value: &str,
    headers: &HeaderMap,
    body: Option<&str>,
) -> Result<Claim, SignatureError> {
    let fields = Fields::parse(algorithm_removed(value)?)?;
    let announced = match body {
        Some(sha256) => Some(sha256),
        None => one_header(headers, CONTENT_SHA256)?,
    };
    let Some(payload_hash) = announced else {
        return Err(SignatureError::InvalidRequest {
            problem: "Missing required header for this request: x-amz-content-sha256".to_owned(),
        });
    };
    Ok(Claim {
        credential: Credential::parse(fields.credential).map_err(malformed)?,
        signed_headers: signed_headers(fields.signed_headers).map_err(malformed)?,
        signature: fields.signature.to_owned(),
        timestamp: timestamp(headers)?,
        session_token: one_header(headers, SECURITY_TOKEN)?.map(str::to_owned),
        payload_hash: payload_hash.to_owned(),
        payload: Announced::parse(payload_hash)?,
        lifetime: Lifetime::Skew,
    })
}

struct Fields<'v> {
    credential: &'v str,
    signed_headers: &'v str,
    signature: &'v str,
}

impl<'v> Fields<'v> {
    fn parse(text: &'v str) -> Result<Self, SignatureError> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for field in text.split(',') {
            let (name, value) = field.trim().split_once('=').unwrap_or((field.trim(), ""));
            let slot = match name {
                "Credential" => &mut credential,
                "SignedHeaders" => &mut signed_headers,
                "Signature" => &mut signature,
                name => return Err(malformed(format!("it has an unknown field \"{name}\""))),
            };
            if slot.replace(value).is_some() {
                return Err(malformed(format!("it has {name} twice")));
            }
        }
        let required = |field: Option<&'v str>, name| {
            field.ok_or_else(|| malformed(format!("it lacks {name}")))
        };
        Ok(Self {
            credential: required(credential, "Credential")?,
            signed_headers: required(signed_headers, "SignedHeaders")?,
            signature: required(signature, "Signature")?,
        })
    }
}

fn algorithm_removed(value: &str) -> Result<&str, SignatureError> {
    let (algorithm, fields) = value.split_once(' ').unwrap_or((value, ""));
    match algorithm {
        ALGORITHM => Ok(fields),
        "AWS4-ECDSA-P256-SHA256" => Err(SignatureError::NotImplemented {
            feature: "Signature Version 4A",
        }),
        _ => Err(SignatureError::InvalidArgument {
            problem: "Unsupported Authorization type: use AWS4-HMAC-SHA256".to_owned(),
        }),
    }
}

fn timestamp(headers: &HeaderMap) -> Result<Timestamp, SignatureError> {
    let text = match one_header(headers, "x-amz-date")? {
        Some(text) => Some(text),
        None => one_header(headers, DATE.as_str())?,
    };
    text.and_then(Timestamp::parse)
        .ok_or(SignatureError::DateNeeded)
}

fn malformed(problem: String) -> SignatureError {
    SignatureError::AuthorizationHeaderMalformed {
        problem,
        region: None,
    }
}
