//! What the admin API keeps of tenants, their users and their access keys: control documents. It must not know
//! requests.

use std::collections::{BTreeMap, BTreeSet};

use kms_keys::Timestamp;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::config::{TenantLimits, TenantSettings};
use crate::control::{Document, Form};

/// Whether a user is somebody or something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UserKind {
    /// A person.
    Human,
    /// A program.
    Service,
}

/// A tenant: `tenants/<id>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantDocument {
    /// What people call it.
    #[serde(default)]
    pub name: String,
    /// Whom to tell when something happens: a name, an address, a telephone.
    #[serde(default)]
    pub security_contact: String,
    /// Whether people may have long-lived access keys; programs may.
    #[serde(default)]
    pub keys_for_people: bool,
    /// Days that a long-lived access key lives at most.
    #[serde(default = "longest_key_days")]
    pub longest_key_days: u32,
    /// Whether nobody of it is let in.
    #[serde(default)]
    pub disabled: bool,
    /// Its limits and identity providers, as the configuration has them in a `[[tenants]]` (TOML).
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub settings: String,
}

impl TenantDocument {
    /// Whether `next` has somebody vouch for people or programs who did not, or not like that.
    pub fn is_widened_by(&self, next: &Self) -> bool {
        // What cannot be read has nobody vouch for anybody.
        let read = |one: &Self| TenantSettings::parse(&one.settings, TenantLimits::default());
        let read = |one| read(one).unwrap_or_default();
        read(self).are_widened_by(&read(next))
    }
}

impl Document for TenantDocument {
    const FOLDER: &'static str = "tenants";
    const FORM: Form = Form::Clear;
}

impl Default for TenantDocument {
    fn default() -> Self {
        Self {
            name: String::new(),
            security_contact: String::new(),
            keys_for_people: false,
            longest_key_days: longest_key_days(),
            disabled: false,
            settings: String::new(),
        }
    }
}

/// A user of a tenant: `users/<tenant>/<name>`. A name like `sso/alice` is that of somebody an identity provider
/// vouches for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserDocument {
    /// What it is.
    pub kind: UserKind,
    /// The roles it acts in with access keys. Somebody an identity provider vouches for has those of the claims.
    #[serde(default)]
    pub roles: BTreeSet<String>,
    /// What policies are told of it.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Whether it is not let in, however it signs in.
    #[serde(default)]
    pub disabled: bool,
    /// Its access keys.
    #[serde(default)]
    pub access_keys: BTreeSet<String>,
}

impl Document for UserDocument {
    const FOLDER: &'static str = "users";
    const FORM: Form = Form::Sealed;
}

/// A long-lived access key: `access-keys/<access key id>`. Good while its user lists it.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct AccessKeyDocument {
    /// Whose tenant.
    pub tenant: String,
    /// Whose.
    pub user: String,
    /// The secret half.
    pub secret: String,
    /// The networks it may be used from, in CIDR notation; none: from anywhere.
    #[serde(default)]
    pub networks: Vec<String>,
    /// The client's certificate it may be used with only: its SHA-256, hexadecimal.
    #[serde(default)]
    pub certificate: Option<String>,
    /// When it was made.
    #[zeroize(skip)]
    pub created: Timestamp,
    /// Who made it.
    pub created_by: String,
    /// When it ends.
    #[zeroize(skip)]
    pub expires: Timestamp,
}

impl Document for AccessKeyDocument {
    const FOLDER: &'static str = "access-keys";
    const FORM: Form = Form::Sealed;
}

impl std::fmt::Debug for AccessKeyDocument {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AccessKeyDocument")
            .field("tenant", &self.tenant)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// Ninety days.
fn longest_key_days() -> u32 {
    90
}
