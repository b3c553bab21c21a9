//! `OpenID` Connect: is this token one of a tenant's identity provider, meant for us, and good now? It must not know
//! sessions, credentials or S3.
//!
//! `OpenID` Connect Core 1.0 §3.1.3.7 and RFC 8725 (best practices for JWTs) say what to check; [`token`] checks it,
//! [`keys`] keeps the providers' public keys.

mod fetch;
mod json;
mod keys;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use moka::sync::Cache;
use serde_json::Value;

use crate::clock::Clock;
use crate::config::{IdentityProviderConfig, RoleRule, TenantConfig, TenantSettings, TlsError};
use crate::directory::Directory;
use crate::error::GatewayError;
use crate::s3::Code;
use fetch::Fetch;
use keys::ProviderKeys;
use token::Unverified;

/// Why a token is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// It is no token, or none of a kind that is taken here.
    #[error("the token is refused: {0}")]
    Invalid(String),
    /// It was good once.
    #[error("the token expired")]
    Expired,
    /// It is good, and what it claims is not enough.
    #[error("the token's claims are refused: {0}")]
    Claims(String),
    /// The provider's keys cannot be had.
    #[error("the identity provider {provider} does not answer")]
    ProviderDown {
        /// Its name here.
        provider: String,
    },
}

/// All identity providers of all tenants.
#[derive(Debug)]
pub struct Providers {
    by_tenant: BTreeMap<String, Several>,
    /// Tenants that the configuration does not declare.
    directory: Option<Arc<Directory>>,
    /// Their providers, with the settings that they were made from.
    made: Cache<String, (Arc<TenantSettings>, Several)>,
    clock: Clock,
}

/// The identity providers of one tenant.
type Several = Arc<[Arc<Provider>]>;

/// An identity provider of a tenant.
#[derive(Debug)]
pub struct Provider {
    /// What was declared.
    pub config: IdentityProviderConfig,
    keys: ProviderKeys,
}

/// Whom a token stands for.
#[derive(Debug, Clone)]
pub struct WebIdentity {
    /// Who vouches.
    pub provider: Arc<Provider>,
    /// The subject, as the provider names it (`sub`).
    pub subject: String,
    /// Which of the provider's audiences it is meant for.
    pub audience: String,
    /// The token's id, where it has one.
    pub token_id: Option<String>,
    /// When the token ends.
    pub expires: SystemTime,
    /// When the subject signed in.
    pub signed_in: Option<SystemTime>,
    /// How: `amr`.
    pub methods: Vec<String>,
    /// When a second factor was shown, if one was.
    pub second_factor: Option<SystemTime>,
    claims: serde_json::Map<String, Value>,
}

impl Providers {
    /// The providers that the tenants declare. Nothing is asked of them yet.
    pub fn declared(tenants: &[TenantConfig], clock: &Clock) -> Result<Self, ProvidersError> {
        let of_tenants = tenants
            .iter()
            .map(|tenant| (tenant.id.as_str(), tenant.identity_providers.as_slice()));
        Self::of(of_tenants, clock)
    }

    /// The providers that vouch for administrators, who are of no tenant.
    pub fn of_administrators(
        declared: &[IdentityProviderConfig],
        clock: &Clock,
    ) -> Result<Self, ProvidersError> {
        Self::of([(NO_TENANT, declared)], clock)
    }

    fn of<'c>(
        declared: impl IntoIterator<Item = (&'c str, &'c [IdentityProviderConfig])>,
        clock: &Clock,
    ) -> Result<Self, ProvidersError> {
        let mut by_tenant = BTreeMap::new();
        for (tenant, configs) in declared {
            by_tenant.insert(tenant.to_owned(), providers_of(configs, clock)?);
        }
        Ok(Self {
            by_tenant,
            directory: None,
            made: Cache::new(MOST_MADE),
            clock: clock.clone(),
        })
    }

    /// And those of the tenants in this directory that the configuration does not declare.
    #[must_use]
    pub fn and_of(self, directory: Arc<Directory>) -> Self {
        let directory = Some(directory);
        Self { directory, ..self }
    }

    /// A tenant's; an empty list where nobody vouches for anybody.
    async fn of_tenant(&self, tenant: &str) -> Result<Several, GatewayError> {
        if let Some(declared) = self.by_tenant.get(tenant) {
            return Ok(Arc::clone(declared));
        }
        let Some(directory) = &self.directory else {
            return Ok(Arc::default());
        };
        let settings = directory.settings(tenant).await?;
        if let Some((from, known)) = self.made.get(tenant)
            && Arc::ptr_eq(&from, &settings)
        {
            return Ok(known);
        }
        let made = providers_of(&settings.identity_providers, &self.clock).map_err(|error| {
            tracing::error!(
                error = crate::error::report(&error),
                "a tenant's identity providers cannot be asked"
            );
            Code::IdpCommunicationError
                .because("The tenant's identity providers cannot be asked now.")
        })?;
        // Strangers name tenants that there are not; those take no room.
        if !made.is_empty() {
            let kept = (settings, Arc::clone(&made));
            self.made.insert(tenant.to_owned(), kept);
        }
        Ok(made)
    }

    /// Whom a token stands for among administrators.
    pub async fn verify_administrator(&self, token: &str) -> Result<WebIdentity, TokenError> {
        let none: Several = Arc::default();
        let providers = self.by_tenant.get(NO_TENANT).unwrap_or(&none);
        self.verify_by(providers, token).await
    }

    /// Whom a token stands for in a tenant, if one of its providers made it and it is good now.
    pub async fn verify(
        &self,
        tenant: &str,
        token: &str,
    ) -> Result<Result<WebIdentity, TokenError>, GatewayError> {
        let providers = self.of_tenant(tenant).await?;
        Ok(self.verify_by(&providers, token).await)
    }

    async fn verify_by(
        &self,
        providers: &[Arc<Provider>],
        token: &str,
    ) -> Result<WebIdentity, TokenError> {
        let unverified = Unverified::parse(token)?;
        let provider = chosen(providers, &unverified)?;
        let key = provider
            .keys
            .find(unverified.key_id(), unverified.algorithm())
            .await?;
        let claims = unverified.verify(&key)?;
        claims.identity(provider, self.clock.now())
    }
}

