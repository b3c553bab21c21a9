//! Who means it: verifies the signature and names the principal. The only maker of [`Authenticated`].

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::request::Parts;
use policies::{AuthType, BreakGlass, PolicySet, Principal};

use crate::clock::Clock;
use crate::directory::Directory;
use crate::error::GatewayError;
use crate::s3::form::{Form, FormPolicy, FormSignature};
use crate::s3::{BucketName, Code, S3Request};
use crate::sigv2;
use crate::sigv4::{
    Form as SignatureForm, Payload, SECURITY_TOKEN, SecretKey, SignatureError, Verification,
    Verifier,
};
use crate::trail::Access;

/// A request whose signature was verified, with the principal who signed it. Not `Clone`, and nobody
/// else can make one:
///
/// ```compile_fail,E0451
/// # use gateway::{authenticate::Authenticated, s3::S3Request, sigv4::Payload};
/// # use std::sync::Arc;
/// fn forge(request: S3Request, principal: Arc<policies::Principal>) -> Authenticated<S3Request> {
///     Authenticated { request, principal, payload: Payload::Unsigned, proof: Default::default() }
/// }
/// ```
#[derive(Debug)]
pub struct Authenticated<T> {
    request: T,
    principal: Arc<Principal>,
    payload: Payload,
    proof: Proof,
}

/// How the principal proved itself, for policies that ask about it. What is not known is `None`.
#[derive(Debug, Clone, Default)]
pub struct Proof {
    /// Where the signature stood.
    pub auth_type: AuthType,
    /// When the client says it signed.
    pub signed_at: Option<SystemTime>,
    /// How long ago a second factor was shown; `None`: none was.
    pub mfa_age: Option<Duration>,
    /// How long ago the principal signed in.
    pub auth_age: Option<Duration>,
    /// How long the session was idle.
    pub idle: Option<Duration>,
    /// The policy of the session, which must permit as well.
    pub session_policy: Option<Arc<PolicySet>>,
    /// The declaration of an emergency that the request runs under.
    pub break_glass: Option<BreakGlass>,
    /// Distinct, fresh approvals of exactly this request.
    pub approvals: u32,
    /// The purpose of use.
    pub purpose: Option<String>,
    /// Whether the principal was not seen on this network before.
    pub novel_network: Option<bool>,
    /// Whether the principal was not seen with this device before.
    pub novel_device: Option<bool>,
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

    pub(crate) fn into_parts(self) -> (T, Arc<Principal>, Payload, Proof) {
        (self.request, self.principal, self.payload, self.proof)
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
        let signer = match request.form.take() {
            Some(mut form) => {
                let signer = self.signer_of_form(&request, &mut form)?;
                request.form = Some(form);
                signer
            }
            None => self.signer(&request)?,
        };
        if signer.session_token.is_some() {
            return Err(Code::InvalidArgument
                .because("Session tokens are not issued here; sign without x-amz-security-token.")
                .into());
        }
        let credential = self
            .directory
            .find(&signer.access_key_id)
            .ok_or(SignatureError::InvalidAccessKeyId)?;
        access.principal(&credential.principal, &signer.access_key_id);
        Ok(Authenticated {
            request,
            principal: Arc::clone(&credential.principal),
            payload: signer.payload,
            proof: Proof {
                auth_type: signer.auth_type,
                signed_at: signer.signed_at,
                ..Proof::default()
            },
        })
    }

    /// Whose signature it is, the session token that came with it, and how it covers the body.
    fn signer(&self, request: &S3Request) -> Result<Signer, GatewayError> {
        let secret = |id: &str| self.secret(id);
        let now = self.clock.now();
        match self.verifier.verify(&request.parts, now, &secret)? {
            Verification::Signed(verified) => Ok(Signer {
                access_key_id: verified.access_key_id,
                session_token: verified.session_token,
                payload: verified.payload,
                auth_type: auth_type(verified.form),
                signed_at: Some(verified.signed_at),
            }),
            Verification::Version2 => {
                let bucket = request.bucket.as_ref().filter(|_| request.bucket_in_host);
                let bucket = bucket.map(BucketName::as_str);
                let verified = self.version2.verify(&request.parts, bucket, now, &secret)?;
                Ok(Signer {
                    access_key_id: verified.access_key_id,
                    session_token: verified.session_token,
                    payload: verified.payload,
                    auth_type: auth_type(verified.form),
                    signed_at: None,
                })
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
        Ok(Signer {
            access_key_id,
            session_token,
            payload: Payload::Unsigned,
            auth_type: AuthType::Post,
            signed_at: None,
        })
    }

    fn secret(&self, access_key_id: &str) -> Option<Arc<SecretKey>> {
        let found = self.directory.find(access_key_id);
        found.map(|credential| Arc::clone(&credential.secret))
    }
}

/// Whose signature it is, the session token that came with it, and how it covers the body.
struct Signer {
    access_key_id: String,
    session_token: Option<String>,
    payload: Payload,
    auth_type: AuthType,
    signed_at: Option<SystemTime>,
}

fn auth_type(form: SignatureForm) -> AuthType {
    match form {
        SignatureForm::Header => AuthType::Header,
        SignatureForm::Presigned => AuthType::Presigned,
    }
}

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
