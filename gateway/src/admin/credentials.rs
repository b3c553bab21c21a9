//! Operations on admin credentials.

use http::StatusCode;
use kms_keys::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use super::approval::Approved;
use super::credential::{self, AdminCredential, AdminRole};
use super::routes::Route;
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::control::Kept;
use http::Method;

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "WhoAmI",
        method: Method::GET,
        path: "/v1/whoami",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |_, call| Box::pin(async { whoami(call) }),
    },
    Route {
        operation: "ListAdminCredentials",
        method: Method::GET,
        path: "/v1/admin/credentials",
        roles: &[AdminRole::SecurityOfficer, AdminRole::Auditor],
        effect: Effect::Read,
        handler: |admin, _| Box::pin(list(admin)),
    },
    Route {
        operation: "CreateAdminCredential",
        method: Method::POST,
        path: "/v1/admin/credentials",
        roles: &[AdminRole::SecurityOfficer],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(create(admin, call)),
    },
    Route {
        operation: "RevokeAdminCredential",
        method: Method::POST,
        path: "/v1/admin/credentials/{id}/revoke",
        roles: &[AdminRole::SecurityOfficer],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(revoke(admin, call)),
    },
];

fn whoami(call: &Call) -> Result<Reply, AdminError> {
    let principal = &call.principal;
    Reply::of(&json!({
        "credential": principal.credential,
        "name": principal.name,
        "role": principal.role,
        "tenant": principal.tenant,
    }))
}

async fn list(admin: &Admin) -> Result<Reply, AdminError> {
    let kept = admin.control.list::<AdminCredential>(&[]).await?;
    let mut listed: Vec<Value> = kept.iter().map(shown).collect();
    listed.extend(admin.credentials.declared().map(|one| {
        json!({
            "id": one.id, "name": one.name, "role": one.role, "tenant": one.tenant,
            "declared": true, "revoked": null,
        })
    }));
    Reply::of(&json!({ "credentials": listed }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    role: AdminRole,
    tenant: Option<String>,
    #[serde(rename = "approval")]
    _approval: Option<String>,
}

/// By approval only: whoever could make credentials alone could approve alone.
async fn create(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let new: New = call.body()?;
    credential::check(&new.name, new.role, new.tenant.as_deref())?;
    no_data(admin, &new.name).await?;
    let leave = match admin.approved(call).await? {
        Approved::Granted(leave) => leave,
        Approved::Asked(reply) => return Ok(reply),
    };
    let by = format!("{} by {leave}", call.principal.name);
    let tenant = new.tenant.as_deref();
    let token = credential::create(
        &admin.control,
        &admin.clock,
        &new.name,
        new.role,
        tenant,
        &by,
    )
    .await?;
    let made = json!({ "id": token.id(), "token": token.reveal() });
    Ok(Reply::of(&made)?
        .with_status(StatusCode::CREATED)
        .by_leave(&leave))
}

/// Whoever has access to data does not administer: one name is never both.
async fn no_data(admin: &Admin, name: &str) -> Result<(), AdminError> {
    for tenant in admin.directory.tenants().await?.iter() {
        if admin.directory.has_user(tenant, name).await? {
            return Err(AdminError::conflict(
                &format!(
                    "A user of the tenant {tenant} has this name, and users do not administer."
                ),
                "Make the credential for another name of the person, or take the user away.",
            ));
        }
    }
    Ok(())
}

async fn revoke(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let id = call.path("id");
    if admin.credentials.declared().any(|one| one.id == id) {
        return Err(AdminError::conflict(
            "This credential is declared in the configuration file.",
            "Take it out of the file of every replica, and restart them.",
        ));
    }
    let now = Timestamp::from(admin.clock.now());
    let found = admin.control.get_now::<AdminCredential>(&[id]).await?;
    if found.is_none() {
        return Err(AdminError::missing(&format!("admin credential {id}")));
    }
    let revoked = |credential: &AdminCredential| {
        let mut revoked = credential.clone();
        revoked.revoked = Some(now);
        Ok::<_, AdminError>(credential.revoked.is_none().then_some(revoked))
    };
    Reply::of(&shown(&admin.control.change(&[id], revoked).await?))
}

fn shown(kept: &Kept<AdminCredential>) -> Value {
    let one = &kept.value;
    json!({
        "id": kept.name.first(),
        "name": one.name,
        "role": one.role,
        "tenant": one.tenant,
        "created": one.created,
        "created_by": one.created_by,
        "declared": false,
        "revoked": one.revoked,
    })
}
