//! Verification of a request's signature: who signed it, when, and what it says about the body. It
//! must not know where secrets are kept, nor what the request means.

use std::sync::Arc;
use std::time::SystemTime;

use http::request::Parts;
use sha2::{Digest as _, Sha256};

use crate::sigv4::canonical::{ALGORITHM, CanonicalRequest, Query, string_to_sign};
use crate::sigv4::chunk_signer::ChunkSigner;
use crate::sigv4::claim::{CONTENT_SHA256, Claim, Claimed, Found, Lifetime, MAX_SKEW};
use crate::sigv4::day_keys::DayKeys;
use crate::sigv4::error::SignatureError;
use crate::sigv4::key::{SecretKey, Signature, SigningKey};
use crate::sigv4::payload::Payload;
use crate::sigv4::scope::{Credential, Scope, Service, not_here};
use crate::sigv4::timestamp::Timestamp;

/// Verifies requests signed with Signature Version 4 for the service `s3`, in the header and the
/// presigned form, or for `sts`, in the header form. One per process and service: it keeps the signing
/// keys of the day.
#[derive(Debug)]
pub struct Verifier {
    service: Service,
    regions: Vec<String>,
    expected_region: String,
    day_keys: DayKeys,
    nobody: Arc<SecretKey>,
}

/// A form's policy with its signature: the fields as they came.
#[derive(Debug, Clone, Copy)]
pub struct SignedPolicy<'f> {
    /// `policy`, still in base64: the text that is signed.
    pub policy: &'f str,
    /// `x-amz-algorithm`
    pub algorithm: &'f str,
    /// `x-amz-credential`
    pub credential: &'f str,
    /// `x-amz-date`
    pub date: &'f str,
    /// `x-amz-signature`
    pub signature: &'f str,
}

/// The outcome for a request that is not to be refused.
#[derive(Debug)]
pub enum Verification {
    /// The request is signed, and the signature is right.
    Signed(Verified),
    /// The request is signed with Signature Version 2, which is verified elsewhere (`crate::sigv2`).
    Version2,
    /// The request has no credentials at all; whether that is allowed is for a policy to decide.
    Anonymous {
        /// How the body is to be read; never one of the signed forms.
        payload: Payload,
    },
}

/// What a right signature says.
#[derive(Debug)]
pub struct Verified {
    /// Whose secret it was.
    pub access_key_id: String,
    /// The session token sent along, covered by the signature but not looked into.
    pub session_token: Option<String>,
    /// How the body is covered and must be read.
    pub payload: Payload,
    /// The region the client signed for; may be empty.
    pub region: String,
    /// Where the signature stood.
    pub form: Form,
    /// When the client says it signed.
    pub signed_at: SystemTime,
    /// When the signature stops to be good: the expiry of a presigned URL, else 15 minutes after
    /// signing.
    pub expires: SystemTime,
}

/// Where the signature stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// In the `Authorization` header.
    Header,
    /// In the query: a presigned URL.
    Presigned,
}

impl Verifier {
    /// Accepts signatures for the given regions, and always for `us-east-1`, `auto` and the empty
    /// one, which clients use when nobody told them better. The first given one is named to clients
    /// that sign for another; it is `us-east-1` when none is given.
    pub fn new(regions: Vec<String>) -> Self {
        Self::of(Service::S3, regions)
    }

    /// The same for requests to the Security Token Service.
    pub fn for_sts(regions: Vec<String>) -> Self {
        Self::of(Service::Sts, regions)
    }

    fn of(service: Service, regions: Vec<String>) -> Self {
        Self {
            service,
            expected_region: regions
                .first()
                .map_or(DEFAULT_REGION, String::as_str)
                .to_owned(),
            regions,
            day_keys: DayKeys::default(),
            nobody: Arc::new(SecretKey::new("the secret of nobody, which opens nothing")),
        }
    }

    /// Verifies the head of a request: `parts` must be as they came over the wire, path and query
    /// included, and `secrets` must give the secret of an access key id.
    ///
    /// The body is not seen here: the caller must do with it what the [`Payload`] says, and must
    /// not commit anything before that came out well.
    ///
    /// An unknown access key id costs the same work as a wrong signature.
    pub fn verify(
        &self,
        parts: &Parts,
        now: SystemTime,
        secrets: &dyn Fn(&str) -> Option<Arc<SecretKey>>,
    ) -> Result<Verification, SignatureError> {
        let query = Query::parse(parts.uri.query().unwrap_or(""));
        match Claim::find(parts, &query, None)? {
            Found::Nothing => {
                let payload = Claim::anonymous_payload(&parts.headers)?.without_signer()?;
                Ok(Verification::Anonymous { payload })
            }
            Found::Version2 => Ok(Verification::Version2),
            Found::Version4(claim) => {
                let verified = self.check(parts, &query, *claim, now, secrets)?;
                Ok(Verification::Signed(verified))
            }
        }
    }

