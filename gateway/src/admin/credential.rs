//! Admin credentials: bearer tokens of 256 random bits, of which only a hash is kept. It must not know what
//! they are used for.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kms_keys::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::AdminError;
use super::sign_in::SignIn;
use crate::clock::Clock;
use crate::control::{Control, ControlError, Document, Form};

/// What the holder of an admin credential may do; none of these roles reads or writes an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AdminRole {
    /// Decides about one tenant: its keys, its policy, its principals.
    TenantOwner,
    /// Looks after one tenant's users and their access keys.
    TenantAdmin,
    /// Ends sessions, takes access keys away and declares emergencies in one tenant.
    TenantHelpdesk,
    /// Decides about the deployment's security: keys of all tenants, credentials, approvals.
    SecurityOfficer,
    /// Runs the deployment: jobs, metrics, rotation by hand; no policy and no destruction.
    Operator,
    /// Sees settings, jobs, keys' metadata and approvals; changes nothing.
    Auditor,
}

impl AdminRole {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::TenantOwner,
        Self::TenantAdmin,
        Self::TenantHelpdesk,
        Self::SecurityOfficer,
        Self::Operator,
        Self::Auditor,
    ];

    /// Whether its holder administers one tenant only.
    pub fn is_of_one_tenant(self) -> bool {
        matches!(
            self,
            Self::TenantOwner | Self::TenantAdmin | Self::TenantHelpdesk
        )
    }

    /// The word in documents, configuration and commands.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TenantOwner => "tenant-owner",
            Self::TenantAdmin => "tenant-admin",
            Self::TenantHelpdesk => "tenant-helpdesk",
            Self::SecurityOfficer => "security-officer",
            Self::Operator => "operator",
            Self::Auditor => "auditor",
        }
    }
}

impl fmt::Display for AdminRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for AdminRole {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|role| role.as_str() == text);
        found.ok_or_else(|| {
            let roles = Self::ALL.map(Self::as_str).join(", ");
            format!("{text:?} is no role: {roles}")
        })
    }
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminPrincipal {
    /// The credential's id.
    pub credential: String,
    /// The name it was made for.
    pub name: String,
    /// What it may do.
    pub role: AdminRole,
    /// The one tenant of whoever administers one only.
    pub tenant: Option<String>,
    /// When a second factor was shown, if an identity provider says so.
    pub second_factor: Option<SystemTime>,
}

impl AdminPrincipal {
    /// Who it is, however it proved that: the name without that of an identity provider.
    pub(super) fn person(&self) -> &str {
        person(&self.name)
    }
}

/// A name without that of the identity provider that gave it: `staff/alice` is alice.
pub(super) fn person(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, subject)| subject)
}

/// An admin credential as it is kept: its hash, never the token.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AdminCredential {
    /// Who holds it.
    pub name: String,
    /// What it may do.
    pub role: AdminRole,
    /// The one tenant of whoever administers one only.
    pub tenant: Option<String>,
    /// SHA-256 of the token, in hexadecimal. The token has 256 random bits, so no slow hash is needed.
    pub sha256: String,
    /// When it was made.
    pub created: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
}

impl Document for AdminCredential {
    const FOLDER: &'static str = "admin-credentials";
    const FORM: Form = Form::Sealed;
}

/// A credential that a configuration declares; it cannot be revoked but there.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its id, which is in the token.
    pub id: String,
    /// Who holds it.
    pub name: String,
    /// What it may do.
    pub role: AdminRole,
    /// The one tenant of whoever administers one only.
    pub tenant: Option<String>,
    /// SHA-256 of the token, in hexadecimal.
    pub sha256: String,
}

/// `sga_<id>_<secret>`: 8 bytes in hexadecimal, 32 in base64url. Wiped on drop, never shown.
pub struct Token(Zeroizing<String>);

impl Token {
    /// A new one.
    pub fn random() -> Result<Self, std::io::Error> {
        let (mut id, mut secret) = ([0; 8], Zeroizing::new([0; 32]));
        getrandom::fill(&mut id).map_err(std::io::Error::other)?;
        getrandom::fill(secret.as_mut_slice()).map_err(std::io::Error::other)?;
        let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(secret.as_slice()));
        let token = format!("{PREFIX}{}_{}", hex::encode(id), secret.as_str());
        Ok(Self(Zeroizing::new(token)))
    }

    /// Its id.
    pub fn id(&self) -> &str {
        id_of(&self.0).unwrap_or_default()
    }

    /// What is kept of it.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.0.as_bytes()))
    }

    /// The token itself, to be told once.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token")
    }
}

