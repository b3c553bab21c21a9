//! Who means it: verifies the signature and names the principal. The only maker of [`Authenticated`].

use std::sync::Arc;

use http::request::Parts;
use policies::Principal;

use crate::clock::Clock;
use crate::directory::Directory;
use crate::error::GatewayError;
use crate::s3::form::{Form, FormPolicy, FormSignature};
use crate::s3::{BucketName, Code, S3Request};
use crate::sigv2;
use crate::sigv4::{Payload, SECURITY_TOKEN, SecretKey, SignatureError, Verification, Verifier};
use crate::trail::Access;

/// A request whose signature was verified, with the principal who signed it. Not `Clone`, and nobody
/// else can make one:
///
/// ```compile_fail,E0451
/// # use gateway::{authenticate::Authenticated, s3::S3Request, sigv4::Payload};
/// # use std::sync::Arc;
/// fn forge(request: S3Request, principal: Arc<policies::Principal>) -> Authenticated<S3Request> {
///     Authenticated { request, principal, payload: Payload::Unsigned }
/// }
/// ```
#[derive(Debug)]
pub struct Authenticated<T> {
    request: T,
    principal: Arc<Principal>,
    payload: Payload,
}

impl<T> Authenticated<T> {
    /// What was asked.
    pub fn request(&self) -> &T {
        &self.request
    }

    /// Who asked.
    pub fn principal(&self) -> &Principal {
        &self.principal
    }

    pub(crate) fn into_parts(self) -> (T, Arc<Principal>, Payload) {
        (self.request, self.principal, self.payload)
    }
}

/// Verifies requests against the directory.
#[derive(Debug)]
pub struct Authenticator {
    verifier: Verifier,
    version2: sigv2::Verifier,
    directory: Arc<Directory>,
    clock: Clock,
}

impl Authenticator {
    /// An authenticator for clients that sign for `region`. `version2_headers`: whether `Authorization` headers of
    /// Signature Version 2 are verified; its presigned URLs and forms always are.
    pub fn new(
        region: &str,
        version2_headers: bool,
        directory: Arc<Directory>,
        clock: Clock,
    ) -> Self {
        Self {
            verifier: Verifier::new(vec![region.to_owned()]),
            version2: sigv2::Verifier::new(version2_headers),
            directory,
            clock,
        }
    }

    /// Verifies one request. Whoever does not sign is refused: there is no anonymous access.
    pub fn verify(
        &self,
        mut request: S3Request,
        access: &mut Access,
    ) -> Result<Authenticated<S3Request>, GatewayError> {
        let (access_key_id, session_token, payload) = match request.form.take() {
            Some(mut form) => {
                let signer = self.signer_of_form(&request, &mut form)?;
                request.form = Some(form);
                signer
            }
            None => self.signer(&request)?,
        };
        if session_token.is_some() {
            return Err(Code::InvalidArgument
                .because("Session tokens are not issued here; sign without x-amz-security-token.")
                .into());
        }
        let credential = self
            .directory
            .find(&access_key_id)
            .ok_or(SignatureError::InvalidAccessKeyId)?;
        access.principal(&credential.principal, &access_key_id);
        Ok(Authenticated {
            request,
            principal: Arc::clone(&credential.principal),
            payload,
        })
    }

    /// Whose signature it is, the session token that came with it, and how it covers the body.
    fn signer(&self, request: &S3Request) -> Result<Signer, GatewayError> {
        let secret = |id: &str| self.secret(id);
        let now = self.clock.now();
        match self.verifier.verify(&request.parts, now, &secret)? {
            Verification::Signed(verified) => Ok((
                verified.access_key_id,
                verified.session_token,
                verified.payload,
            )),
            Verification::Version2 => {
                let bucket = request.bucket.as_ref().filter(|_| request.bucket_in_host);
                let bucket = bucket.map(BucketName::as_str);
                let verified = self.version2.verify(&request.parts, bucket, now, &secret)?;
                Ok((
                    verified.access_key_id,
                    verified.session_token,
                    verified.payload,
                ))
            }
            Verification::Anonymous { .. } => Err(Code::AccessDenied
                .because("The request is not signed, and nothing here is public. Sign it with AWS Signature Version 4.")
                .into()),
        }
    }

    /// Whose policy allows the form: its signature is right, and it allows every field of it.
    fn signer_of_form(&self, request: &S3Request, form: &mut Form) -> Result<Signer, GatewayError> {
        let secret = |id: &str| self.secret(id);
        let now = self.clock.now();
        refuse_signed_head(&request.parts)?;
        let signature = form.signature()?.ok_or_else(|| {
            Code::AccessDenied
                .because("The form has no policy and no signature, and nothing here is public.")
        })?;
        let (access_key_id, policy) = match signature {
            FormSignature::Version4(signed) => {
                let id = self.verifier.verify_policy(&signed, now, &secret)?;
                (id, signed.policy)
            }
            FormSignature::Version2 {
                policy,
                access_key_id,
                signature,
            } => {
                self.version2
                    .verify_policy(access_key_id, signature, policy, &secret)?;
                (access_key_id.to_owned(), policy)
            }
        };
        let policy = FormPolicy::parse(policy)?;
        policy.check(form, request.bucket()?.as_str(), now.into())?;
        form.lengths = policy.lengths();
        let session_token = form.field(SECURITY_TOKEN).map(str::to_owned);
        Ok((access_key_id, session_token, Payload::Unsigned))
    }

    fn secret(&self, access_key_id: &str) -> Option<Arc<SecretKey>> {
        let found = self.directory.find(access_key_id);
        found.map(|credential| Arc::clone(&credential.secret))
    }
}

/// Access key id, session token, and how the body is covered.
type Signer = (String, Option<String>, Payload);

/// A form is signed by its policy. Headers are not covered by that, so none may look as if it were.
fn refuse_signed_head(parts: &Parts) -> Result<(), SignatureError> {
    let is_signed = parts.headers.contains_key(http::header::AUTHORIZATION)
        || parts.uri.query().is_some_and(|query| !query.is_empty());
    if is_signed {
        return Err(SignatureError::InvalidArgument {
            problem: "Only one authentication mechanism is allowed: a form is signed by its policy"
                .to_owned(),
        });
    }
    let names = parts.headers.keys().map(http::HeaderName::as_str);
    let mut headers_not_signed: Vec<String> = names
        .filter(|name| name.starts_with("x-amz-"))
        .map(str::to_owned)
        .collect();
    headers_not_signed.sort();
    if headers_not_signed.is_empty() {
        Ok(())
    } else {
        Err(SignatureError::AccessDenied { headers_not_signed })
    }
}
