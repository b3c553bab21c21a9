//! Operations on a tenant's policies. They are validated before they are kept, and decide within five seconds.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::approval::Approved;
use super::changes::changes;
use super::credential::AdminRole;
use super::routes::Route;
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::authorize::PolicyFiles;
use crate::control::Kept;

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "GetPolicies",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/policies",
        roles: &[
            AdminRole::TenantOwner,
            AdminRole::SecurityOfficer,
            AdminRole::Auditor,
        ],
        effect: Effect::Read,
        handler: |admin, call| Box::pin(get(admin, call)),
    },
    Route {
        operation: "PutPolicies",
        method: Method::PUT,
        path: "/v1/tenants/{tenant}/policies",
        roles: &[AdminRole::TenantOwner],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(put(admin, call)),
    },
];

async fn get(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let tenant = call.path("tenant");
    let kept = admin.control.get_now::<PolicyFiles>(&[tenant]).await?;
    let none = json!({ "policies": null, "version": 0 });
    Reply::of(&kept.as_ref().map_or(none, shown))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    policies: PolicyFiles,
    /// The version that is replaced; 0 where there is none yet.
    version: u64,
    /// Only show what would change.
    #[serde(default)]
    dry_run: bool,
    #[serde(rename = "approval")]
    _approval: Option<String>,
}

/// Whoever takes a bucket's class away that keeps what is in it needs the leave of two others, as for its declaration.
async fn put(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let new: New = call.body()?;
    let tenant = call.path("tenant");
    check(&new.policies)?;
    let kept = admin.control.get_now::<PolicyFiles>(&[tenant]).await?;
    let now = kept.as_ref().map_or(0, |kept| kept.version);
    if now != new.version {
        return Err(AdminError::conflict(
            &format!("The policies have version {now}, not {}.", new.version),
            "Get them, look what has changed, and put yours with that version.",
        ));
    }
    let before = kept.as_ref().map(|kept| &kept.value);
    let changed = changes(&before, &new.policies);
    if new.dry_run || changed.is_empty() {
        let told = json!({ "policies": new.policies, "version": now, "changes": changed });
        return Reply::of(&told);
    }
    let is_weakened = before.is_some_and(|before| before.is_weakened_by(&new.policies));
    let leave = if is_weakened {
        match admin.approved(call).await? {
            Approved::Granted(leave) => Some(leave),
            Approved::Asked(reply) => return Ok(reply),
        }
    } else {
        None
    };
    let written = match &kept {
        Some(kept) => admin.control.replace(kept, &new.policies).await?,
        None => admin.control.create(&[tenant], &new.policies).await?,
    };
    let mut told = shown(&written);
    if let Some(members) = told.as_object_mut() {
        members.insert("changes".to_owned(), json!(changed));
    }
    Ok(Reply::of(&told)?.by_leave(leave.as_ref()))
}

fn check(policies: &PolicyFiles) -> Result<(), AdminError> {
    let is_named = |name: &String| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let stem = name.strip_suffix(".cedar").unwrap_or_default();
        !stem.is_empty() && name.len() <= 100 && name.bytes().all(fits)
    };
    if let Some(name) = policies.files.keys().find(|name| !is_named(name)) {
        return Err(AdminError::invalid(&format!(
            "{name:?} is no name for a file of policies; use letters, digits, dots and hyphens, and end in .cedar"
        )));
    }
    policies.compile(&[]).map(drop).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        AdminError::invalid(&lines.join("\n"))
    })
}

fn shown(kept: &Kept<PolicyFiles>) -> Value {
    json!({ "policies": kept.value, "version": kept.version })
}
