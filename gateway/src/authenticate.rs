//! Who means it: verifies the signature and names the principal. The only maker of [`Authenticated`].

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use audit::Act;
use http::request::Parts;
use policies::{AuthType, BreakGlass, Kind, PolicySet, Principal};

use crate::clock::Clock;
use crate::connection::Connection;
use crate::directory::{Directory, principal_of};
use crate::error::GatewayError;
use crate::s3::form::{Form, FormPolicy, FormSignature};
use crate::s3::{BucketName, Code, S3Error, S3Request};
use crate::sessions::{Ended, Liveness, Restrictions, Session, SessionKeys};
use crate::sigv2;
use crate::sigv4::{
    Claimed, Form as SignatureForm, Payload, SECURITY_TOKEN, SecretKey, SignatureError,
    Verification, Verifier,
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
    /// The policies of the session, each of which must permit as well.
    pub session_policies: Vec<Arc<PolicySet>>,
    /// The declaration of an emergency that the request runs under.
    pub break_glass: Option<BreakGlass>,
    /// Distinct, fresh approvals of exactly this request.
    pub approvals: u32,
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
    restrictions: Restrictions,
    clock: Clock,
}

/// A credential that a request names, and whom it stands for.
struct Identity {
    access_key_id: String,
    secret: Arc<SecretKey>,
    principal: Arc<Principal>,
    session: Option<Arc<Session>>,
    /// Why it is not good here and now, though the secret is right.
    unfit: Option<S3Error>,
}

