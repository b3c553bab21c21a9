//! What is said of roles beside the policies that give them their meaning: which others they include, and how long
//! sessions in them last. A role that nothing is said of is its name.

use std::collections::BTreeSet;
use std::time::Duration;

use policies::Role;
use serde::{Deserialize, Serialize};

use super::Directory;
use super::buckets::Wrong;
use crate::control::{ControlError, Document, Form};

/// What is said of a role: `roles/<tenant>/<name>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleDocument {
    /// For people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Whoever holds the role holds these, too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub includes: BTreeSet<String>,
    /// Minutes without a request after which a session in the role is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_minutes: Option<u32>,
    /// Minutes that a session in the role lasts at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_minutes: Option<u32>,
}

impl Document for RoleDocument {
    const FOLDER: &'static str = "roles";
    const FORM: Form = Form::Clear;
}

/// How long sessions last in some roles: the least that any of them says, or one that it includes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RoleBounds {
    /// Without a request.
    pub idle: Option<Duration>,
    /// At most.
    pub longest: Option<Duration>,
}

/// Why roles cannot be told with what they include.
#[derive(Debug, thiserror::Error)]
pub enum RolesError {
    /// They include too many others; what nobody can overlook decides nothing.
    #[error("the roles include more than {MOST_INCLUDED} others")]
    TooMany,
    /// The documents.
    #[error(transparent)]
    Control(#[from] ControlError),
}

impl RoleDocument {
    /// Whether everything in it means something, of a role of this name.
    pub fn check(&self, name: &str) -> Result<(), Wrong> {
        if !is_role_name(name) {
            return Err(("role", format!("{name:?} {NAME_RULE}")));
        }
        if let Some(other) = self.includes.iter().find(|other| !is_role_name(other)) {
            return Err(("includes", format!("{other:?} {NAME_RULE}")));
        }
        if self.includes.len() > MOST_INCLUDED {
            return Err(("includes", format!("{MOST_INCLUDED} roles at most")));
        }
        if !self.includes.is_empty() && name.parse::<Role>().is_ok() {
            let why = format!(
                "{name} is a role that is shipped and means what it means; make one of another name"
            );
            return Err(("includes", why));
        }
        for (member, minutes, least) in [
            ("idle_minutes", self.idle_minutes, 1),
            ("session_minutes", self.session_minutes, SHORTEST_SESSION),
        ] {
            if minutes.is_some_and(|minutes| !(least..=LONGEST_SESSION).contains(&minutes)) {
                return Err((member, format!("from {least} to {LONGEST_SESSION}")));
            }
        }
        Ok(())
    }
}

/// Whether a role can be called so.
pub fn is_role_name(name: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.@+=".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(good)
}

impl Directory {
    /// These roles with all that they include. At most five seconds old.
    pub async fn with_included(
        &self,
        tenant: &str,
        roles: &BTreeSet<String>,
    ) -> Result<BTreeSet<String>, RolesError> {
        Ok(self.walk_roles(tenant, roles).await?.0)
    }

    /// How long sessions in these roles last. At most five seconds old.
    pub async fn role_bounds(
        &self,
        tenant: &str,
        roles: &BTreeSet<String>,
    ) -> Result<RoleBounds, RolesError> {
        Ok(self.walk_roles(tenant, roles).await?.1)
    }

    /// Ends where roles include each other in a circle, too: none is looked at twice.
    async fn walk_roles(
        &self,
        tenant: &str,
        roles: &BTreeSet<String>,
    ) -> Result<(BTreeSet<String>, RoleBounds), RolesError> {
        let (mut all, mut bounds) = (roles.clone(), RoleBounds::default());
        let mut ahead: Vec<String> = roles.iter().cloned().collect();
        while let Some(role) = ahead.pop() {
            // What no role can be called has no document either.
            if !is_role_name(&role) {
                continue;
            }
            let Some(kept) = self.control.get::<RoleDocument>(&[tenant, &role]).await? else {
                continue;
            };
            bounds.tighten(&kept.value);
            for other in &kept.value.includes {
                if all.insert(other.clone()) {
                    ahead.push(other.clone());
                }
            }
            if all.len() > roles.len().saturating_add(MOST_INCLUDED) {
                return Err(RolesError::TooMany);
            }
        }
        Ok((all, bounds))
    }
}

impl RoleBounds {
    fn tighten(&mut self, role: &RoleDocument) {
        let minutes = |minutes: Option<u32>| {
            minutes.map(|minutes| Duration::from_secs(u64::from(minutes).saturating_mul(60)))
        };
        self.idle = least(self.idle, minutes(role.idle_minutes));
        self.longest = least(self.longest, minutes(role.session_minutes));
    }

    /// The lesser of a duration and the longest.
    pub fn shorten(&self, duration: Duration) -> Duration {
        self.longest
            .map_or(duration, |longest| duration.min(longest))
    }

    /// Seconds without a request, where a session has these already.
    pub fn idle_seconds(&self, idle: Option<u32>) -> Option<u32> {
        let own = self
            .idle
            .and_then(|idle| u32::try_from(idle.as_secs()).ok());
        least(own, idle)
    }
}

/// None is no bound.
fn least<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

const NAME_RULE: &str = "must be 1 to 64 letters, digits or _ - . @ + =";
/// Minutes, as AWS has it.
const SHORTEST_SESSION: u32 = 15;
/// Minutes of twelve hours.
const LONGEST_SESSION: u32 = 720;
/// Roles that some roles include, and those that these include, in all.
pub const MOST_INCLUDED: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_nothing_is_told_by_its_name() {
        let role = RoleDocument::default();
        assert_eq!(role.check("ward"), Ok(()));
        let includes = |name: &str| RoleDocument {
            includes: [name.to_owned()].into(),
            ..RoleDocument::default()
        };
        assert_eq!(includes("reader").check("ward"), Ok(()));
        for (role, name, member) in [
            (role.clone(), "a/b", "role"),
            (includes("a b"), "ward", "includes"),
            // Nobody makes readers write.
            (includes("writer"), "reader", "includes"),
            (
                RoleDocument {
                    idle_minutes: Some(0),
                    ..role.clone()
                },
                "reader",
                "idle_minutes",
            ),
            (
                RoleDocument {
                    session_minutes: Some(14),
                    ..role.clone()
                },
                "reader",
                "session_minutes",
            ),
        ] {
            assert_eq!(role.check(name).unwrap_err().0, member, "{name}");
        }
    }

    #[test]
    fn the_least_of_all_bounds_holds() {
        let mut bounds = RoleBounds::default();
        assert_eq!(bounds.idle_seconds(Some(900)), Some(900));
        assert_eq!(bounds.idle_seconds(None), None);
        for (idle_minutes, session_minutes) in
            [(None, Some(60)), (Some(10), None), (Some(20), Some(30))]
        {
            bounds.tighten(&RoleDocument {
                idle_minutes,
                session_minutes,
                ..RoleDocument::default()
            });
        }
        assert_eq!(bounds.idle_seconds(None), Some(600));
        assert_eq!(bounds.idle_seconds(Some(300)), Some(300));
        assert_eq!(
            bounds.shorten(Duration::from_hours(1)),
            Duration::from_mins(30)
        );
        assert_eq!(
            bounds.shorten(Duration::from_mins(20)),
            Duration::from_mins(20)
        );
    }
}
