//! `Action` and `NotAction`, expanded when a policy is compiled.

use super::json::Json;
use super::text::matches;
use super::{Malformed, Scope};
use crate::{Action, Group, Target};

/// The actions that a statement is about.
#[derive(Debug, Clone)]
pub(super) struct Actions {
    /// Those that may stand in a policy of this scope.
    pub(super) all: Vec<Action>,
    /// Those that are written out, without a wildcard, so that what stands beside them must apply to them.
    pub(super) named: Vec<Action>,
}

/// Reads the element `element` with that value; `negated` for `NotAction`.
pub(super) fn read(
    element: &str,
    value: &Json,
    negated: bool,
    scope: Scope<'_>,
) -> Result<Actions, Malformed> {
    let mut chosen = Vec::new();
    let mut named = Vec::new();
    if value.items().is_empty() {
        return Err(Malformed::new(element, "is empty"));
    }
    for item in value.items() {
        let text = item
            .text()
            .ok_or_else(|| Malformed::new(element, "must be a string or a list of strings"))?;
        let found: Vec<Action> = candidates(scope)
            .filter(|action| matches(text, action.name()) || text == "*")
            .collect();
        let is_pattern = text.contains(['*', '?']);
        if found.is_empty() {
            return Err(Malformed::new(element, unknown(text, is_pattern)));
        }
        if !is_pattern && !negated {
            named.extend(&found);
        }
        chosen.extend(found);
    }
    let all = candidates(scope)
        .filter(|action| chosen.contains(action) != negated)
        .collect();
    Ok(Actions { all, named })
}

fn unknown(text: &str, is_pattern: bool) -> String {
    if is_pattern {
        format!("{text:?} is none of the actions that a policy here can speak of")
    } else {
        format!(
            "{text:?} is no action that a policy here can speak of; see policies/schema.cedarschema"
        )
    }
}

/// What policies in IAM's JSON can speak of: S3's actions apart from those that nobody may do here, and in the
/// policy of a bucket only those on the bucket and its objects.
fn candidates(scope: Scope<'_>) -> impl Iterator<Item = Action> {
    let in_session = matches!(scope, Scope::Session);
    Action::ALL.iter().copied().filter(move |action| {
        let on_bucket = action.target() != Target::Tenant && *action != Action::CreateBucket;
        action.name().starts_with("s3:")
            && action.group() != Group::Administer
            && (in_session || on_bucket)
    })
}