/// From where a request came.
#[derive(Debug, Clone, Copy)]
struct Origin<'r> {
    peer: Option<IpAddr>,
    certificate: Option<&'r str>,
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
            restrictions: Restrictions::default(),
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
        let origin = origin_of(&request.parts, request.peer);
        let identity = self.identity(claimed.as_ref(), origin).await?;
        let signer = match request.form.take() {
            Some(mut form) => {
                let signer = self.signer_of_form(&request, &mut form, identity.as_ref())?;
                request.form = Some(form);
                signer
            }
            None => self.signer(&request, identity.as_ref())?,
        };
        let identity = proven(identity, claimed, &signer.signed)?;
        access.principal(&identity.principal, &identity.access_key_id);
        let idle = self.admit(&identity, access).await?;
        let mut proof = self.proof(&identity).await?;
        if let Some(emergency) = &proof.break_glass {
            access.emergency(&emergency.id);
        }
        proof.auth_type = signer.auth_type;
        proof.signed_at = signer.signed_at;
        proof.idle = idle;
        Ok(Authenticated {
            request,
            principal: identity.principal,
            payload: signer.payload,
            proof,
        })
    }

    /// Verifies a call of the Security Token Service, whose body is in hand.
    pub async fn verify_sts(
        &self,
        parts: &Parts,
        body: &[u8],
        peer: Option<IpAddr>,
        access: &mut Access,
    ) -> Result<Caller, GatewayError> {
        let claimed = self.sts.claimed_whole(parts, body);
        let origin = origin_of(parts, peer);
        let identity = self.identity(claimed.as_ref(), origin).await?;
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
        self.admit(&identity, access).await?;
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
    async fn identity(
        &self,
        claimed: Option<&Claimed>,
        origin: Origin<'_>,
    ) -> Result<Option<Identity>, GatewayError> {
        let Some(claimed) = claimed else {
            return Ok(None);
        };
        if let Some(token) = &claimed.session_token {
            return self.identity_in_session(token).map(Some);
        }
        let found = self.directory.find(&claimed.access_key_id).await?;
        Ok(found.map(|credential| Identity {
            access_key_id: claimed.access_key_id.clone(),
            secret: Arc::clone(&credential.secret),
            principal: Arc::clone(&credential.principal),
            session: None,
            unfit: credential
                .unfit(origin.peer, origin.certificate, self.clock.now())
                .map(|why| Code::AccessDenied.because(why)),
        }))
    }

    fn identity_in_session(&self, token: &str) -> Result<Identity, GatewayError> {
        let (session, secret) = self.sessions.open(token).map_err(|_| {
            Code::InvalidToken.because(
                "The provided token is malformed or otherwise not valid: it was not issued here.",
            )
        })?;
        Ok(Identity {
            access_key_id: session.access_key_id(),
            secret,
            principal: Arc::new(principal_of(&session)),
            session: Some(Arc::new(session)),
            unfit: None,
        })
    }

    /// Lets in whoever is neither disabled nor here with a key that is not good here and now, nor in a session that is
    /// over; presigned URLs included. How long the session was idle, where that is known.
    async fn admit(
        &self,
        identity: &Identity,
        access: &mut Access,
    ) -> Result<Option<Duration>, GatewayError> {
        if let Some(unfit) = &identity.unfit {
            return Err(unfit.clone().into());
        }
        if !self.directory.lets_in(&identity.principal).await? {
            return Err(Code::AccessDenied
                .because("This user or its tenant is disabled.")
                .into());
        }
        self.liveness.used_by(&identity.principal).await;
        let Some(session) = &identity.session else {
            return Ok(None);
        };
        access.session(session);
        let checked = if self.is_orphan(session).await? {
            Err(Ended::Revoked)
        } else {
            self.liveness.check(session).await?
        };
        checked.map_err(|ended| {
            let act = match ended {
                Ended::Idle => Act::SessionIdle,
                Ended::Expired | Ended::Revoked => Act::SessionEnded,
            };
            access.acts(None, Some(act));
            Code::ExpiredToken
                .because(format!("The provided token has expired: {ended}."))
                .into()
        })
    }

    /// Whether a long-lived key that the session was made with is gone.
    async fn is_orphan(&self, session: &Session) -> Result<bool, GatewayError> {
        for id in &session.made_with {
            if !crate::sessions::is_session_id(id) && self.directory.find(id).await?.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// How the principal proved itself, but for what the signature says.
    async fn proof(&self, identity: &Identity) -> Result<Proof, GatewayError> {
        let now = self.clock.now();
        let age = |at: crate::sessions::Seconds| {
            let at = SystemTime::from(at);
            now.duration_since(at).unwrap_or_default()
        };
        let session = identity.session.as_deref();
        let restrictions = session.map_or(&[][..], |session| &session.policies);
        let mut session_policies = Vec::with_capacity(restrictions.len());
        for document in restrictions {
            let compiled = self.restrictions.compiled(document).await?;
            session_policies.push(compiled.map_err(|malformed| {
                Code::InvalidToken.because(format!(
                    "The policy of the session is not understood here, so the session may do nothing: {malformed}."
                ))
            })?);
        }
        Ok(Proof {
            session_policies,
            mfa_age: session.and_then(|session| session.second_factor).map(age),
            auth_age: session.and_then(|session| session.signed_in).map(age),
            break_glass: self.directory.emergency(&identity.principal).await?,
            ..Proof::default()
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
                Ok(Signer {
                    signed: Claimed {
                        access_key_id: verified.access_key_id,
                        session_token: verified.session_token,
                    },
                    payload: verified.payload,
                    auth_type: auth_type(verified.form),
                    signed_at: Some(verified.signed_at),
                })
            }
            Verification::Version2 => {
                let bucket = request.bucket.as_ref().filter(|_| request.bucket_in_host);
                let bucket = bucket.map(BucketName::as_str);
                let verified = self.version2.verify(&request.parts, bucket, now, &secret)?;
                Ok(Signer {
                    signed: Claimed {
                        access_key_id: verified.access_key_id,
                        session_token: verified.session_token,
                    },
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
        Ok(Signer {
            signed,
            payload: Payload::Unsigned,
            auth_type: AuthType::Post,
            signed_at: None,
        })
    }
}

impl Caller {
    /// Whether the caller acts in this role.
    pub fn has_role(&self, role: &str) -> bool {
        self.principal.roles.contains(role)
    }

    /// The roles that the caller acts in.
    pub fn roles(&self) -> Vec<String> {
        self.principal.roles.iter().cloned().collect()
    }

    /// Whether the caller is a person.
    pub fn is_human(&self) -> bool {
        self.principal.kind == Kind::Human
    }
}

/// The credential whose signature was right, where it stood, and how the body is covered.
struct Signer {
    signed: Claimed,
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

fn origin_of(parts: &Parts, peer: Option<IpAddr>) -> Origin<'_> {
    let connection = parts.extensions.get::<Connection>();
    Origin {
        peer,
        certificate: connection.and_then(|connection| connection.client_cert_fp.as_deref()),
    }
}

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
