//! Who means it: verifies the signature and names the principal. The only maker of [`Authenticated`].

use std::sync::Arc;

use policies::Principal;

use crate::clock::Clock;
use crate::directory::Directory;
use crate::error::GatewayError;
use crate::s3::{BucketName, Code, S3Request};
use crate::sigv2;
use crate::sigv4::{Payload, SignatureError, Verification, Verifier};
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
        request: S3Request,
        access: &mut Access,
    ) -> Result<Authenticated<S3Request>, GatewayError> {
        let (access_key_id, session_token, payload) = self.signer(&request)?;
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
    fn signer(
        &self,
        request: &S3Request,
    ) -> Result<(String, Option<String>, Payload), GatewayError> {
        let secret = |id: &str| {
            self.directory
                .find(id)
                .map(|credential| Arc::clone(&credential.secret))
        };
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
}
