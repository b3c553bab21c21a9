//! Operations that end sessions: a lost laptop, somebody who left, an incident.

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::credential::AdminRole;
use super::routes::Route;
use super::tenants::known;
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::sessions::RevokeError;

pub(super) const ROUTES: &[Route] = &[Route {
    operation: "RevokeSessions",
    method: Method::POST,
    path: "/v1/tenants/{tenant}/sessions/revoke",
    roles: &[
        AdminRole::TenantOwner,
        AdminRole::TenantAdmin,
        AdminRole::TenantHelpdesk,
        AdminRole::SecurityOfficer,
    ],
    effect: Effect::Change,
    handler: |admin, call| Box::pin(revoke(admin, call)),
}];

/// One of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// One session, by its access key id.
    access_key_id: Option<String>,
    /// All sessions of a principal until now.
    principal: Option<String>,
    /// All sessions of the tenant until now.
    #[serde(default)]
    everybody: bool,
}

async fn revoke(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let which: Which = call.body()?;
    let tenant = call.path("tenant");
    known(admin, tenant).await?;
    let liveness = &admin.liveness;
    let (what, done) = match (which.access_key_id, which.principal, which.everybody) {
        (Some(id), None, false) => {
            if !crate::sessions::is_session_id(&id) {
                return Err(AdminError::invalid(
                    "access_key_id: that of a session is ASIA and 16 characters; `sealgate credential delete` takes away long-lived ones",
                ));
            }
            let done = liveness.revoke_session(tenant, &id).await;
            (json!({ "access_key_id": id }), done)
        }
        (None, Some(principal), false) => {
            let done = liveness.revoke_all(tenant, Some(&principal)).await;
            (json!({ "principal": principal }), done)
        }
        (None, None, true) => (
            json!({ "everybody": true }),
            liveness.revoke_all(tenant, None).await,
        ),
        _ => {
            return Err(AdminError::invalid(
                "exactly one of access_key_id, principal and everybody says which sessions",
            ));
        }
    };
    match done {
        Ok(()) => Reply::of(&json!({ "revoked": what })),
        Err(RevokeError::Control(error)) => Err(error.into()),
        Err(RevokeError::Replayed) => Err(AdminError::internal()),
    }
}
