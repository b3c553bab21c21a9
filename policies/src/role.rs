//! The roles a principal of a tenant can hold, and what each may do.

use std::fmt;
use std::str::FromStr;

use crate::Action;

/// A role inside one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything inside the tenant, its buckets included.
    TenantAdmin,
    /// Reads, lists, writes and deletes objects.
    Writer,
    /// Reads and lists objects.
    Reader,
    /// Writes objects and cannot read them back: intake of attestations and forms.
    Uploader,
}

impl Role {
    /// All roles, for help texts and tests.
    pub const ALL: [Self; 4] = [
        Self::TenantAdmin,
        Self::Writer,
        Self::Reader,
        Self::Uploader,
    ];

    /// The name used in configuration and in the trail.
    pub fn name(self) -> &'static str {
        match self {
            Self::TenantAdmin => "tenant-admin",
            Self::Writer => "writer",
            Self::Reader => "reader",
            Self::Uploader => "uploader",
        }
    }

    /// Whether the role permits the action. Exhaustive: a new action does not compile until someone
    /// decides, and a new role is permitted nothing.
    pub fn permits(self, action: Action) -> bool {
        match action {
            Action::Read | Action::List => {
                matches!(self, Self::TenantAdmin | Self::Writer | Self::Reader)
            }
            Action::Write => matches!(self, Self::TenantAdmin | Self::Writer | Self::Uploader),
            Action::Change | Action::Delete => matches!(self, Self::TenantAdmin | Self::Writer),
            Action::Protect | Action::ManageBucket => matches!(self, Self::TenantAdmin),
            // Settings of the shared upstream bucket belong to no tenant.
            Action::Administer => false,
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
            .ok_or_else(|| UnknownRole(text.to_owned()))
    }
}

/// A role name that is none of [`Role::ALL`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no role; the roles are tenant-admin, writer, reader and uploader")]
pub struct UnknownRole(String);
