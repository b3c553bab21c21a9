//! One statement, and the Cedar policies it becomes: one for each kind of resource that it is about.

use std::fmt::Write as _;

use super::actions::{self, Actions};
use super::conditions::{self, Test};
use super::json::Json;
use super::principals::{self, Who};
use super::resources::{self, Places, TRUE};
use super::text::quoted;
use super::{Malformed, Scope};
use crate::{Action, Target};

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// A statement that is understood in full.
#[derive(Debug, Clone)]
pub(super) struct Statement {
    /// Its `Sid`, or its number.
    pub(super) id: String,
    pub(super) effect: Effect,
    who: Who,
    /// The Cedar policies.
    policies: String,
    tests: Vec<Test>,
}

/// The elements of a statement.
#[derive(Default)]
struct Elements<'a> {
    sid: Option<&'a Json>,
    effect: Option<&'a Json>,
    principal: Option<&'a Json>,
    actions: Option<(&'static str, &'a Json)>,
    resources: Option<(&'static str, &'a Json)>,
    condition: Option<&'a Json>,
}

impl<'a> Elements<'a> {
    fn of(at: &str, statement: &'a Json) -> Result<Self, Malformed> {
        let members = statement
            .members()
            .ok_or_else(|| Malformed::new(at, "must be an object"))?;
        let mut elements = Self::default();
        for (name, value) in members {
            match name.as_str() {
                "Sid" => elements.sid = Some(value),
                "Effect" => elements.effect = Some(value),
                "Principal" => elements.principal = Some(value),
                "Condition" => elements.condition = Some(value),
                "Action" if elements.actions.is_none() => {
                    elements.actions = Some(("Action", value));
                }
                "NotAction" if elements.actions.is_none() => {
                    elements.actions = Some(("NotAction", value));
                }
                "Resource" if elements.resources.is_none() => {
                    elements.resources = Some(("Resource", value));
                }
                "NotResource" if elements.resources.is_none() => {
                    elements.resources = Some(("NotResource", value));
                }
                "NotPrincipal" => {
                    return Err(Malformed::new(
                        format!("{at}.NotPrincipal"),
                        "is not accepted: whoever is forgotten in it is let in; deny with a Condition on aws:username instead",
                    ));
                }
                other => {
                    return Err(Malformed::new(
                        format!("{at}.{other}"),
                        "is no element of a statement here, or stands beside its opposite",
                    ));
                }
            }
        }
        Ok(elements)
    }
}

impl Statement {
    /// Reads a statement.
    pub(super) fn read(
        index: usize,
        statement: &Json,
        scope: Scope<'_>,
    ) -> Result<Self, Malformed> {
        let at = format!("Statement[{index}]");
        let missing = |name: &str| Malformed::new(format!("{at}.{name}"), "is missing");
        let elements = Elements::of(&at, statement)?;
        let effect = match elements.effect.ok_or_else(|| missing("Effect"))?.text() {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            _ => {
                return Err(Malformed::new(
                    format!("{at}.Effect"),
                    "must be Allow or Deny",
                ));
            }
        };
        let who = match (elements.principal, scope) {
            (Some(value), _) => principals::read(&format!("{at}.Principal"), value, scope)?,
            (None, Scope::Session) => Who::Everyone,
            (None, Scope::Bucket { .. }) => return Err(missing("Principal")),
        };
        let (name, value) = elements.actions.ok_or_else(|| missing("Action"))?;
        let actions = actions::read(&format!("{at}.{name}"), value, name == "NotAction", scope)?;
        let (name, value) = elements.resources.ok_or_else(|| missing("Resource"))?;
        let places = resources::read(
            &format!("{at}.{name}"),
            value,
            name == "NotResource",
            effect == Effect::Deny,
            scope,
        )?;
        let tests = match elements.condition {
            Some(value) => conditions::read(&format!("{at}.Condition"), value)?,
            None => Vec::new(),
        };
        check_actions(&at, &actions, &places, &tests)?;
        let id = sid(&at, elements.sid, index)?;
        let mut read = Self {
            policies: String::new(),
            id,
            effect,
            who,
            tests,
        };
        read.policies = read.compiled(&actions.all, &places)?;
        Ok(read)
    }

