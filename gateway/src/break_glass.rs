//! Emergencies: somebody is let see, for a short while and for a reason, what they otherwise may not. What that is, is
//! written in policies (`context has breakGlass`); here is only that it was declared, by whom, and until when. Everybody
//! who can look at it hears of it at once, and somebody reviews it afterwards.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use kms_keys::Timestamp;
use serde::{Deserialize, Serialize};

use crate::control::{Control, ControlError, Document, Form};

/// A declared emergency.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// For whom.
    pub principal: String,
    /// Why: at least [`SHORTEST_REASON`] characters.
    pub reason: String,
    /// Who declared it.
    pub opened_by: String,
    /// When.
    pub opened: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
    /// Who ended it before, and when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<(String, Timestamp)>,
    /// Who looked at it afterwards, when, and what they found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<Review>,
}

/// What somebody found who looked at an emergency afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Who.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What they found.
    pub finding: String,
}

/// A tenant's emergencies: `break-glass/<tenant>`, by id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Emergencies(pub BTreeMap<String, Emergency>);

impl Document for Emergencies {
    const FOLDER: &'static str = "break-glass";
    const FORM: Form = Form::Sealed;
}

impl Emergency {
    /// Whether it is on.
    pub fn is_on(&self, now: Timestamp) -> bool {
        self.closed.is_none() && now < self.expires
    }

    /// Whether nobody has looked at it yet, though it is over.
    pub fn awaits_review(&self, now: Timestamp) -> bool {
        !self.is_on(now) && self.reviewed.is_none()
    }
}

impl Emergencies {
    /// The emergency of a principal that is on, if one is; the one that ends last.
    pub fn of(&self, principal: &str, now: SystemTime) -> Option<(&str, &Emergency)> {
        let now = Timestamp::from(now);
        self.0
            .iter()
            .filter(|(_, one)| one.principal == principal && one.is_on(now))
            .max_by_key(|(_, one)| one.expires)
            .map(|(id, one)| (id.as_str(), one))
    }

    /// Makes room: the oldest that were reviewed go, all others stay.
    pub fn prune(&mut self) {
        while self.0.len() >= MOST {
            let oldest = self
                .0
                .iter()
                .filter(|(_, one)| one.reviewed.is_some())
                .min_by_key(|(_, one)| one.opened)
                .map(|(id, _)| id.clone());
            let Some(oldest) = oldest else { return };
            self.0.remove(&oldest);
        }
    }
}

/// What a policy is told of a principal's emergency; at most five seconds old.
pub async fn declared_for(
    control: &Control,
    (tenant, principal): (&str, &str),
    now: SystemTime,
) -> Result<Option<policies::BreakGlass>, ControlError> {
    let kept = control.get::<Emergencies>(&[tenant]).await?;
    Ok(kept.and_then(|kept| {
        let (id, one) = kept.value.of(principal, now)?;
        Some(policies::BreakGlass {
            id: id.to_owned(),
            reason: one.reason.clone(),
            expires: one.expires.into(),
        })
    }))
}

/// Characters that a reason has at least.
pub const SHORTEST_REASON: usize = 20;
/// How long an emergency lasts at most.
pub const LONGEST: Duration = Duration::from_hours(1);
/// How soon somebody should have looked at it.
pub const REVIEW_WITHIN: Duration = Duration::from_hours(24);
/// In one document; those that were reviewed longest ago make room, and the trail has them all.
const MOST: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
    }

    fn emergency(principal: &str, opened: u64, minutes: u64) -> Emergency {
        Emergency {
            principal: principal.to_owned(),
            reason: "patient unconscious, no ward record".to_owned(),
            opened_by: "ada".to_owned(),
            opened: at(opened).into(),
            expires: at(opened + 60 * minutes).into(),
            closed: None,
            reviewed: None,
        }
    }

    #[test]
    fn an_emergency_is_its_principals_and_ends() {
        let mut all = Emergencies::default();
        all.0
            .insert("one".to_owned(), emergency("sso/alice", 0, 15));
        all.0
            .insert("two".to_owned(), emergency("sso/alice", 0, 30));
        let on = |all: &Emergencies, who: &str, now: u64| {
            all.of(who, at(now)).map(|(id, _)| id.to_owned())
        };
        assert_eq!(on(&all, "sso/alice", 1).as_deref(), Some("two"));
        assert_eq!(on(&all, "sso/bob", 1), None);
        assert_eq!(on(&all, "sso/alice", 30 * 60), None);
        all.0.get_mut("two").unwrap().closed = Some(("ben".to_owned(), at(60).into()));
        assert_eq!(on(&all, "sso/alice", 61).as_deref(), Some("one"));
        assert!(all.0["two"].awaits_review(at(61).into()));
        assert!(!all.0["one"].awaits_review(at(61).into()));
    }

    #[test]
    fn only_what_was_reviewed_makes_room() {
        let mut all = Emergencies::default();
        for number in 0..MOST {
            let mut one = emergency("sso/alice", u64::try_from(number).unwrap(), 1);
            if number == 7 {
                one.reviewed = Some(Review {
                    by: "ben".to_owned(),
                    at: at(0).into(),
                    finding: "as it should be".to_owned(),
                });
            }
            all.0.insert(number.to_string(), one);
        }
        all.prune();
        assert!(!all.0.contains_key("7"));
        all.prune();
        assert_eq!(all.0.len(), MOST - 1);
    }
}
