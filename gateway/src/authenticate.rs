//! Who means it: verifies the signature and names the principal. The only maker of [`Authenticated`].

use std::sync::Arc;

use http::request::Parts;
use policies::Principal;

use crate::clock::Clock;
use crate::directory::{Directory, principal_of};
use crate::error::GatewayError;
use crate::s3::form::{Form, FormPolicy, FormSignature};
use crate::s3::{BucketName, Code, S3Error, S3Request};
use crate::sessions::{Ended, Liveness, Session, SessionKeys};
use crate::sigv2;
use crate::sigv4::{
    Claimed, Payload, SECURITY_TOKEN, SecretKey, SignatureError, Verification, Verifier,
};
use crate::trail::Access;

/// A request whose signature was verified, with the principal who signed it. Not `Clone`, and nobody
/// else can make one:
///
/// ```compile_fail,E0451
/// # use gateway::{authenticate::Authenticated, s3::S3Request, sigv4::Payload};
/// # use std::sync::Arc;
/// fn forge(request: S3Request, principal: Arc<policies::Principal>) -> Authenticated<S3Request> {
///     Authenticated { request, principal, session: None, payload: Payload::Unsigned }
/// }
/// ```
#[derive(Debug)]
pub struct Authenticated<T> {
    request: T,
    principal: Arc<Principal>,
    session: Option<Arc<Session>>,
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

    /// The session in which they asked; none for long-lived credentials.
    pub fn session(&self) -> Option<&Arc<Session>> {
        self.session.as_ref()
    }

    pub(crate) fn into_parts(self) -> (T, Arc<Principal>, Payload) {
        (self.request, self.principal, self.payload)
    }
}

/// Who called the Security Token Service with a signature.
#[derive(Debug)]
pub struct Caller {
    /// The credential's public half.
    pub access_key_id: String,
    /// Who acts with it.
    pub principal: Arc<Principal>,
    /// The session, where the credential is one's.
    pub session: Option<Arc<Session>>,
}

/// Verifies requests against the directory.
#[derive(Debug)]
pub struct Authenticator {
    verifier: Verifier,
    sts: Verifier,
    version2: sigv2::Verifier,
    directory: Arc<Directory>,
    sessions: Arc<SessionKeys>,
    liveness: Arc<Liveness>,
    clock: Clock,
}

/// A credential that a request names, and whom it stands for.
struct Identity {
    access_key_id: String,
    secret: Arc<SecretKey>,
    principal: Arc<Principal>,
    session: Option<Arc<Session>>,
}

impl Authenticator {
    /// An authenticator for clients that sign for `region`, with the credentials of `directory` or those of a session.
    /// `version2_headers`: whether `Authorization` headers of Signature Version 2 are verified; its presigned URLs and
    /// forms always are.
    pub fn new(
        region: &str,
        version2_headers: bool,
        directory: Arc<Directory>,
        (sessions, liveness): (Arc<SessionKeys>, Arc<Liveness>),
        clock: Clock,
    ) -> Self {
        Self {
            verifier: Verifier::new(vec![region.to_owned()]),
            sts: Verifier::for_sts(vec![region.to_owned()]),
            version2: sigv2::Verifier::new(version2_headers),
            directory,
            sessions,
            liveness,
            clock,
        }
    }

    /// Verifies one request. Whoever does not sign is refused: there is no anonymous access.
    pub async fn verify(
        &self,
        mut request: S3Request,
        access: &mut Access,
    ) -> Result<Authenticated<S3Request>, GatewayError> {
        let claimed = self.claimed(&request)?;
        let identity = self.identity(claimed.as_ref())?;
        let (signed, payload) = match request.form.take() {
            Some(mut form) => {
                let signer = self.signer_of_form(&request, &mut form, identity.as_ref())?;
                request.form = Some(form);
                signer
            }
            None => self.signer(&request, identity.as_ref())?,
        };
        let identity = proven(identity, claimed, &signed)?;
        access.principal(&identity.principal, &identity.access_key_id);
        self.check_alive(&identity).await?;
        Ok(Authenticated {
            request,
            principal: identity.principal,
            session: identity.session,
            payload,
        })
    }

    /// Verifies a call of the Security Token Service, whose body is in hand.
    pub async fn verify_sts(
        &self,
        parts: &Parts,
        body: &[u8],
        access: &mut Access,
    ) -> Result<Caller, GatewayError> {
        let claimed = self.sts.claimed_whole(parts, body);
        let identity = self.identity(claimed.as_ref())?;
        let secret = |id: &str| secret(identity.as_ref(), id);
        let verified = self
            .sts
            .verify_whole(parts, body, self.clock.now(), &secret)?
            .ok_or_else(|| {
                Code::AccessDenied.because(
                    "The request is not signed. Sign it with AWS Signature Version 4, in the Authorization header.",
                )
            })?;
        let signed = Claimed {
            access_key_id: verified.access_key_id,
            session_token: verified.session_token,
        };
        let identity = proven(identity, claimed, &signed)?;
        access.principal(&identity.principal, &identity.access_key_id);
        self.check_alive(&identity).await?;
        Ok(Caller {
            access_key_id: identity.access_key_id,
            principal: identity.principal,
            session: identity.session,
        })
    }