/// Issuer and audience choose whose key is asked; the rest of the claims is looked at once the signature is right.
fn chosen(
    providers: &[Arc<Provider>],
    token: &Unverified<'_>,
) -> Result<Arc<Provider>, TokenError> {
    let issuer = token.issuer()?;
    let mut of_issuer = providers
        .iter()
        .filter(|provider| provider.config.issuer == issuer)
        .peekable();
    if of_issuer.peek().is_none() {
        return Err(TokenError::Invalid(
            "its issuer is no identity provider of this tenant".to_owned(),
        ));
    }
    let audiences = token.audiences()?;
    of_issuer
        .find(|provider| {
            let ours = &provider.config.audiences;
            audiences.iter().any(|audience| ours.contains(audience))
        })
        .cloned()
        .ok_or_else(|| TokenError::Invalid("it is meant for another audience".to_owned()))
}

fn providers_of(
    configs: &[IdentityProviderConfig],
    clock: &Clock,
) -> Result<Several, ProvidersError> {
    let provider = |config: &IdentityProviderConfig| {
        let fetch = Fetch::new(config.ca_file.as_deref())?;
        Ok(Arc::new(Provider {
            keys: ProviderKeys::new(config, fetch, clock.clone()),
            config: config.clone(),
        }))
    };
    configs.iter().map(provider).collect()
}

impl WebIdentity {
    /// The principal's name here: `provider/subject`.
    pub fn principal(&self) -> Result<String, TokenError> {
        self.principal_of(&self.provider.config)
    }

    /// The name that the same person has where this provider vouches for it.
    pub fn principal_of(&self, config: &IdentityProviderConfig) -> Result<String, TokenError> {
        let subject = match config.principal_claim.as_str() {
            "sub" => self.subject.as_str(),
            claim => self
                .claims
                .get(claim)
                .and_then(Value::as_str)
                .ok_or_else(|| {
                    TokenError::Claims(format!(
                        "the claim {claim}, which names the principal, is missing"
                    ))
                })?,
        };
        if subject.is_empty() || subject.len() > LONGEST_NAME || subject.contains(char::is_control)
        {
            return Err(TokenError::Claims(format!(
                "the claim {} is no name: 1 to {LONGEST_NAME} bytes without control characters",
                config.principal_claim
            )));
        }
        Ok(format!("{}/{subject}", config.name))
    }

    /// Whether the claims give this role.
    pub fn has_role(&self, role: &str) -> bool {
        let mut rules = self.provider.config.roles.iter();
        rules.any(|rule| rule.role == role && self.fulfils(rule))
    }

    /// Whether the claims are those that a rule asks for.
    pub fn fulfils(&self, rule: &RoleRule) -> bool {
        let mut values = rule.values.iter();
        values.any(|value| self.claims_hold(&rule.claim, value))
    }

    /// The claims that policies are told of, as text: those of the configuration that the token has.
    pub fn attributes(&self) -> BTreeMap<String, String> {
        let wanted = self.provider.config.claims.iter();
        wanted
            .filter_map(|claim| {
                let text = match self.claims.get(claim)? {
                    Value::String(text) => text.clone(),
                    value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
                    Value::Null | Value::Array(_) | Value::Object(_) => return None,
                };
                Some((claim.clone(), text))
            })
            .collect()
    }

    /// The texts of a claim that is a list of texts, or one text.
    pub fn texts(&self, claim: &str) -> Vec<String> {
        token::texts(self.claims.get(claim))
    }

    /// Refuses people who showed no second factor, or too long ago, where one is required.
    pub fn check_second_factor(&self, now: SystemTime) -> Result<(), TokenError> {
        let mfa = &self.provider.config.mfa;
        let age = |shown: SystemTime| now.duration_since(shown).unwrap_or_default();
        match self.second_factor {
            _ if !mfa.required => Ok(()),
            Some(shown) if age(shown) <= mfa.oldest => Ok(()),
            Some(_) => Err(TokenError::Claims(format!(
                "the second factor was shown more than {} s ago (auth_time); sign in again",
                mfa.oldest.as_secs()
            ))),
            None => Err(TokenError::Claims(
                "no second factor was shown (amr, acr and auth_time); sign in with one".to_owned(),
            )),
        }
    }

    fn claims_hold(&self, claim: &str, value: &str) -> bool {
        self.texts(claim).iter().any(|text| text == value)
    }
}

/// Why providers cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum ProvidersError {
    /// The authorities given for a provider's certificate.
    #[error("the authorities for an identity provider's certificate cannot be used")]
    Authorities(#[from] TlsError),
    /// The machine's certificates.
    #[error("the machine's root certificates cannot be read")]
    Certificates(#[from] std::io::Error),
}

/// Where the providers of administrators stand; no tenant's id is empty.
const NO_TENANT: &str = "";
const MOST_MADE: u64 = 1000;
/// How far clocks may be apart.
const SKEW: Duration = Duration::from_mins(1);
/// Bytes; what the trail keeps of a principal's name is longer.
const LONGEST_NAME: usize = 255;

#[cfg(test)]
mod tests;
