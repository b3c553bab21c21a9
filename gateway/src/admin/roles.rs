//! Operations on what is said of a tenant's roles. What a role may do is said by policies.

use http::Method;
use serde_json::{Value, json};

use super::credential::AdminRole;
use super::routes::Route;
use super::tenants::{Put, known, put_by_leave};
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::control::Kept;
use crate::directory::{MOST_INCLUDED, RoleDocument, RolesError};

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "ListRoles",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/roles",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(list(admin, call)),
    },
    Route {
        operation: "GetRole",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/roles/{role}",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(get(admin, call)),
    },
    Route {
        operation: "SetRole",
        method: Method::PUT,
        path: "/v1/tenants/{tenant}/roles/{role}",
        roles: &[AdminRole::TenantOwner],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(set(admin, call)),
    },
    Route {
        operation: "DeleteRole",
        method: Method::DELETE,
        path: "/v1/tenants/{tenant}/roles/{role}",
        roles: &[AdminRole::TenantOwner],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(delete(admin, call)),
    },
];

async fn list(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    Reply::of(&json!({ "roles": all(admin, call.path("tenant")).await? }))
}

/// What is said of a tenant's roles.
pub(super) async fn all(admin: &Admin, tenant: &str) -> Result<Vec<Value>, AdminError> {
    known(admin, tenant).await?;
    let kept = admin.control.list::<RoleDocument>(&[tenant]).await?;
    Ok(kept.iter().map(shown).collect())
}

async fn get(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    Reply::of(&shown(&there(admin, call).await?))
}

async fn there(admin: &Admin, call: &Call) -> Result<Kept<RoleDocument>, AdminError> {
    let (tenant, role) = (call.path("tenant"), call.path("role"));
    known(admin, tenant).await?;
    let kept = admin
        .control
        .get_now::<RoleDocument>(&[tenant, role])
        .await?;
    kept.ok_or_else(|| AdminError::missing(&format!("role {role}, of which something is said")))
}

async fn set(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let (tenant, role) = (call.path("tenant"), call.path("role"));
    known(admin, tenant).await?;
    let asked: Put<RoleDocument> = call.body()?;
    let next = &asked.value;
    next.check(role)
        .map_err(|(member, why)| AdminError::invalid(&format!("{member}: {why}")))?;
    let within = admin.directory.with_included(tenant, &next.includes).await;
    let within = within.map_err(|error| match error {
        RolesError::TooMany => AdminError::invalid(&format!("includes: {error}")),
        RolesError::Control(error) => error.into(),
    })?;
    if within.len() > MOST_INCLUDED {
        let error = RolesError::TooMany;
        return Err(AdminError::invalid(&format!("includes: {error}")));
    }
    if within.contains(role) {
        return Err(AdminError::invalid(&format!(
            "includes: {role} would include itself; take it out of the roles that it includes"
        )));
    }
    put_by_leave(admin, call, &[tenant, role], next, |_| false).await
}

/// The role is its name again.
async fn delete(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let kept = there(admin, call).await?;
    admin.control.delete(&kept).await?;
    Reply::of(&json!({ "deleted": call.path("role") }))
}

fn shown(kept: &Kept<RoleDocument>) -> Value {
    json!({ "name": kept.name.get(1), "version": kept.version, "value": kept.value })
}
