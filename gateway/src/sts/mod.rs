//! The Security Token Service: short-lived credentials for a token of an identity provider, or for long-lived ones. Its
//! shapes are those of AWS (API version 2011-06-15), so that SDKs use it unmodified, on the endpoint of S3.
//!
//! It decides who gets a session and what the session says; whether one is still good, and what it may do, is decided
//! elsewhere.

mod answer;
mod arn;
mod request;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::request::Parts;
use http::{HeaderValue, Response, header};
use policies::compile_session_policy;
use uuid::Uuid;

use crate::authenticate::{Authenticator, Caller};
use crate::body::{Answer, Upload};
use crate::clock::Clock;
use crate::compiled_policies::apart;
use crate::config::{IdentityKind, IdentityProviderConfig};
use crate::directory::{Directory, RoleBounds};
use crate::error::GatewayError;
use crate::oidc::{Providers, TokenError, WebIdentity};
use crate::s3::Code;
use crate::sessions::{
    Credentials, Liveness, RevokeError, Seconds, Session, SessionKeys, TOKEN_CHARACTERS,
};
use crate::trail::Access;

pub use answer::error_document;
pub use request::is_meant;

use arn::RoleArn;
use request::{Action, StsRequest};

/// Issues sessions.
#[derive(Debug)]
pub struct Sts {
    providers: Providers,
    /// Who vouches for administrators, who get no sessions.
    administrators: Vec<IdentityProviderConfig>,
    directory: Arc<Directory>,
    keys: Arc<SessionKeys>,
    liveness: Arc<Liveness>,
    clock: Clock,
}

impl Sts {
    /// Issues sessions under `keys` to whom `providers` vouch for.
    pub fn new(
        (providers, directory): (Providers, Arc<Directory>),
        keys: Arc<SessionKeys>,
        liveness: Arc<Liveness>,
        clock: Clock,
    ) -> Self {
        Self {
            providers,
            administrators: Vec::new(),
            directory,
            keys,
            liveness,
            clock,
        }
    }

    /// Gives none to whom these providers' claims make administrators.
    #[must_use]
    pub fn without(self, administrators: Vec<IdentityProviderConfig>) -> Self {
        Self {
            administrators,
            ..self
        }
    }

