//! And may they: asks the policies. The only maker of [`Permitted`].

mod actions;
mod allowances;
mod circumstances;
mod leave;
mod lookups;
mod sets;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use policies::{Group, PolicySet, Principal};

pub use actions::action_of;
pub use allowances::{Allowance, Allowances, Person};
pub(crate) use circumstances::learn_retention;
pub use leave::Leave;
pub(crate) use lookups::BUCKET_POLICY;
pub use lookups::Lookups;
pub use sets::{PolicyFiles, PolicySets};

use crate::authenticate::{Authenticated, Proof};
use crate::body::{Upload, sniff};
use crate::clock::Clock;
use crate::directory::is_kept;
use crate::error::GatewayError;
use crate::s3::{BucketName, Class, Code, ObjectKey, Operation, S3Request};
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

impl<T> Permitted<T> {
    /// What is permitted.
    pub fn request(&self) -> &T {
        &self.request
    }

    pub(crate) fn into_parts(self) -> (T, Leave, Payload) {
        (self.request, self.leave, self.payload)
    }
}

/// Decides about requests.
#[derive(Debug, Clone)]
pub struct Policies(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Of tenants that have some of their own.
    tenants: HashMap<String, Arc<OfTenant>>,
    /// Of the others, unless they have put some.
    others: Arc<OfTenant>,
    sets: PolicySets,
    lookups: Lookups,
    upstream_region: String,
    clock: Clock,
}

/// What is declared about access for a tenant.
#[derive(Debug, Clone)]
pub struct OfTenant {
    /// The product's, the deployment's and the tenant's policies.
    pub policies: Arc<PolicySet>,
    /// What its buckets are for, by name.
    pub classes: BTreeMap<String, String>,
}

impl Policies {
    /// The policies of tenants as declared, those that others have put, and `others` for the rest.
    /// `upstream_region`: where the store behind the gateway is.
    pub fn new(
        tenants: HashMap<String, Arc<OfTenant>>,
        others: Arc<PolicySet>,
        sets: PolicySets,
        lookups: Lookups,
        upstream_region: &str,
        clock: Clock,
    ) -> Self {
        Self(Arc::new(Inner {
            tenants,
            others: Arc::new(OfTenant {
                policies: others,
                classes: BTreeMap::new(),
            }),
            sets,
            lookups,
            upstream_region: upstream_region.to_owned(),
            clock,
        }))
    }

    /// Permits a request or says why not. Names are looked up in the principal's own tenant only, so the
    /// resource's tenant is the principal's; the tenant rule still runs, as it will decide once resources
    /// can be named otherwise.
    ///
    /// Where a policy asks what type the bytes show, the first of them are waited for, and stay in `body`: the client
    /// is told to go on then before it is decided, and nothing reaches the store.
    pub async fn authorize(
        &self,
        request: Authenticated<S3Request>,
        body: &Upload,
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
        let mut leave = self.leave(principal, &request, proof).await?;
        if begins_an_object(&request) && leave.asks_for_type() {
            let shown = sniff(body, &request, &payload).await?;
            leave.context.sniffed_type = shown.map(str::to_owned);
        }
        if is_kept(leave.resource.class.as_deref()) {
            access.wants_receipt();
        }
        let decision = leave.decide_all(operation).await?;
        access.decided(&decision);
        leave::permitted(decision)?;
        Ok(Permitted {
            request,
            leave,
            payload,
        })
    }

    async fn leave(
        &self,
        principal: Arc<Principal>,
        request: &S3Request,
        proof: Proof,
    ) -> Result<Leave, GatewayError> {
        let principal = self.0.lookups.with_included(principal).await?;
        let now = self.0.clock.now();
        let context = circumstances::context_of(request, &proof, now, &self.0.upstream_region);
        let tenant = self.0.of_tenant(&principal.tenant).await?;
        let bucket = request.bucket.as_ref().map(BucketName::as_str);
        let key = request.key.as_ref().map(ObjectKey::as_str);
        let actions = actions::actions_of(request);
        let mut resource = leave::named(&principal, bucket, key);
        // What nobody may do in the shared bucket is not looked up anything for.
        if actions
            .iter()
            .any(|action| action.group() != Group::Administer)
        {
            resource = self.described(&tenant, resource).await?;
        }
        Ok(Leave {
            resource,
            actions,
            policies: self.clone(),
            tenant,
            session: proof.session_policies,
            context: Box::new(context),
            principal,
        })
    }

    /// The text of all that decides about a tenant's requests now, bucket policies aside: the product's, the deployment's and
    /// its own policies, in the order of their ids.
    pub async fn in_effect(&self, tenant: &str) -> Result<String, GatewayError> {
        Ok(self.0.of_tenant(tenant).await?.policies.text())
    }
}

/// Whether the body begins as an object does.
fn begins_an_object(request: &S3Request) -> bool {
    match request.operation {
        Operation::PutObject | Operation::PostObject => true,
        Operation::UploadPart => circumstances::part_number(request) == Some(1),
        _ => false,
    }
}

impl Inner {
    async fn of_tenant(&self, tenant: &str) -> Result<Arc<OfTenant>, GatewayError> {
        if let Some(declared) = self.tenants.get(tenant) {
            return Ok(Arc::clone(declared));
        }
        let put = self.sets.of(tenant).await?;
        Ok(put.unwrap_or_else(|| Arc::clone(&self.others)))
    }
}
