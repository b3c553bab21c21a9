//! Under whose leave a request runs: decides about it, about further keys that it turns out to name, and once more
//! when more of it is known.

use std::sync::Arc;

use policies::{
    Action, Context, Decision, Denial, Group, Layers, Needs, PolicySet, Principal, Reason, Request,
    Resource, Target, decide,
};

use super::{OfTenant, Policies};
use crate::directory::is_kept;
use crate::error::GatewayError;
use crate::s3::{Operation, S3Error};

/// Whose leave a request runs under; decides about further keys the request turns out to name (the source of
/// a copy, the keys of `DeleteObjects`), and once more about the request when more of it is known.
#[derive(Debug)]
pub struct Leave {
    pub(super) principal: Arc<Principal>,
    pub(super) policies: Policies,
    pub(super) tenant: Arc<OfTenant>,
    pub(super) session: Vec<Arc<PolicySet>>,
    pub(super) context: Box<Context>,
    /// What was permitted, on what.
    pub(super) actions: Vec<Action>,
    pub(super) resource: Resource,
}

impl Leave {
    /// The tenant on whose buckets the request acts.
    pub fn tenant(&self) -> &str {
        &self.principal.tenant
    }

    /// Whether a policy asks what type the bytes show. Those of buckets and sessions, in IAM's words, cannot.
    pub(super) fn asks_for_type(&self) -> bool {
        let needs = |action: &Action| self.tenant.policies.needs(*action, &self.resource);
        self.actions.iter().any(|action| needs(action).sniffed)
    }