    /// Answers one call.
    pub async fn answer(
        &self,
        authenticator: &Authenticator,
        (parts, body): (&Parts, &Upload),
        peer: Option<IpAddr>,
        access: &mut Access,
    ) -> Result<Response<Answer>, GatewayError> {
        let body = body.read_whole(LONGEST_BODY).await?;
        let request = StsRequest::parse(&body)?;
        access.sts(request.action.operation());
        let id = access.request_id();
        let id = id.as_str();
        let document = match request.action {
            Action::AssumeRoleWithWebIdentity => self.web_identity(&request, id, access).await?,
            Action::AssumeRole => {
                let caller = authenticator.verify_sts(parts, &body, peer, access).await?;
                self.assume_role(&request, &caller, id).await?
            }
            Action::GetSessionToken => {
                let caller = authenticator.verify_sts(parts, &body, peer, access).await?;
                self.session_token(&request, &caller, id).await?
            }
            Action::GetCallerIdentity => {
                let caller = authenticator.verify_sts(parts, &body, peer, access).await?;
                answer::caller_identity(&caller, id)
            }
        };
        access.permitted_by("sts");
        let mut response = Response::new(Answer::Ready(document.into()));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/xml;charset=utf-8"),
        );
        Ok(response)
    }

    /// For somebody an identity provider vouches for.
    async fn web_identity(
        &self,
        request: &StsRequest,
        id: &str,
        access: &mut Access,
    ) -> Result<String, GatewayError> {
        let arn = RoleArn::parse(request.required("RoleArn")?)?;
        let name = request.session_name()?;
        let token = request.required("WebIdentityToken")?;
        let now = self.clock.now();
        // A stranger's word makes no tenant: the trail names those that there are.
        if self.directory.tenant(&arn.tenant).await?.is_some() {
            access.tenant_of(&arn.tenant);
        }
        let identity = self
            .providers
            .verify(&arn.tenant, token)
            .await?
            .map_err(refused)?;
        let principal = identity.principal().map_err(refused)?;
        access.acts_as(&principal);
        self.check_welcome(&identity, (&arn.tenant, &principal))
            .await?;
        if !identity.has_role(&arn.role) {
            return Err(Code::AccessDenied
                .because(format!(
                    "Not authorized to perform sts:AssumeRoleWithWebIdentity: no claim of the token gives the role {}.",
                    arn.role
                ))
                .into());
        }
        identity.check_second_factor(now).map_err(refused)?;
        let config = &identity.provider.config;
        let roles = [arn.role.clone()].into();
        let bounds = self.directory.role_bounds(&arn.tenant, &roles).await?;
        let (usual, longest) = (config.session.usual, config.session.longest);
        let lasts = request.duration(bounds.shorten(usual), bounds.shorten(longest))?;
        let mut session = session_of(&identity, &arn, principal, name, (now, lasts));
        session.idle = bounds.idle_seconds(session.idle);
        session.policies.extend(restriction(request).await?);
        let credentials = self.issue(&session)?;
        self.take_once(&identity, &session).await?;
        access.session_begins(&credentials.access_key_id);
        Ok(answer::web_identity(&identity, &session, &credentials, id))
    }

    /// Refuses whoever is disabled here, and strangers where only users that an administrator has made are welcome.
    async fn check_welcome(
        &self,
        identity: &WebIdentity,
        (tenant, principal): (&str, &str),
    ) -> Result<(), GatewayError> {
        let issuer = &identity.provider.config.issuer;
        let administers = |one: &IdentityProviderConfig| {
            one.issuer == *issuer && one.roles.iter().any(|rule| identity.fulfils(rule))
        };
        if self.administrators.iter().any(administers) {
            return Err(Code::AccessDenied
                .because(format!(
                    "The claims of {principal} make an administrator, and administrators have no access to data."
                ))
                .into());
        }
        let somebody = policies::Principal::with_roles(tenant, principal, [""; 0]);
        let is_welcome = !identity.provider.config.invited_only
            || self.directory.knows(tenant, principal).await?;
        if is_welcome && self.directory.lets_in(&somebody).await? {
            return Ok(());
        }
        Err(Code::AccessDenied
            .because(format!(
                "{principal} is disabled, or was not invited: an administrator makes users with `sealgate user set`."
            ))
            .into())
    }

    /// Where the provider's tokens are good once, this is the once.
    async fn take_once(
        &self,
        identity: &WebIdentity,
        session: &Session,
    ) -> Result<(), GatewayError> {
        let config = &identity.provider.config;
        let Some(token_id) = identity.token_id.as_deref().filter(|_| config.single_use) else {
            return Ok(());
        };
        let who = (session.tenant.as_str(), session.principal.as_str());
        let taken = self
            .liveness
            .take(who, (&config.issuer, token_id), identity.expires)
            .await;
        match taken {
            Ok(()) => Ok(()),
            Err(RevokeError::Replayed) => Err(Code::InvalidIdentityToken
                .because(
                    "The token was used already (jti); get a new one from the identity provider.",
                )
                .into()),
            Err(RevokeError::Control(error)) => Err(error.into()),
        }
    }

    /// For somebody who has credentials, in one of their roles.
    async fn assume_role(
        &self,
        request: &StsRequest,
        caller: &Caller,
        id: &str,
    ) -> Result<String, GatewayError> {
        let arn = RoleArn::parse(request.required("RoleArn")?)?;
        let name = request.session_name()?;
        request.refuse_devices()?;
        if caller
            .session
            .as_ref()
            .is_some_and(|session| session.made_with.len() >= LONGEST_CHAIN)
        {
            return Err(Code::AccessDenied
                .because(format!(
                    "Roles are assumed from roles at most {LONGEST_CHAIN} times in a row."
                ))
                .into());
        }
        if arn.tenant != caller.principal.tenant || !caller.has_role(&arn.role) {
            return Err(Code::AccessDenied
                .because(format!(
                    "Not authorized to perform sts:AssumeRole: the role {} is none of {}'s.",
                    arn.role, caller.principal.name
                ))
                .into());
        }
        let roles = vec![arn.role.clone()];
        let bounds = self.bounds(caller, &roles).await?;
        let lasts = request.duration(bounds.shorten(USUAL), bounds.shorten(LONGEST_ROLE))?;
        let mut session = self.continued(caller, roles, name.to_owned(), lasts);
        session.idle = bounds.idle_seconds(session.idle);
        session.policies.extend(restriction(request).await?);
        let credentials = self.issue(&session)?;
        Ok(answer::assume_role(&session, &credentials, id))
    }

    /// For somebody who has long-lived credentials, in all of their roles.
    async fn session_token(
        &self,
        request: &StsRequest,
        caller: &Caller,
        id: &str,
    ) -> Result<String, GatewayError> {
        request.refuse_devices()?;
        request.refuse_policies()?;
        if caller.session.is_some() {
            return Err(Code::AccessDenied
                .because("Cannot call GetSessionToken with session credentials.")
                .into());
        }
        let bounds = self.bounds(caller, &caller.roles()).await?;
        let lasts = request.duration(bounds.shorten(USUAL_TOKEN), bounds.shorten(LONGEST_TOKEN))?;
        let mut session = self.continued(caller, caller.roles(), String::new(), lasts);
        session.idle = bounds.idle_seconds(session.idle);
        let credentials = self.issue(&session)?;
        Ok(answer::session_token(&credentials, id))
    }

    /// How long sessions of theirs in these roles last.
    async fn bounds(&self, caller: &Caller, roles: &[String]) -> Result<RoleBounds, GatewayError> {
        let roles = roles.iter().cloned().collect();
        let tenant = &caller.principal.tenant;
        Ok(self.directory.role_bounds(tenant, &roles).await?)
    }

    /// The credentials of a session that a header and a URL can carry.
    fn issue(&self, session: &Session) -> Result<Credentials, GatewayError> {
        let issued = self.keys.issue(session)?;
        if issued.session_token.len() > TOKEN_CHARACTERS {
            return Err(Code::PackedPolicyTooLarge
                .because(format!(
                    "The session token would have {} characters, and {TOKEN_CHARACTERS} are the most: the policies of the session and of those it was made in, and what is known of the principal, stand in it. Shorten the policy.",
                    issued.session_token.len()
                ))
                .into());
        }
        Ok(issued)
    }

    /// A session of the same principal, which never outlives the one it was made in, nor claims another sign-in.
    fn continued(
        &self,
        caller: &Caller,
        roles: Vec<String>,
        name: String,
        lasts: Duration,
    ) -> Session {
        let now = self.clock.now();
        let ends: Seconds = now.checked_add(lasts).unwrap_or(now).into();
        let fresh = Session {
            id: Uuid::new_v4(),
            tenant: caller.principal.tenant.clone(),
            principal: caller.principal.name.clone(),
            is_human: caller.is_human(),
            roles: roles.clone(),
            groups: Vec::new(),
            attributes: std::collections::BTreeMap::new(),
            name: name.clone(),
            made_with: vec![caller.access_key_id.clone()],
            issued: now.into(),
            expires: ends,
            idle: None,
            signed_in: None,
            methods: Vec::new(),
            second_factor: None,
            policies: Vec::new(),
        };
        match &caller.session {
            None => fresh,
            Some(session) => Session {
                id: fresh.id,
                roles,
                name,
                // Revoked with the session it comes from: to revocations it is as old.
                issued: session.issued,
                expires: ends.min(session.expires),
                made_with: [session.made_with.as_slice(), &fresh.made_with].concat(),
                ..Session::clone(session)
            },
        }
    }
}

