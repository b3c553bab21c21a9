//! AWS Signature Version 2: presigned URLs, policies of forms and, where that is switched on, headers. It does no
//! IO, holds no clock, and knows of S3 only which query parameters name a sub-resource.
//!
//! The rules are those of "Signing and authenticating REST requests (AWS signature version 2)" in the Amazon S3
//! user guide. Version 2 signs neither the host nor the body, and of the query only the sub-resources; every
//! `x-amz-` header is always signed.

mod canonical;
mod claim;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::request::Parts;
use sha1::Sha1;
use subtle::ConstantTimeEq as _;

use crate::sigv4::{Claimed, Form, Payload, SecretKey, SignatureError};
use claim::Claim;

/// Verifies requests signed with Signature Version 2.
pub struct Verifier {
    headers: bool,
    nobody: Arc<SecretKey>,
}

/// What a right signature says.
#[derive(Debug)]
pub struct Verified {
    /// Whose secret it was.
    pub access_key_id: String,
    /// The session token sent along, covered by the signature but not looked into.
    pub session_token: Option<String>,
    /// How the body is to be read. Version 2 covers no body; a signed `x-amz-content-sha256` does.
    pub payload: Payload,
    /// Where the signature stood.
    pub form: Form,
}

/// The credential that a request names, if it has a signature of this version; nothing of it is verified.
pub fn claimed(parts: &Parts) -> Option<Claimed> {
    let claim = Claim::find(parts).ok()?;
    Some(Claimed {
        access_key_id: claim.access_key_id,
        session_token: claim::session_token(parts).ok()?,
    })
}

impl Verifier {
    /// Verifies presigned URLs, and `Authorization` headers only where `headers` says so.
    pub fn new(headers: bool) -> Self {
        let nobody = Arc::new(SecretKey::new("the secret of nobody, which opens nothing"));
        Self { headers, nobody }
    }

    /// Verifies the head of a request: `parts` must be as they came over the wire, `bucket` is the one that the
    /// host names, if any, and `secrets` must give the secret of an access key id.
    ///
    /// An unknown access key id costs the same work as a wrong signature.
    pub fn verify(
        &self,
        parts: &Parts,
        bucket: Option<&str>,
        now: SystemTime,
        secrets: &dyn Fn(&str) -> Option<Arc<SecretKey>>,
    ) -> Result<Verified, SignatureError> {
        let claim = Claim::find(parts)?;
        if claim.form == Form::Header && !self.headers {
            return Err(SignatureError::SigV4Needed);
        }
        claim.check_time(now)?;
        canonical::refuse_unsigned(parts)?;
        let payload = claim::payload(parts)?;
        // Clients that leave characters like `=*+:@()` unencoded sign the path so; most sign it encoded.
        let texts = canonical::strings_to_sign(parts, bucket, &claim.date_line);
        self.check(&claim.access_key_id, &claim.signature, &texts, secrets)?;
        Ok(Verified {
            session_token: claim::session_token(parts)?,
            access_key_id: claim.access_key_id,
            payload,
            form: claim.form,
        })
    }

    /// Verifies the signature of a form's policy: `policy` is the field as it came, still in base64.
    ///
    /// An unknown access key id costs the same work as a wrong signature.
    pub fn verify_policy(
        &self,
        access_key_id: &str,
        signature: &str,
        policy: &str,
        secrets: &dyn Fn(&str) -> Option<Arc<SecretKey>>,
    ) -> Result<(), SignatureError> {
        self.check(access_key_id, signature, &[policy.as_bytes()], secrets)
    }

    fn check(
        &self,
        access_key_id: &str,
        sent: &str,
        texts: &[impl AsRef<[u8]>],
        secrets: &dyn Fn(&str) -> Option<Arc<SecretKey>>,
    ) -> Result<(), SignatureError> {
        let sent = STANDARD.decode(sent).unwrap_or_default();
        let secret = secrets(access_key_id);
        let key = secret.as_ref().unwrap_or(&self.nobody);
        let right = texts
            .iter()
            .any(|text| mac(key, text.as_ref()).is_some_and(|mac| mac.ct_eq(&sent).into()));
        match (secret, right) {
            (None, _) => Err(SignatureError::InvalidAccessKeyId),
            (Some(_), false) => Err(SignatureError::SignatureDoesNotMatch {
                missing_headers: Vec::new(),
            }),
            (Some(_), true) => Ok(()),
        }
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Verifier")
            .field("headers", &self.headers)
            .finish_non_exhaustive()
    }
}

/// HMAC-SHA-1 takes a key of any length, so `None` does not happen.
fn mac(key: &SecretKey, text: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha1>::new_from_slice(key.expose().as_bytes()).ok()?;
    mac.update(text);
    Some(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests;
