//! What somebody may do by some request or other: the policies weighed while the circumstances of the request are left
//! open. For those who review access; a request is decided about by [`crate::decide`] alone.
//!
//! An answer errs on one side only: what some request would be permitted is told, and *always* is said only of what no
//! circumstance hinders. *If* may be said of what no request fulfils.

mod open;

use std::collections::{BTreeMap, BTreeSet};

use cedar_policy::pst::Policy as Tree;

use crate::set::Scope;
use crate::{Action, PolicySet, Principal};

use open::{Asked, Truth};

/// Policies, taken apart so that they can be weighed.
#[derive(Debug, Default)]
pub struct Reach {
    rules: Vec<Rule>,
}

/// One policy.
#[derive(Debug)]
struct Rule {
    id: String,
    actions: BTreeSet<Action>,
    /// `None`: it cannot be read, and may hold.
    tree: Option<Tree>,
    is_permit: bool,
}

/// Whose access is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Whom<'a> {
    /// Who, in the roles it acts in.
    pub principal: &'a Principal,
    /// Whether its name, groups and tags are known; those whom identity providers vouch for come with any.
    pub is_known: bool,
}

/// What is acted on: a bucket, and any object in it.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The bucket; `None`: one that no policy names and of which nothing is declared.
    pub bucket: Option<&'a str>,
    /// What it is for.
    pub class: Option<&'a str>,
    /// Where it may lie; none: anywhere.
    pub residency: &'a BTreeSet<String>,
    /// Where the store behind the gateway is.
    pub upstream_region: &'a str,
}

/// When something is permitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum When {
    /// While an emergency is declared, under the conditions of the policies.
    Emergency,
    /// Under the conditions of the policies.
    If,
    /// Whatever the circumstances, an emergency apart.
    Always,
}

impl When {
    /// The name in reviews.
    pub fn name(self) -> &'static str {
        match self {
            Self::Emergency => "emergency",
            Self::If => "if",
            Self::Always => "always",
        }
    }
}

/// A permission.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// When.
    pub when: When,
    /// The ids of the policies that permit it, or may.
    pub permits: BTreeSet<String>,
    /// The ids of those that may forbid it.
    pub unless: BTreeSet<String>,
}

impl Reach {
    /// Takes policies apart.
    pub fn of(set: &PolicySet) -> Self {
        let rules = set.policies().into_values().map(|policy| Rule {
            id: policy.id().to_string(),
            actions: Scope::of(&policy).actions(),
            tree: policy.to_pst().ok(),
            is_permit: policy.effect() == cedar_policy::Effect::Permit,
        });
        Self {
            rules: rules.collect(),
        }
    }

    /// How many policies there are: what an answer costs.
    pub fn len(&self) -> usize {
        self.rules.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether any request of theirs for the action would be permitted by these policies together, and when.
    pub fn grant(
        sets: &[&Self],
        whom: Whom<'_>,
        action: Action,
        place: Place<'_>,
    ) -> Option<Grant> {
        let asked = |is_emergency| Asked {
            whom,
            action,
            place,
            is_emergency,
        };
        match (weigh(sets, &asked(false)), weigh(sets, &asked(true))) {
            (None, declared) => declared.map(|grant| Grant {
                when: When::Emergency,
                ..grant
            }),
            // A declared emergency may be one of its conditions.
            (Some(mut grant), Some(declared)) if grant.when == When::If => {
                grant.permits.extend(declared.permits);
                grant.unless.extend(declared.unless);
                Some(grant)
            }
            (grant, _) => grant,
        }
    }
}

fn weigh(sets: &[&Reach], asked: &Asked<'_>) -> Option<Grant> {
    let mut found: BTreeMap<(bool, Truth), BTreeSet<String>> = BTreeMap::new();
    for rule in sets.iter().flat_map(|set| &set.rules) {
        if !rule.actions.contains(&asked.action) {
            continue;
        }
        let truth = rule
            .tree
            .as_ref()
            .map_or(Truth::MayFail, |tree| asked.holds(tree));
        if truth == Truth::Yes && !rule.is_permit {
            return None;
        }
        let of = found.entry((rule.is_permit, truth)).or_default();
        of.insert(rule.id.clone());
    }
    let mut take = |is_permit, truth| found.remove(&(is_permit, truth)).unwrap_or_default();
    let (sure, mut perhaps, failing) = (
        take(true, Truth::Yes),
        take(true, Truth::Maybe),
        take(true, Truth::MayFail),
    );
    let unless: BTreeSet<String> = take(false, Truth::Maybe)
        .into_iter()
        .chain(take(false, Truth::MayFail))
        .collect();
    // A policy that fails denies, whichever it is.
    if !sure.is_empty() && unless.is_empty() && failing.is_empty() {
        let when = When::Always;
        return Some(Grant {
            when,
            permits: sure,
            unless,
        });
    }
    perhaps.extend(sure);
    perhaps.extend(failing);
    (!perhaps.is_empty()).then_some(Grant {
        when: When::If,
        permits: perhaps,
        unless,
    })
}

#[cfg(test)]
mod tests;