    /// Decides about one more key.
    pub async fn also(
        &self,
        action: Action,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<Decision, GatewayError> {
        let mut context = (*self.context).clone();
        context.version_id = version.map(str::to_owned);
        let resource = named(&self.principal, Some(bucket), Some(key));
        let resource = self.policies.described(&self.tenant, resource).await?;
        self.decide(action, resource, context).await
    }

    /// The same where a denial ends the request.
    pub async fn need(
        &self,
        action: Action,
        bucket: &str,
        key: &str,
        version: Option<&str>,
    ) -> Result<(), GatewayError> {
        permitted(self.also(action, bucket, key, version).await?)
    }

    /// Decides once more about what was asked, now that more is known of it than its head said: the length of
    /// what arrived, the tags in a document. Before anything is committed.
    pub async fn again(&self, learn: impl FnOnce(&mut Context)) -> Result<(), GatewayError> {
        self.learning(|context| {
            learn(context);
            Ok(())
        })
        .await
    }

    /// The same where what more is known can be refused.
    pub async fn learning(
        &self,
        learn: impl FnOnce(&mut Context) -> Result<(), S3Error>,
    ) -> Result<(), GatewayError> {
        let mut context = (*self.context).clone();
        learn(&mut context)?;
        for &action in &self.actions {
            let decision = self.decide(action, self.resource.clone(), context.clone());
            permitted(decision.await?)?;
        }
        Ok(())
    }

    /// Tells that the policy of a bucket has changed.
    pub async fn policy_changed(&self, bucket: &str) {
        let lookups = &self.policies.0.lookups;
        lookups.forget(&self.principal.tenant, bucket).await;
    }

    async fn decide(
        &self,
        action: Action,
        mut resource: Resource,
        mut context: Context,
    ) -> Result<Decision, GatewayError> {
        let Policies(inner) = &self.policies;
        let tenant = &self.tenant.policies;
        let of_bucket = match resource.bucket.as_deref() {
            // Settings of the shared bucket are forbidden by the product's own policies, whatever a bucket's says.
            Some(bucket)
                if action != Action::CreateBucket && action.group() != Group::Administer =>
            {
                inner
                    .lookups
                    .bucket_policy(&self.principal.tenant, bucket)
                    .await?
            }
            _ => None,
        };
        let sets = [Some(tenant), of_bucket.as_ref()];
        let needs = sets
            .into_iter()
            .flatten()
            .chain(&self.session)
            .map(|set| set.needs(action, &resource))
            .fold(Needs::default(), Needs::and);
        if action.target() == Target::Object && !needs.is_nothing() {
            let version = context.version_id.clone();
            let version = version.as_deref();
            let facts = inner
                .lookups
                .facts(needs, &mut resource, version, &mut context);
            facts.await?;
        }
        let request = Request {
            principal: &self.principal,
            action,
            resource: &resource,
            context: &context,
        };
        let mut layers = Layers {
            tenant,
            bucket: None,
            session: &self.session,
        };
        // Whoever may set a bucket's policy is not locked out by one.
        if is_about_policy(action) {
            let without = decide(layers, &request);
            if without.is_permit() {
                return Ok(without);
            }
        }
        layers.bucket = of_bucket.as_deref();
        Ok(decide(layers, &request))
    }
}

pub(super) fn is_about_policy(action: Action) -> bool {
    use Action as A;
    matches!(
        action,
        A::GetBucketPolicy | A::PutBucketPolicy | A::DeleteBucketPolicy
    )
}

/// A denial as the error it is.
pub(super) fn permitted(decision: Decision) -> Result<(), GatewayError> {
    match decision {
        Decision::Permit { .. } => Ok(()),
        Decision::Deny(denial) => Err(GatewayError::Denied(denial)),
    }
}

/// What a request names.
pub(super) fn named(principal: &Principal, bucket: Option<&str>, key: Option<&str>) -> Resource {
    Resource {
        tenant: principal.tenant.clone(),
        bucket: bucket.map(str::to_owned),
        key: key.map(str::to_owned),
        ..Resource::default()
    }
}

impl Policies {
    /// With what is declared about it.
    pub(super) async fn described(
        &self,
        tenant: &OfTenant,
        mut resource: Resource,
    ) -> Result<Resource, GatewayError> {
        let Some(bucket) = &resource.bucket else {
            return Ok(resource);
        };
        let declared = self.0.lookups.declared(&resource.tenant, bucket).await?;
        let (one, other) = (declared.class.as_ref(), tenant.classes.get(bucket));
        // Where two differ, neither takes away what the other keeps.
        let is_kept = |class: &&String| is_kept(Some(class));
        let kept = one.filter(is_kept).or(other.filter(is_kept));
        resource.class = kept.or(one).or(other).cloned();
        resource.residency.clone_from(&declared.residency);
        Ok(resource)
    }
}

impl Leave {
    /// All actions that the request needs, on what it names. The first denial is the answer.
    pub(super) async fn decide_all(&self, operation: Operation) -> Result<Decision, GatewayError> {
        // What these ask for stands in their documents, and is decided about once those are read.
        let later = match operation {
            Operation::DeleteObjects => Some(EACH_KEY),
            Operation::PutObjectTagging => Some(WITH_TAGS),
            Operation::PutObjectRetention => Some(WITH_RETENTION),
            _ => None,
        };
        if let Some(rule) = later {
            return Ok(Decision::Permit {
                policies: vec![rule.to_owned()],
            });
        }
        let mut by = Vec::new();
        for &action in &self.actions {
            let decision = self.decide(action, self.resource.clone(), (*self.context).clone());
            match decision.await? {
                Decision::Permit { policies } => by.extend(policies),
                denied @ Decision::Deny(_) => return Ok(denied),
            }
        }
        by.sort();
        by.dedup();
        if by.is_empty() {
            return Ok(Decision::Deny(Denial::because(Reason::NotPermitted)));
        }
        Ok(Decision::Permit { policies: by })
    }
}

/// What the trail says of a request whose keys are decided about one by one.
const EACH_KEY: &str = "each-key";

/// The same of a request whose tags policies can ask about.
const WITH_TAGS: &str = "with-tags";

/// The same of a request whose retention policies can ask about.
const WITH_RETENTION: &str = "with-retention";
