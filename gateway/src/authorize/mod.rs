//! And may they: asks the policies. The only maker of [`Permitted`].

mod actions;
mod circumstances;

use std::collections::HashMap;
use std::sync::Arc;

use policies::{
    Action, Context, Decision, Denial, Layers, PolicySet, Principal, Request, Resource, Target,
    decide,
};

pub use actions::action_of;

use crate::authenticate::{Authenticated, Proof};
use crate::clock::Clock;
use crate::error::GatewayError;
use crate::s3::{Class, Code, Operation, S3Request};
use crate::sigv4::Payload;
use crate::trail::Access;

/// A request that policy permits. It wraps the request it was issued for, is not `Clone`, and is used up
/// by what it permits. Deciding cannot be skipped: the trail takes nothing less.
///
/// ```compile_fail,E0308
/// # use gateway::{authenticate::Authenticated, s3::S3Request, trail::{Access, Trail}};
/// async fn skip(trail: Trail, request: Authenticated<S3Request>, access: &mut Access) {
///     trail.intent(request, access).await;
/// }
/// ```
#[derive(Debug)]
pub struct Permitted<T> {
    request: T,
    leave: Leave,
    payload: Payload,
}

/// Whose leave a request runs under; decides about further keys the request turns out to name (the
/// source of a copy, the keys of `DeleteObjects`).
#[derive(Debug)]
pub struct Leave {
    principal: Arc<Principal>,
    policies: Arc<PolicySet>,
    session: Option<Arc<PolicySet>>,
    context: Box<Context>,
}

impl<T> Permitted<T> {
    /// What is permitted.
    pub fn request(&self) -> &T {
        &self.request
    }

    pub(crate) fn into_parts(self) -> (T, Leave, Payload) {
        (self.request, self.leave, self.payload)
    }
}

impl Leave {
    /// The tenant on whose buckets the request acts.
    pub fn tenant(&self) -> &str {
        &self.principal.tenant
    }

    /// Decides about one more key.
    pub fn also(&self, action: Action, bucket: &str, key: &str) -> Result<(), Denial> {
        let resource = Resource {
            tenant: self.principal.tenant.clone(),
            bucket: Some(bucket.to_owned()),
            key: Some(key.to_owned()),
            ..Resource::default()
        };
        match self.decide(action, &resource) {
            Decision::Permit { .. } => Ok(()),
            Decision::Deny(denial) => Err(denial),
        }
    }

    fn decide(&self, action: Action, resource: &Resource) -> Decision {
        let layers = Layers {
            tenant: &self.policies,
            bucket: None,
            session: self.session.as_deref(),
        };
        let request = Request {
            principal: &self.principal,
            action,
            resource,
            context: &self.context,
        };
        decide(layers, &request)
    }
}

/// Decides about requests.
#[derive(Debug, Clone)]
pub struct Policies {
    tenants: HashMap<String, Arc<PolicySet>>,
    /// Of tenants that have none of their own.
    shipped: Arc<PolicySet>,
    upstream_region: Arc<str>,
    clock: Clock,
}

impl Policies {
    /// The shipped policies for every tenant. `upstream_region`: where the store behind the gateway is.
    pub fn new(upstream_region: &str, clock: Clock) -> Self {
        Self {
            tenants: HashMap::new(),
            shipped: Arc::new(PolicySet::shipped(true)),
            upstream_region: upstream_region.into(),
            clock,
        }
    }

    /// Permits a request or says why not. Names are looked up in the principal's own tenant only, so the
    /// resource's tenant is the principal's; the tenant rule still runs, as it will decide once resources
    /// can be named otherwise.
    pub fn authorize(
        &self,
        request: Authenticated<S3Request>,
        access: &mut Access,
    ) -> Result<Permitted<S3Request>, GatewayError> {
        let (request, principal, payload, proof) = request.into_parts();
        let operation = request.operation;
        if operation.class() == Class::Refuse {
            let why = operation.why_refused();
            return Err(Code::NotImplemented
                .because(format!("{operation} is not offered: {why}."))
                .into());
        }
        let leave = self.leave(principal, &request, proof);
        let decision = decide_all(&leave, &request);
        access.decided(&decision);
        match decision {
            Decision::Permit { .. } => Ok(Permitted {
                request,
                leave,
                payload,
            }),
            Decision::Deny(denial) => Err(GatewayError::Denied(denial)),
        }
    }

    fn leave(&self, principal: Arc<Principal>, request: &S3Request, proof: Proof) -> Leave {
        let now = self.clock.now();
        let context = circumstances::context_of(request, &proof, now, &self.upstream_region);
        let own = self.tenants.get(&principal.tenant);
        Leave {
            policies: Arc::clone(own.unwrap_or(&self.shipped)),
            session: proof.session_policy,
            context: Box::new(context),
            principal,
        }
    }
}

/// All actions that the request needs, on what it names. The first denial is the answer.
fn decide_all(leave: &Leave, request: &S3Request) -> Decision {
    if request.operation == Operation::DeleteObjects {
        return Decision::Permit {
            policies: vec![EACH_KEY.to_owned()],
        };
    }
    let mut resource = Resource {
        tenant: leave.principal.tenant.clone(),
        bucket: request.bucket.as_ref().map(ToString::to_string),
        key: request.key.as_ref().map(|key| key.as_str().to_owned()),
        ..Resource::default()
    };
    let mut by = Vec::new();
    for action in actions::actions_of(request) {
        if action.target() != Target::Object {
            resource.key = None;
        }
        match leave.decide(action, &resource) {
            Decision::Permit { policies } => by.extend(policies),
            denied @ Decision::Deny(_) => return denied,
        }
    }
    by.sort();
    by.dedup();
    if by.is_empty() {
        return Decision::Deny(Denial::because(policies::Reason::NotPermitted));
    }
    Decision::Permit { policies: by }
}

/// What the trail says of a request whose keys are decided about one by one.
const EACH_KEY: &str = "each-key";