/// The id in a token.
fn id_of(token: &str) -> Option<&str> {
    let (id, _) = token.strip_prefix(PREFIX)?.split_once('_')?;
    let is_hex = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_hex.then_some(id)
}

/// Makes a credential and keeps what is kept of it. Roles of a tenant have one; nobody else has one.
pub async fn create(
    control: &Control,
    clock: &Clock,
    name: &str,
    role: AdminRole,
    tenant: Option<&str>,
    by: &str,
) -> Result<Token, AdminError> {
    check(name, role, tenant)?;
    let token = Token::random().map_err(|_| AdminError::internal())?;
    let credential = AdminCredential {
        name: name.to_owned(),
        role,
        tenant: tenant.map(str::to_owned),
        sha256: token.sha256(),
        created: clock.now().into(),
        created_by: by.to_owned(),
        revoked: None,
    };
    control.create(&[token.id()], &credential).await?;
    Ok(token)
}

/// Whether name, role and tenant go together.
pub fn check(name: &str, role: AdminRole, tenant: Option<&str>) -> Result<(), AdminError> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@".contains(&byte);
    if name.is_empty() || name.len() > 64 || !name.bytes().all(good) {
        return Err(AdminError::invalid(
            "name: 1 to 64 letters, digits or _ - . @",
        ));
    }
    check_tenant(role, tenant)
}

/// Whether role and tenant go together: roles of a tenant have one, and nobody else has one.
pub fn check_tenant(role: AdminRole, tenant: Option<&str>) -> Result<(), AdminError> {
    match (role.is_of_one_tenant(), tenant) {
        (true, None) => Err(AdminError::invalid(&format!("tenant: a {role} has one"))),
        (true, Some(_)) | (false, None) => Ok(()),
        (false, Some(_)) => Err(AdminError::invalid(&format!(
            "tenant: a {role} is not of one tenant"
        ))),
    }
}

/// All credentials that are accepted.
#[derive(Debug)]
pub(super) struct Credentials {
    control: Control,
    declared: HashMap<String, Declared>,
    /// Identity providers, where some vouch for administrators.
    pub(super) sign_in: Option<SignIn>,
}

impl Credentials {
    pub(super) fn new(control: Control, declared: Vec<Declared>) -> Self {
        let declared = declared.into_iter().map(|one| (one.id.clone(), one));
        Self {
            control,
            declared: declared.collect(),
            sign_in: None,
        }
    }

    pub(super) fn declared(&self) -> impl Iterator<Item = &Declared> {
        self.declared.values()
    }

    /// Who holds the token in this value of `Authorization`.
    pub(super) async fn verify(
        &self,
        authorization: Option<&str>,
    ) -> Result<AdminPrincipal, AdminError> {
        let refused = AdminError::unauthenticated;
        let token = authorization.ok_or_else(refused)?;
        let token = token.strip_prefix("Bearer ").ok_or_else(refused)?.trim();
        if let Some(sign_in) = &self.sign_in
            && !token.starts_with(PREFIX)
        {
            return sign_in.verify(token).await;
        }
        let id = id_of(token).ok_or_else(refused)?;
        let (sha256, principal) = self.find(id).await?.ok_or_else(refused)?;
        let claimed = hex::encode(Sha256::digest(token.as_bytes()));
        if bool::from(claimed.as_bytes().ct_eq(sha256.as_bytes())) {
            Ok(principal)
        } else {
            Err(refused())
        }
    }

    /// The hash and the holder of a credential that is not revoked.
    async fn find(&self, id: &str) -> Result<Option<(String, AdminPrincipal)>, ControlError> {
        if let Some(declared) = self.declared.get(id) {
            let principal = AdminPrincipal {
                credential: declared.id.clone(),
                name: declared.name.clone(),
                role: declared.role,
                tenant: declared.tenant.clone(),
                second_factor: None,
            };
            return Ok(Some((declared.sha256.clone(), principal)));
        }
        let kept = self.control.get::<AdminCredential>(&[id]).await?;
        let good = kept.filter(|kept| kept.value.revoked.is_none());
        Ok(good.map(|kept| {
            let principal = AdminPrincipal {
                credential: id.to_owned(),
                name: kept.value.name.clone(),
                role: kept.value.role,
                tenant: kept.value.tenant.clone(),
                second_factor: None,
            };
            (kept.value.sha256.clone(), principal)
        }))
    }
}

const PREFIX: &str = "sga_";
