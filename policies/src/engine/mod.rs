//! The decision itself: a pure function of the policies and the question.
//!
//! Layers are not merged: a request is denied if any policy of any layer forbids it or cannot be evaluated,
//! and permitted if then any policy of any layer permits it, which is what one merged set would decide. A
//! session's own policy is another matter: it must permit as well.

use std::sync::{Arc, LazyLock};

use cedar_policy::{Authorizer, Decision as Answer};

use crate::cedar::Question;
use crate::decision::{Decision, Denial, Reason};
use crate::request::Request;
use crate::set::{PolicySet, Slice};

/// What a request is decided by.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'a> {
    /// The product's, the deployment's and the tenant's policies.
    pub tenant: &'a PolicySet,
    /// The policy of the bucket.
    pub bucket: Option<&'a PolicySet>,
    /// The policies of the session, each of which must permit as well.
    pub session: &'a [Arc<PolicySet>],
}

impl<'a> Layers<'a> {
    /// A tenant's policies alone.
    pub fn of(tenant: &'a PolicySet) -> Self {
        Self {
            tenant,
            bucket: None,
            session: &[],
        }
    }
}

/// Decides. What is not permitted is denied, and so is what cannot be decided.
pub fn decide<'a>(layers: Layers<'a>, request: &Request<'_>) -> Decision {
    if request.principal.tenant != request.resource.tenant {
        // A policy says so too; but a question of which even the policies are another tenant's ends here.
        return Decision::Deny(Denial::because(Reason::OtherTenant));
    }
    let bucket = request.resource.bucket.as_deref();
    let slices_of = |set: &'a PolicySet| set.slices(request.action, bucket);
    let merged = [Some(layers.tenant), layers.bucket].into_iter().flatten();
    let merged: Vec<&Slice> = merged.flat_map(slices_of).collect();
    let session = layers.session.iter().map(Arc::as_ref);
    let session: Vec<Vec<&Slice>> = session.map(|set| slices_of(set).collect()).collect();
    let asked = |name: &str| {
        let heard = merged.iter().chain(session.iter().flatten());
        heard
            .into_iter()
            .any(|slice| slice.asks.for_attribute(name))
    };
    let Ok(question) = Question::new(request, &asked) else {
        return Decision::Deny(Denial::because(Reason::Failed));
    };
    let mut verdict = Verdict::default();
    for slice in merged.iter().copied() {
        verdict.hear(slice, &question);
    }
    let decision = verdict.decision(Reason::NotPermitted);
    if !decision.is_permit() {
        return decision;
    }
    for restriction in &session {
        let mut verdict = Verdict::default();
        for slice in restriction.iter().copied() {
            verdict.hear(slice, &question);
        }
        let denied = verdict.decision(Reason::NotInSession);
        if !denied.is_permit() {
            return denied;
        }
    }
    decision
}

/// What the policies heard so far say.
#[derive(Debug, Default)]
struct Verdict {
    permits: Vec<String>,
    forbids: Vec<String>,
    failed: Vec<String>,
}

impl Verdict {
    fn hear(&mut self, slice: &Slice, question: &Question) {
        let response =
            AUTHORIZER.is_authorized(&question.request, &slice.policies, &question.entities);
        let diagnostics = response.diagnostics();
        let reasons = diagnostics.reason().map(ToString::to_string);
        match response.decision() {
            Answer::Allow => self.permits.extend(reasons),
            Answer::Deny => self.forbids.extend(reasons),
        }
        let failed = diagnostics.errors().map(|error| match error {
            cedar_policy::AuthorizationError::PolicyEvaluationError(error) => {
                error.policy_id().to_string()
            }
        });
        self.failed.extend(failed);
    }

    fn decision(mut self, otherwise: Reason) -> Decision {
        for policies in [&mut self.permits, &mut self.forbids, &mut self.failed] {
            policies.sort();
        }
        let deny = |reason, policies| Decision::Deny(Denial { reason, policies });
        if !self.forbids.is_empty() {
            deny(Reason::Forbidden, self.forbids)
        } else if !self.failed.is_empty() {
            deny(Reason::Failed, self.failed)
        } else if self.permits.is_empty() {
            deny(otherwise, Vec::new())
        } else {
            Decision::Permit {
                policies: self.permits,
            }
        }
    }
}

static AUTHORIZER: LazyLock<Authorizer> = LazyLock::new(Authorizer::new);

#[cfg(test)]
mod tests;
