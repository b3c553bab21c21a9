//! What a request claims about its Version 2 signature, before anything of it is believed. It must not know
//! secrets.

use std::time::{Duration, SystemTime};

use http::request::Parts;
use percent_encoding::percent_decode_str;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;

use crate::sigv4::{
    Announced, CONTENT_SHA256, Form, MAX_SKEW, Payload, SECURITY_TOKEN, SignatureError, Timestamp,
    UNSIGNED_PAYLOAD, one_header,
};

/// A signature with what else it says about itself.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) access_key_id: String,
    /// As sent: base64.
    pub(super) signature: String,
    pub(super) form: Form,
    /// The line of the string to sign that holds the date or the expiry.
    pub(super) date_line: String,
    good: Good,
}

/// When the signature is good.
#[derive(Debug)]
enum Good {
    /// Around this moment.
    Near(SystemTime),
    /// Up to and including this moment.
    Until(SystemTime),
}

impl Claim {
    /// Reads the signature of a request that has one of Version 2.
    pub(super) fn find(parts: &Parts) -> Result<Self, SignatureError> {
        match one_header(&parts.headers, "authorization")? {
            Some(value) => Self::of_header(value, parts),
            None => Self::of_query(parts.uri.query().unwrap_or_default()),
        }
    }

    fn of_header(value: &str, parts: &Parts) -> Result<Self, SignatureError> {
        let malformed = || SignatureError::AuthorizationHeaderMalformed {
            problem: "it must be \"AWS <access key id>:<signature>\"".to_owned(),
            region: None,
        };
        let (access_key_id, signature) = value
            .strip_prefix("AWS ")
            .and_then(|fields| fields.trim().rsplit_once(':'))
            .filter(|(id, _)| !id.is_empty())
            .ok_or_else(malformed)?;
        let amz_date = one_header(&parts.headers, "x-amz-date")?;
        let date = one_header(&parts.headers, "date")?;
        let timestamp = amz_date
            .or(date)
            .and_then(moment)
            .ok_or(SignatureError::DateNeeded)?;
        // x-amz-date stands among the signed headers and takes the place of the other.
        let date_line = if amz_date.is_some() { None } else { date };
        Ok(Self {
            access_key_id: access_key_id.to_owned(),
            signature: signature.to_owned(),
            form: Form::Header,
            date_line: date_line.unwrap_or_default().to_owned(),
            good: Good::Near(timestamp),
        })
    }

    fn of_query(query: &str) -> Result<Self, SignatureError> {
        let expires = required(query, "Expires")?;
        let seconds = Some(&expires)
            .filter(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|text| text.parse().ok())
            .filter(|seconds| *seconds <= LATEST);
        let seconds = seconds.ok_or_else(|| {
            malformed("Expires must be a number of seconds since 1970-01-01".to_owned())
        })?;
        Ok(Self {
            access_key_id: required(query, "AWSAccessKeyId")?,
            signature: required(query, "Signature")?,
            form: Form::Presigned,
            date_line: expires,
            good: Good::Until(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)),
        })
    }

    pub(super) fn check_time(&self, now: SystemTime) -> Result<(), SignatureError> {
        match self.good {
            Good::Until(expired_at) if now > expired_at => {
                Err(SignatureError::ExpiredPresign { expired_at })
            }
            Good::Near(signed_at) => {
                let apart = now
                    .duration_since(signed_at)
                    .unwrap_or_else(|ahead| ahead.duration());
                if apart > MAX_SKEW {
                    return Err(SignatureError::RequestTimeTooSkewed {
                        request_time: signed_at,
                        server_time: now,
                    });
                }
                Ok(())
            }
            Good::Until(_) => Ok(()),
        }
    }
}

/// Clients of Version 2 write `+0000` for `GMT`.
fn moment(text: &str) -> Option<SystemTime> {
    Timestamp::parse(text)
        .map(|timestamp| timestamp.at())
        .or_else(|| OffsetDateTime::parse(text, &Rfc2822).ok().map(Into::into))
        // Before 1970 there are no HTTP dates to tell the caller about.
        .filter(|at| *at >= SystemTime::UNIX_EPOCH)
}

/// What the signed headers say about the body.
pub(super) fn payload(parts: &Parts) -> Result<Payload, SignatureError> {
    let announced = one_header(&parts.headers, CONTENT_SHA256)?.unwrap_or(UNSIGNED_PAYLOAD);
    Announced::parse(announced)?.without_signer()
}

/// The session token: a header, or a parameter of a presigned URL.
pub(super) fn session_token(parts: &Parts) -> Result<Option<String>, SignatureError> {
    if let Some(token) = one_header(&parts.headers, SECURITY_TOKEN)? {
        return Ok(Some(token.to_owned()));
    }
    let query = parts.uri.query().unwrap_or_default();
    let mut tokens = values(query, |name| name.eq_ignore_ascii_case(SECURITY_TOKEN));
    Ok(tokens.next())
}

fn required(query: &str, wanted: &str) -> Result<String, SignatureError> {
    // In any case, so that no second spelling slips past the check for duplicates.
    let mut found = values(query, |name| name.eq_ignore_ascii_case(wanted));
    match (found.next(), found.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value),
        (Some(_), Some(_)) => Err(malformed(format!("{wanted} came more than once"))),
        _ => Err(malformed(format!(
            "query-string authentication requires the Signature, Expires and AWSAccessKeyId parameters; \
             {wanted} is missing"
        ))),
    }
}

fn values(query: &str, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = String> {
    query.split('&').filter_map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        wanted(&decode(name)).then(|| decode(value))
    })
}

fn malformed(problem: String) -> SignatureError {
    SignatureError::AuthorizationQueryParametersError {
        problem,
        region: None,
    }
}

/// The end of the year 9999, beyond which there are no HTTP dates to tell the caller about.
const LATEST: u64 = 253_402_300_799;
