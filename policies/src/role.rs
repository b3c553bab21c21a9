//! The roles that are shipped. What each may do is written in `policies/roles.cedar`; a role without a policy
//! may do nothing.

use std::fmt;
use std::str::FromStr;

/// A shipped role inside one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// The tenant's policies, keys and roles, and everything of an admin.
    TenantOwner,
    /// Everything on the tenant's buckets and objects; its users and credentials.
    TenantAdmin,
    /// Unlocks users and ends sessions.
    TenantHelpdesk,
    /// Guardrails, reviews, holds and the trail; no object data.
    SecurityOfficer,
    /// Reads the trail and the configuration; no object data, changes nothing.
    Auditor,
    /// Nothing by itself; clinical policies speak of it.
    Clinician,
    /// Nothing by itself; policies about de-identified data speak of it.
    Analyst,
    /// Reads, lists, writes and deletes objects.
    Writer,
    /// Reads and lists objects.
    Reader,
    /// Writes objects and cannot read them back: intake of attestations and forms.
    Uploader,
    /// Nothing by itself; policies about service accounts speak of it.
    Service,
    /// Runs the gateway; is forbidden all data whatever a policy permits.
    Operator,
    /// Nothing by itself, and held by nobody for long.
    Breakglass,
}

impl Role {
    /// All roles, for help texts and tests.
    pub const ALL: [Self; 13] = [
        Self::TenantOwner,
        Self::TenantAdmin,
        Self::TenantHelpdesk,
        Self::SecurityOfficer,
        Self::Auditor,
        Self::Clinician,
        Self::Analyst,
        Self::Writer,
        Self::Reader,
        Self::Uploader,
        Self::Service,
        Self::Operator,
        Self::Breakglass,
    ];

    /// The name used in policies, in the configuration and in the trail.
    pub fn name(self) -> &'static str {
        match self {
            Self::TenantOwner => "tenant-owner",
            Self::TenantAdmin => "tenant-admin",
            Self::TenantHelpdesk => "tenant-helpdesk",
            Self::SecurityOfficer => "security-officer",
            Self::Auditor => "auditor",
            Self::Clinician => "clinician",
            Self::Analyst => "analyst",
            Self::Writer => "writer",
            Self::Reader => "reader",
            Self::Uploader => "uploader",
            Self::Service => "service",
            Self::Operator => "operator",
            Self::Breakglass => "breakglass",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = UnknownRole;

    fn from_str(text: &str) -> Result<Self, UnknownRole> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| UnknownRole {
                name: text.to_owned(),
            })
    }
}

/// A role name that is none of [`Role::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} is no role; the roles are {}", Role::ALL.map(Role::name).join(", "))]
pub struct UnknownRole {
    name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn role_names_round_trip() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
