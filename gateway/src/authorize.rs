//! And may they: asks the policies. The only maker of [`Permitted`].

use std::sync::Arc;

use policies::{Action, Decision, Denial, Principal, Resource, decide};

use crate::authenticate::Authenticated;
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
        };
        match decide(&self.principal, action, &resource) {
            Decision::Permit(_) => Ok(()),
            Decision::Deny(denial) => Err(denial),
        }
    }
}

/// Decides about requests.
#[derive(Debug, Default)]
pub struct Policies;

impl Policies {
    /// Permits a request or says why not. Names are looked up in the principal's own tenant only, so the
    /// resource's tenant is the principal's; the tenant rule still runs, as it will decide once resources
    /// can be named otherwise.
    pub fn authorize(
        &self,
        request: Authenticated<S3Request>,
        access: &mut Access,
    ) -> Result<Permitted<S3Request>, GatewayError> {
        let (request, principal, payload) = request.into_parts();
        let operation = request.operation;
        if operation.class() == Class::Refuse {
            let why = operation.why_refused();
            return Err(Code::NotImplemented
                .because(format!("{operation} is not offered: {why}."))
                .into());
        }
        let resource = Resource {
            tenant: principal.tenant.clone(),
            bucket: request.bucket.as_ref().map(ToString::to_string),
            key: request.key.as_ref().map(|key| key.as_str().to_owned()),
        };
        let decision = decide(&principal, action_of(operation), &resource);
        access.decided(decision);
        match decision {
            Decision::Permit(_) => Ok(Permitted {
                request,
                leave: Leave { principal },
                payload,
            }),
            Decision::Deny(denial) => Err(GatewayError::Denied(denial)),
        }
    }
}

/// What an operation does, in the policies' terms.
pub fn action_of(operation: Operation) -> Action {
    use crate::s3::Target::{Bucket, Object, Service};
    if operation.class() == Class::Admin {
        return Action::Administer;
    }
    match (operation, operation.target(), operation.method()) {
        (Operation::PreflightRequest, ..) => Action::List,
        (Operation::DeleteObjects, ..) => Action::Delete,
        (Operation::PutObjectLegalHold | Operation::PutObjectRetention, ..) => Action::Protect,
        (
            Operation::PutObjectTagging | Operation::DeleteObjectTagging | Operation::RestoreObject,
            ..,
        ) => Action::Change,
        (Operation::AbortMultipartUpload | Operation::PostObject, ..) => Action::Write,
        (_, Object, "GET" | "HEAD") => Action::Read,
        (_, Object, "DELETE") => Action::Delete,
        (_, Object, _) => Action::Write,
        (_, Bucket | Service, "GET" | "HEAD") => Action::List,
        (_, Bucket | Service, _) => Action::ManageBucket,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::s3::operation::REGISTRY;

    #[test]
    fn every_operation_that_changes_something_needs_more_than_reading() {
        for row in REGISTRY
            .iter()
            .filter(|row| !matches!(row.method, "GET" | "HEAD" | "OPTIONS"))
        {
            assert!(
                !matches!(action_of(row.operation), Action::Read | Action::List),
                "{}",
                row.operation
            );
        }
    }

    #[test]
    fn settings_of_the_shared_bucket_are_for_no_tenant() {
        let administered: Vec<_> = REGISTRY
            .iter()
            .filter(|row| action_of(row.operation) == Action::Administer)
            .collect();
        assert_eq!(administered.len(), 27);
        assert!(
            policies::Role::ALL
                .iter()
                .all(|role| !role.permits(Action::Administer))
        );
    }
}
