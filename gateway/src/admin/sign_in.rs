//! Administrators whom an identity provider vouches for, and how fresh their second factor must be. It must not know
//! what is asked.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use sha2::{Digest as _, Sha256};

use super::credential::{AdminCredential, AdminPrincipal, AdminRole, person};
use super::{Admin, AdminError};
use crate::clock::Clock;
use crate::config::IdentityProviderConfig;
use crate::directory::Directory;
use crate::oidc::{Providers, ProvidersError, TokenError, WebIdentity};

/// Signs administrators in by tokens of identity providers.
#[derive(Debug)]
pub struct SignIn {
    providers: Providers,
    /// Tenants, whose users do not administer, and who vouches for those.
    directory: Arc<Directory>,
    /// Whether the claims of some make them security officers.
    names_officers: bool,
    clock: Clock,
}

impl SignIn {
    /// By these providers; `None` where there are none.
    pub fn declared(
        administrators: &[IdentityProviderConfig],
        directory: &Arc<Directory>,
        clock: &Clock,
    ) -> Result<Option<Self>, ProvidersError> {
        if administrators.is_empty() {
            return Ok(None);
        }
        Ok(Some(Self {
            providers: Providers::of_administrators(administrators, clock)?,
            directory: Arc::clone(directory),
            names_officers: administrators
                .iter()
                .flat_map(|provider| &provider.roles)
                .any(|rule| rule.role.parse() == Ok(AdminRole::SecurityOfficer)),
            clock: clock.clone(),
        }))
    }

    /// Who holds this token. The first rule that the claims fulfil gives the role.
    pub(super) async fn verify(&self, token: &str) -> Result<AdminPrincipal, AdminError> {
        let verified = self.providers.verify_administrator(token).await;
        let identity = verified.map_err(|error| refused(&error))?;
        let name = identity.principal().map_err(|error| refused(&error))?;
        let mut rules = identity.provider.config.roles.iter();
        let rule = rules.find(|rule| identity.fulfils(rule));
        // The configuration was checked for it.
        let role: Option<AdminRole> = rule.and_then(|rule| rule.role.parse().ok());
        let (Some(rule), Some(role)) = (rule, role) else {
            return Err(AdminError::forbidden(
                "No claim of the token gives a role of an administrator.",
                "Ask for a group that [[admin.identity_providers.roles]] names, and sign in again.",
            ));
        };
        self.refuse_users(&identity, &name).await?;
        identity
            .check_second_factor(self.clock.now())
            .map_err(|_| stale(identity.provider.config.mfa.oldest))?;
        Ok(AdminPrincipal {
            credential: id_of(&identity),
            name,
            role,
            tenant: rule.tenant.clone(),
            second_factor: identity.second_factor,
        })
    }

    /// Whoever is a user of a tenant has access to data, and does not administer.
    async fn refuse_users(&self, identity: &WebIdentity, name: &str) -> Result<(), AdminError> {
        let tenants = self.directory.tenants().await?;
        let tenants = tenants.iter();
        let looks: Vec<_> = tenants
            .map(|tenant| self.refuse_users_of(tenant, identity, name))
            .collect();
        let looks = stream::iter(looks).buffer_unordered(AT_ONCE);
        looks.try_collect().await
    }

    /// A tenant may have whoever administers by this name as a user of the same name, of that of the person alone, or of
    /// the one that a provider of the tenant's gives to the same subject.
    async fn refuse_users_of(
        &self,
        tenant: &str,
        identity: &WebIdentity,
        name: &str,
    ) -> Result<(), AdminError> {
        let settings = self.directory.settings(tenant).await?;
        let issuer = &identity.provider.config.issuer;
        let theirs = settings.identity_providers.iter();
        let theirs = theirs
            .filter(|provider| provider.issuer == *issuer)
            .filter_map(|provider| identity.principal_of(provider).ok());
        for user in theirs.chain([name.to_owned(), person(name).to_owned()]) {
            if self.directory.has_user(tenant, &user).await? {
                return Err(AdminError::forbidden(
                    &format!(
                        "{user} is a user of the tenant {tenant}, and users do not administer."
                    ),
                    "Administer with another account than that for working with data.",
                ));
            }
        }
        Ok(())
    }
}

impl Admin {
    /// Signs administrators in by tokens, too.
    #[must_use]
    pub fn with_sign_in(mut self, sign_in: Option<SignIn>) -> Self {
        self.credentials.sign_in = sign_in;
        self
    }

    /// Whether anybody is security officer, by a credential or by an identity provider's word.
    ///
    /// # Errors
    /// Where the credentials cannot be read.
    pub async fn has_security_officer(&self) -> Result<bool, AdminError> {
        let is_one = |role: AdminRole| role == AdminRole::SecurityOfficer;
        let named = self.credentials.sign_in.as_ref();
        if named.is_some_and(|sign_in| sign_in.names_officers)
            || self.credentials.declared().any(|one| is_one(one.role))
        {
            return Ok(true);
        }
        let kept = self.control.list::<AdminCredential>(&[]).await?;
        let mut good = kept.iter().filter(|kept| kept.value.revoked.is_none());
        Ok(good.any(|kept| is_one(kept.value.role)))
    }

    /// For decisions that several people take: where an identity provider vouches for administrators, only whoever
    /// showed it a second factor just now decides.
    pub(super) fn must_be_fresh(&self, principal: &AdminPrincipal) -> Result<(), AdminError> {
        if self.credentials.sign_in.is_none() {
            return Ok(());
        }
        let now = self.clock.now();
        let is_fresh = |shown: SystemTime| now.duration_since(shown).unwrap_or_default() <= FRESH;
        if principal.second_factor.is_some_and(is_fresh) {
            Ok(())
        } else {
            Err(stale(FRESH))
        }
    }
}

/// What stands for the person where names do not stand in clear.
fn id_of(identity: &WebIdentity) -> String {
    let issuer = &identity.provider.config.issuer;
    let whole = Sha256::digest(format!("{issuer}\n{}", identity.subject));
    let start: String = hex::encode(whole).chars().take(16).collect();
    format!("oidc_{start}")
}

/// RFC 9470: sign in again.
fn stale(oldest: Duration) -> AdminError {
    AdminError::step_up(oldest)
}

fn refused(error: &TokenError) -> AdminError {
    match error {
        TokenError::ProviderDown { .. } => AdminError::new(
            http::StatusCode::SERVICE_UNAVAILABLE,
            "IdentityProviderDown",
            "The identity provider of administrators does not answer.",
            "Call again when it does, or use an admin credential.",
        ),
        _ => AdminError::new(
            http::StatusCode::UNAUTHORIZED,
            "InvalidCredential",
            &format!("{error}."),
            "Sign in at the identity provider, and send the token it gives as `Authorization: Bearer TOKEN`.",
        ),
    }
}

/// Tenants whose users are looked up at the same time.
const AT_ONCE: usize = 16;
/// How long ago the second factor of whoever asks for leave, or gives it, may have been shown.
pub(super) const FRESH: Duration = Duration::from_mins(15);