    /// The Cedar policies.
    pub(super) fn cedar(&self) -> &str {
        &self.policies
    }

    /// Whether it is about everybody, from anywhere.
    pub(super) fn is_public(&self) -> bool {
        self.who == Who::Everyone && !self.tests.iter().any(Test::restricts)
    }

    fn compiled(&self, actions: &[Action], places: &Places) -> Result<String, Malformed> {
        let mut policies = String::new();
        for (target, place, suffix) in [
            (Target::Object, places.object.as_deref(), ""),
            (Target::Bucket, places.bucket.as_deref(), "/bucket"),
            (Target::Tenant, places.tenant.then_some(TRUE), "/tenant"),
        ] {
            let of_target: Vec<String> = actions
                .iter()
                .filter(|action| action.target() == target)
                .map(|action| format!("Action::{}", quoted(action.name())))
                .collect();
            let Some(place) = place.filter(|_| !of_target.is_empty()) else {
                continue;
            };
            let mut tests = vec![place.to_owned()];
            tests.extend(self.who.cedar());
            for test in &self.tests {
                tests.push(test.cedar(target)?);
            }
            let verb = match self.effect {
                Effect::Allow => "permit",
                Effect::Deny => "forbid",
            };
            let _ = write!(
                policies,
                "@id({id})\n{verb} (principal, action in [{actions}], resource)\nwhen {{ {tests} }};\n\n",
                id = quoted(&format!("{}{suffix}", self.id)),
                actions = of_target.join(", "),
                tests = tests.join(" && "),
            );
        }
        Ok(policies)
    }
}

/// Holds every action that is written out against the resources and the conditions beside it.
fn check_actions(
    at: &str,
    actions: &Actions,
    places: &Places,
    tests: &[Test],
) -> Result<(), Malformed> {
    let is_about = |action: Action| match action.target() {
        Target::Object => places.object.is_some(),
        Target::Bucket => places.bucket.is_some(),
        Target::Tenant => places.tenant,
    };
    if let Some(action) = actions.named.iter().find(|action| !is_about(**action)) {
        let reason = format!(
            "{action} does not apply to any resource of the statement; it needs {}",
            match action.target() {
                Target::Object => "objects, as arn:aws:s3:::BUCKET/*",
                Target::Bucket => "the bucket, as arn:aws:s3:::BUCKET",
                Target::Tenant => "*",
            }
        );
        return Err(Malformed::new(format!("{at}.Action"), reason));
    }
    if !actions.all.iter().any(|action| is_about(*action)) {
        let reason = "none of the actions applies to any resource of the statement";
        return Err(Malformed::new(format!("{at}.Action"), reason));
    }
    for test in tests {
        let named = test.named()?;
        let refused = |action: &dyn std::fmt::Display| {
            let reason = format!("does not apply to {action}, and would be absent from it");
            Malformed::new(test.element(), reason)
        };
        if let Some(action) = actions.named.iter().find(|action| !named.applies(**action)) {
            return Err(refused(action));
        }
        if !actions.all.iter().any(|action| named.applies(*action)) {
            return Err(refused(&"any of the actions"));
        }
    }
    Ok(())
}

/// S3 takes letters, digits, blanks, `-` and `_` and other signs; it is only a name.
fn sid(at: &str, sid: Option<&Json>, index: usize) -> Result<String, Malformed> {
    let number = || format!("statement{}", index.saturating_add(1));
    let Some(sid) = sid else {
        return Ok(number());
    };
    let refused = || {
        Malformed::new(
            format!("{at}.Sid"),
            "must be a text of at most 200 characters",
        )
    };
    let text = sid
        .text()
        .filter(|text| text.len() <= 200)
        .ok_or_else(refused)?;
    Ok(if text.is_empty() {
        number()
    } else {
        text.to_owned()
    })
}