    /// The credential that a request names, if it has one signature of this version; nothing of it is verified.
    pub fn claimed(&self, parts: &Parts) -> Option<Claimed> {
        claimed(parts, None)
    }

    /// The same for a request whose whole body is in hand.
    pub fn claimed_whole(&self, parts: &Parts, body: &[u8]) -> Option<Claimed> {
        claimed(parts, Some(&hex::encode(Sha256::digest(body))))
    }

    /// The access key id in a credential of a form.
    pub fn claimed_in(credential: &str) -> Option<String> {
        let credential = Credential::parse(credential).ok()?;
        Some(credential.access_key_id)
    }

    /// Verifies a request whose whole body is in hand, in the header form; `None` where it has no such signature.
    ///
    /// An unknown access key id costs the same work as a wrong signature.
    pub fn verify_whole(
        &self,
        parts: &Parts,
        body: &[u8],
        now: SystemTime,
        secrets: &dyn Fn(&str) -> Option<Arc<SecretKey>>,
    ) -> Result<Option<Verified>, SignatureError> {
        let query = Query::parse(parts.uri.query().unwrap_or(""));
        let sha256 = hex::encode(Sha256::digest(body));
        match Claim::find(parts, &query, Some(&sha256))? {
            Found::Version4(claim) if matches!(claim.lifetime, Lifetime::Skew) => {
                self.check(parts, &query, *claim, now, secrets).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn check(
        &self,
        parts: &Parts,
        query: &Query,
        claim: Claim,
        now: SystemTime,
        secrets: &dyn Fn(&str) -> Option<Arc<SecretKey>>,
    ) -> Result<Verified, SignatureError> {
        let expires = claim.check_time(now)?;
        self.check_scope(
            &claim.credential.scope,
            &claim.timestamp,
            &|problem, region| claim.malformed(problem, region),
        )?;
        check_all_signed(parts, query, &claim)?;
        let request =
            CanonicalRequest::new(parts, query, &claim.signed_headers, &claim.payload_hash)?;

        let access_key_id = &claim.credential.access_key_id;
        let secret = secrets(access_key_id);
        let (name, key_of) = match &secret {
            Some(secret) => (access_key_id.as_str(), secret),
            None => ("", &self.nobody),
        };
        let key = self
            .day_keys
            .get(name, key_of, claim.timestamp.at(), &claim.credential.scope);
        let signature = right_signature(&key, &claim, &request);
        match (secret, signature) {
            (None, _) => Err(SignatureError::InvalidAccessKeyId),
            (Some(_), None) => Err(SignatureError::SignatureDoesNotMatch {
                missing_headers: Vec::new(),
            }),
            (Some(_), Some(signature)) => Ok(verified(claim, key, signature, expires)),
        }
    }

    /// Verifies the signature of a form's policy, and gives whose secret it was. When the policy ends is for the
    /// policy to say; `now` only bounds how far ahead of it the signature may be dated.
    ///
    /// An unknown access key id costs the same work as a wrong signature.
    pub fn verify_policy(
        &self,
        signed: &SignedPolicy<'_>,
        now: SystemTime,
        secrets: &dyn Fn(&str) -> Option<Arc<SecretKey>>,
    ) -> Result<String, SignatureError> {
        let malformed =
            |problem, region| SignatureError::AuthorizationQueryParametersError { problem, region };
        match signed.algorithm {
            ALGORITHM => {}
            "AWS4-ECDSA-P256-SHA256" => {
                return Err(SignatureError::NotImplemented {
                    feature: "Signature Version 4A",
                });
            }
            _ => {
                return Err(SignatureError::InvalidArgument {
                    problem: format!("x-amz-algorithm must be {ALGORITHM}"),
                });
            }
        }
        let credential =
            Credential::parse(signed.credential).map_err(|problem| malformed(problem, None))?;
        let timestamp = Timestamp::parse_basic(signed.date).ok_or_else(|| {
            malformed("x-amz-date must be as in 20260102T030405Z".to_owned(), None)
        })?;
        if timestamp
            .at()
            .duration_since(now)
            .is_ok_and(|ahead| ahead > MAX_SKEW)
        {
            return Err(SignatureError::RequestTimeTooSkewed {
                request_time: timestamp.at(),
                server_time: now,
            });
        }
        self.check_scope(&credential.scope, &timestamp, &malformed)?;
        let secret = secrets(&credential.access_key_id);
        let (name, key_of) = match &secret {
            Some(secret) => (credential.access_key_id.as_str(), secret),
            None => ("", &self.nobody),
        };
        let key = self
            .day_keys
            .get(name, key_of, timestamp.at(), &credential.scope);
        let is_right = key
            .sign(signed.policy.as_bytes())
            .matches(signed.signature.as_bytes());
        match (secret, is_right) {
            (None, _) => Err(SignatureError::InvalidAccessKeyId),
            (Some(_), false) => Err(SignatureError::SignatureDoesNotMatch {
                missing_headers: Vec::new(),
            }),
            (Some(_), true) => Ok(credential.access_key_id),
        }
    }

    fn check_scope(
        &self,
        scope: &Scope,
        timestamp: &Timestamp,
        malformed: &dyn Fn(String, Option<String>) -> SignatureError,
    ) -> Result<(), SignatureError> {
        if scope.day != timestamp.day() {
            let problem = format!(
                "the credential's date \"{}\" is not the day of the request, \"{}\"",
                scope.day,
                timestamp.day()
            );
            return Err(malformed(problem, None));
        }
        if scope.service != self.service {
            return Err(malformed(
                not_here(scope.service.name(), self.service),
                None,
            ));
        }
        let known = |region: &str| region == scope.region;
        if ALWAYS_ACCEPTED.iter().any(|region| known(region))
            || self.regions.iter().any(|region| known(region))
        {
            return Ok(());
        }
        let problem = format!(
            "the region \"{}\" is wrong; expecting \"{}\"",
            scope.region, self.expected_region
        );
        Err(malformed(problem, Some(self.expected_region.clone())))
    }
}

fn claimed(parts: &Parts, body: Option<&str>) -> Option<Claimed> {
    let query = Query::parse(parts.uri.query().unwrap_or(""));
    match Claim::find(parts, &query, body).ok()? {
        Found::Version4(claim) => Some(Claimed {
            access_key_id: claim.credential.access_key_id,
            session_token: claim.session_token,
        }),
        Found::Nothing | Found::Version2 => None,
    }
}

/// Not one of S3's, but policies can ask for it.
const PURPOSE: &str = "x-sealgate-purpose";

/// Refuses headers that could change the meaning of the request behind the signer's back.
fn check_all_signed(parts: &Parts, query: &Query, claim: &Claim) -> Result<(), SignatureError> {
    let mut headers_not_signed: Vec<_> = parts
        .headers
        .keys()
        .map(http::HeaderName::as_str)
        // The payload's hash has a line of its own in the canonical request; presigned.rs sees to
        // the rest.
        .filter(|name| (name.starts_with("x-amz-") && *name != CONTENT_SHA256) || *name == PURPOSE)
        .filter(|name| !claim.signed_headers.iter().any(|signed| signed == name))
        .filter(|name| !is_signed_in_query(parts, query, name))
        .map(str::to_owned)
        .collect();
    headers_not_signed.sort();
    if headers_not_signed.is_empty() {
        Ok(())
    } else {
        Err(SignatureError::AccessDenied { headers_not_signed })
    }
}

/// Whether a header only repeats what the signed query says.
fn is_signed_in_query(parts: &Parts, query: &Query, name: &str) -> bool {
    let mut values = parts.headers.get_all(name).iter();
    let in_header = values.next().map(http::HeaderValue::as_bytes);
    let in_query = query.values(name).next();
    values.next().is_none() && in_query.is_some() && in_query.as_deref() == in_header
}

/// The signature calculated, if it is the one that was sent. Every wrong one costs both attempts.
fn right_signature(
    key: &SigningKey,
    claim: &Claim,
    request: &CanonicalRequest<'_>,
) -> Option<Signature> {
    let (timestamp, scope) = (claim.timestamp.as_str(), claim.credential.scope.to_string());
    [CanonicalRequest::hash, CanonicalRequest::hash_as_sent]
        .into_iter()
        .find_map(|hash| {
            let signature = key.sign(string_to_sign(timestamp, &scope, hash(request)).as_bytes());
            signature
                .matches(claim.signature.as_bytes())
                .then_some(signature)
        })
}

fn verified(claim: Claim, key: SigningKey, signature: Signature, expires: SystemTime) -> Verified {
    let scope = claim.credential.scope;
    let signer = ChunkSigner::new(
        key,
        claim.timestamp.as_str().to_owned(),
        scope.to_string(),
        signature,
    );
    Verified {
        access_key_id: claim.credential.access_key_id,
        session_token: claim.session_token,
        payload: claim.payload.with_signer(signer),
        region: scope.region,
        form: match claim.lifetime {
            Lifetime::Skew => Form::Header,
            Lifetime::Presigned(_) => Form::Presigned,
        },
        signed_at: claim.timestamp.at(),
        expires,
    }
}

const DEFAULT_REGION: &str = "us-east-1";
const ALWAYS_ACCEPTED: [&str; 3] = [DEFAULT_REGION, "auto", ""];

#[cfg(test)]
mod tests;