/// The session of somebody an identity provider vouches for.
fn session_of(
    identity: &WebIdentity,
    arn: &RoleArn,
    principal: String,
    name: &str,
    (now, lasts): (SystemTime, Duration),
) -> Session {
    let config = &identity.provider.config;
    Session {
        id: Uuid::new_v4(),
        tenant: arn.tenant.clone(),
        principal,
        is_human: config.kind == IdentityKind::Human,
        roles: vec![arn.role.clone()],
        groups: identity.texts("groups"),
        attributes: identity.attributes(),
        name: name.to_owned(),
        made_with: Vec::new(),
        issued: now.into(),
        expires: now.checked_add(lasts).unwrap_or(now).into(),
        idle: config
            .session
            .idle
            .and_then(|idle| u32::try_from(idle.as_secs()).ok()),
        signed_in: identity.signed_in.map(Seconds::from),
        methods: identity.methods.clone(),
        second_factor: identity.second_factor.map(Seconds::from),
        policies: Vec::new(),
    }
}

/// What the session is to be restricted to, if it is understood in full.
async fn restriction(request: &StsRequest) -> Result<Option<String>, GatewayError> {
    let Some(document) = request.policy()? else {
        return Ok(None);
    };
    let text = document.to_owned();
    match apart(move || compile_session_policy(text.as_bytes())).await? {
        Ok(_) => Ok(Some(document.to_owned())),
        Err(malformed) => Err(Code::MalformedPolicyDocument
            .because(format!("The policy is refused: {malformed}."))
            .into()),
    }
}

/// What a client is told of a token that is refused.
fn refused(error: TokenError) -> GatewayError {
    let (code, words): (Code, String) = match &error {
        TokenError::Expired => (
            Code::ExpiredTokenException,
            "The token has expired; get a new one from the identity provider.".to_owned(),
        ),
        TokenError::Claims(why) => (
            Code::IdpRejectedClaim,
            format!("The token is refused: {why}."),
        ),
        TokenError::Invalid(why) => (
            Code::InvalidIdentityToken,
            format!("The token is refused: {why}."),
        ),
        TokenError::ProviderDown { .. } => (
            Code::IdpCommunicationError,
            "The identity provider does not answer; please try again.".to_owned(),
        ),
    };
    GatewayError::Request(code.because(words))
}

/// Credentials, in every answer that has some.
pub(super) type Issued<'c> = &'c Credentials;

/// Bytes: a token and a policy, encoded.
const LONGEST_BODY: usize = 128 * 1024;
/// Each link stands in the token.
const LONGEST_CHAIN: usize = 3;
/// What AWS gives and allows.
const USUAL: Duration = Duration::from_hours(1);
const LONGEST_ROLE: Duration = Duration::from_hours(12);
const USUAL_TOKEN: Duration = Duration::from_hours(12);
const LONGEST_TOKEN: Duration = Duration::from_hours(36);
