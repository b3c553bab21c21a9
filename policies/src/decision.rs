//! The decision itself: a pure function of who, what and on whose resource.

use crate::Role;

/// Someone, or some program, that acts for one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// The tenant it belongs to.
    pub tenant: String,
    /// Its name inside the tenant.
    pub name: String,
    /// The role it holds.
    pub role: Role,
}

/// What is done, as far as deciding needs to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Object bytes or metadata are read.
    Read,
    /// Names in a bucket, or buckets, are listed.
    List,
    /// An object, a part of one, or something attached to one is written.
    Write,
    /// What lies beside an existing object is changed: its tags, its place in an archive.
    Change,
    /// A retention period or legal hold is set, changed or bypassed.
    Protect,
    /// An object or version is deleted.
    Delete,
    /// A bucket is created or deleted.
    ManageBucket,
    /// A setting of the shared upstream bucket is read or changed.
    Administer,
}

/// What is acted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// The tenant it belongs to.
    pub tenant: String,
    /// The logical bucket, if one is named.
    pub bucket: Option<String>,
    /// The object key, if one is named.
    pub key: Option<String>,
}

/// The outcome, with the name of the rule that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Permitted by the named rule.
    Permit(&'static str),
    /// Denied, and why.
    Deny(Denial),
}

/// Why something is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The resource belongs to another tenant.
    OtherTenant,
    /// The principal's role does not permit the action.
    RoleDoesNotPermit,
}

/// Decides. The tenant rule comes first and no role weakens it.
pub fn decide(principal: &Principal, action: Action, resource: &Resource) -> Decision {
    if principal.tenant != resource.tenant {
        return Decision::Deny(Denial::OtherTenant);
    }
    if principal.role.permits(action) {
        Decision::Permit(principal.role.name())
    } else {
        Decision::Deny(Denial::RoleDoesNotPermit)
    }
}

impl Denial {
    /// The name of the rule, for the trail.
    pub fn rule(self) -> &'static str {
        match self {
            Self::OtherTenant => "no-cross-tenant",
            Self::RoleDoesNotPermit => "default-deny",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIONS: [Action; 8] = [
        Action::Read,
        Action::List,
        Action::Write,
        Action::Change,
        Action::Protect,
        Action::Delete,
        Action::ManageBucket,
        Action::Administer,
    ];

    fn principal(role: Role) -> Principal {
        Principal {
            tenant: "clinic-a".to_owned(),
            name: "p".to_owned(),
            role,
        }
    }

    fn resource(tenant: &str) -> Resource {
        Resource {
            tenant: tenant.to_owned(),
            bucket: Some("docs".to_owned()),
            key: Some("k".to_owned()),
        }
    }

    #[test]
    fn no_role_reaches_into_another_tenant() {
        for role in Role::ALL {
            for action in ACTIONS {
                assert_eq!(
                    decide(&principal(role), action, &resource("clinic-b")),
                    Decision::Deny(Denial::OtherTenant)
                );
            }
        }
    }

    #[test]
    fn each_role_permits_what_its_name_says_and_nothing_else() {
        let permitted = |role| {
            ACTIONS
                .into_iter()
                .filter(|&action| {
                    decide(&principal(role), action, &resource("clinic-a"))
                        == Decision::Permit(role.name())
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(
            permitted(Role::TenantAdmin),
            [
                Action::Read,
                Action::List,
                Action::Write,
                Action::Change,
                Action::Protect,
                Action::Delete,
                Action::ManageBucket
            ]
        );
        assert_eq!(
            permitted(Role::Writer),
            [
                Action::Read,
                Action::List,
                Action::Write,
                Action::Change,
                Action::Delete
            ]
        );
        assert_eq!(permitted(Role::Reader), [Action::Read, Action::List]);
        assert_eq!(permitted(Role::Uploader), [Action::Write]);
    }

    #[test]
    fn role_names_round_trip() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
        }
        assert!("root".parse::<Role>().is_err());
    }
}
