//! Operations on approvals. What is approved is the business of the operation that asked.

use http::Method;
use kms_keys::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::approval::{Approval, shown};
use super::credential::AdminRole;
use super::routes::Route;
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::control::Kept;

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "ListApprovals",
        method: Method::GET,
        path: "/v1/approvals",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(list(admin, call)),
    },
    Route {
        operation: "GetApproval",
        method: Method::GET,
        path: "/v1/approvals/{id}",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(get(admin, call)),
    },
    Route {
        operation: "Approve",
        method: Method::POST,
        path: "/v1/approvals/{id}/approve",
        roles: &[AdminRole::TenantOwner, AdminRole::SecurityOfficer],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(approve(admin, call)),
    },
    Route {
        operation: "RefuseApproval",
        method: Method::POST,
        path: "/v1/approvals/{id}/refuse",
        roles: &[AdminRole::TenantOwner, AdminRole::SecurityOfficer],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(refuse(admin, call)),
    },
];

async fn list(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let now = Timestamp::from(admin.clock.now());
    let all = admin.control.list::<Approval>(&[]).await?;
    let listed: Vec<Value> = all
        .iter()
        .filter(|kept| concerns(kept, call))
        .filter(|kept| {
            call.query("state")
                .is_none_or(|state| kept.value.state(now) == state)
        })
        .map(|kept| shown(kept, now))
        .collect();
    Reply::of(&json!({ "approvals": listed }))
}

async fn get(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let now = Timestamp::from(admin.clock.now());
    Reply::of(&shown(&find(admin, call).await?, now))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Word {
    /// Of what the approver has looked at.
    parameters_hash: String,
}

async fn approve(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let word: Word = call.body()?;
    admin.must_be_fresh(&call.principal)?;
    find(admin, call).await?;
    let id = [call.path("id")];
    let now = Timestamp::from(admin.clock.now());
    let changed = admin.control.change(&id, |approval: &Approval| {
        approval
            .approved_by(&call.principal, &word.parameters_hash, now)
            .map(Some)
    });
    Reply::of(&shown(&changed.await?, now))
}

async fn refuse(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    find(admin, call).await?;
    let id = [call.path("id")];
    let now = Timestamp::from(admin.clock.now());
    let changed = admin.control.change(&id, |approval: &Approval| {
        approval.refused_by(&call.principal, now).map(Some)
    });
    Reply::of(&shown(&changed.await?, now))
}

/// The approval that the path names, if it concerns who calls.
async fn find(admin: &Admin, call: &Call) -> Result<Kept<Approval>, AdminError> {
    let id = call.path("id");
    let found = admin.control.get_now::<Approval>(&[id]).await?;
    found
        .filter(|kept| concerns(kept, call))
        .ok_or_else(|| AdminError::missing(&format!("approval {id}")))
}

/// A tenant owner knows what is asked about that tenant, and nothing else.
fn concerns(kept: &Kept<Approval>, call: &Call) -> bool {
    !call.principal.role.is_of_one_tenant() || kept.value.tenant == call.principal.tenant
}