    /// The credential that a request names, before anything of it is believed.
    fn claimed(&self, request: &S3Request) -> Result<Option<Claimed>, S3Error> {
        let Some(form) = &request.form else {
            return Ok(self
                .verifier
                .claimed(&request.parts)
                .or_else(|| sigv2::claimed(&request.parts)));
        };
        let access_key_id = match form.signature()? {
            None => return Ok(None),
            Some(FormSignature::Version4(signed)) => Verifier::claimed_in(signed.credential),
            Some(FormSignature::Version2 { access_key_id, .. }) => Some(access_key_id.to_owned()),
        };
        Ok(access_key_id.map(|access_key_id| Claimed {
            access_key_id,
            session_token: form.field(SECURITY_TOKEN).map(str::to_owned),
        }))
    }

    /// Whom that credential stands for.
    fn identity(&self, claimed: Option<&Claimed>) -> Result<Option<Identity>, GatewayError> {
        let Some(claimed) = claimed else {
            return Ok(None);
        };
        let Some(token) = &claimed.session_token else {
            let found = self.directory.find(&claimed.access_key_id);
            return Ok(found.map(|credential| Identity {
                access_key_id: claimed.access_key_id.clone(),
                secret: Arc::clone(&credential.secret),
                principal: Arc::clone(&credential.principal),
                session: None,
            }));
        };
        let (session, secret) = self.sessions.open(token).map_err(|_| {
            Code::InvalidToken.because(
                "The provided token is malformed or otherwise not valid: it was not issued here.",
            )
        })?;
        let principal = principal_of(&session).ok_or_else(|| {
            Code::InvalidToken.because("The provided token names a role that is not known here.")
        })?;
        Ok(Some(Identity {
            access_key_id: session.access_key_id(),
            secret,
            principal: Arc::new(principal),
            session: Some(Arc::new(session)),
        }))
    }

    /// Refuses sessions that are over, presigned URLs of them included.
    async fn check_alive(&self, identity: &Identity) -> Result<(), GatewayError> {
        let Some(session) = &identity.session else {
            return Ok(());
        };
        let is_orphan = session
            .made_with
            .iter()
            .any(|id| !crate::sessions::is_session_id(id) && self.directory.find(id).is_none());
        let ended = if is_orphan {
            Err(Ended::Revoked)
        } else {
            self.liveness.check(session).await?
        };
        ended.map_err(|ended| {
            Code::ExpiredToken
                .because(format!("The provided token has expired: {ended}."))
                .into()
        })
    }

    /// Whose signature it is, and how it covers the body.
    fn signer(
        &self,
        request: &S3Request,
        identity: Option<&Identity>,
    ) -> Result<Signer, GatewayError> {
        let secret = |id: &str| secret(identity, id);
        let now = self.clock.now();
        match self.verifier.verify(&request.parts, now, &secret)? {
            Verification::Signed(verified) => {
                let signed = Claimed {
                    access_key_id: verified.access_key_id,
                    session_token: verified.session_token,
                };
                Ok((signed, verified.payload))
            }
            Verification::Version2 => {
                let bucket = request.bucket.as_ref().filter(|_| request.bucket_in_host);
                let bucket = bucket.map(BucketName::as_str);
                let verified = self.version2.verify(&request.parts, bucket, now, &secret)?;
                let signed = Claimed {
                    access_key_id: verified.access_key_id,
                    session_token: verified.session_token,
                };
                Ok((signed, verified.payload))
            }
            Verification::Anonymous { .. } => Err(Code::AccessDenied
                .because("The request is not signed, and nothing here is public. Sign it with AWS Signature Version 4.")
                .into()),
        }
    }

    /// Whose policy allows the form: its signature is right, and it allows every field of it.
    fn signer_of_form(
        &self,
        request: &S3Request,
        form: &mut Form,
        identity: Option<&Identity>,
    ) -> Result<Signer, GatewayError> {
        let secret = |id: &str| secret(identity, id);
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
        let signed = Claimed {
            access_key_id,
            session_token: form.field(SECURITY_TOKEN).map(str::to_owned),
        };
        Ok((signed, Payload::Unsigned))
    }
}

impl Caller {
    /// Whether the caller acts in this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.roles().iter().any(|own| own == role)
    }

    /// The roles that the caller acts in.
    pub fn roles(&self) -> Vec<String> {
        match &self.session {
            Some(session) => session.roles.clone(),
            None => vec![self.principal.role.name().to_owned()],
        }
    }

    /// Whether the caller is a person.
    pub fn is_human(&self) -> bool {
        self.session
            .as_ref()
            .is_some_and(|session| session.is_human)
    }
}

/// The credential whose signature was right, and how the body is covered.
type Signer = (Claimed, Payload);

/// The secret of the credential that a request names, and of no other.
fn secret(identity: Option<&Identity>, access_key_id: &str) -> Option<Arc<SecretKey>> {
    identity
        .filter(|identity| identity.access_key_id == access_key_id)
        .map(|identity| Arc::clone(&identity.secret))
}

/// The identity, if what the signature covers is what was looked up: the same key and the same session token.
fn proven(
    identity: Option<Identity>,
    claimed: Option<Claimed>,
    signed: &Claimed,
) -> Result<Identity, SignatureError> {
    let is_same = claimed.is_some_and(|claimed| claimed == *signed);
    identity
        .filter(|identity| is_same && identity.access_key_id == signed.access_key_id)
        .ok_or(SignatureError::InvalidAccessKeyId)
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
