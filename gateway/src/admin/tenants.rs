//! Operations on tenants and their users. Each shows what it changes, before with `dry_run` and after.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::approval::Approved;
use super::changes::changes;
use super::credential::{AdminCredential, AdminRole, person};
use super::routes::Route;
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::config::{TenantLimits, TenantSettings};
use crate::control::{Document, Kept};
use crate::directory::{TenantDocument, UserDocument, is_role_name};
use crate::stored_bytes::Stored;

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "ListTenants",
        method: Method::GET,
        path: "/v1/tenants",
        roles: &[
            AdminRole::SecurityOfficer,
            AdminRole::Operator,
            AdminRole::Auditor,
        ],
        effect: Effect::Read,
        handler: |admin, _| Box::pin(list_tenants(admin)),
    },
    Route {
        operation: "GetTenant",
        method: Method::GET,
        path: "/v1/tenants/{tenant}",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(get_tenant(admin, call)),
    },
    Route {
        operation: "SetTenant",
        method: Method::PUT,
        path: "/v1/tenants/{tenant}",
        roles: &[AdminRole::SecurityOfficer],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(set_tenant(admin, call)),
    },
    Route {
        operation: "ListUsers",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/users",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(list_users(admin, call)),
    },
    Route {
        operation: "GetUser",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/users/{user}",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(get_user(admin, call)),
    },
    Route {
        operation: "SetUser",
        method: Method::PUT,
        path: "/v1/tenants/{tenant}/users/{user}",
        roles: &[AdminRole::TenantOwner, AdminRole::TenantAdmin],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(set_user(admin, call)),
    },
];

/// What a PUT carries beside the document.
#[derive(Debug, Deserialize)]
pub(super) struct Put<T> {
    /// The document as it shall be.
    pub(super) value: T,
    /// The version that it replaces; without, whichever is there.
    #[serde(default)]
    version: Option<u64>,
    /// Only show what would change.
    #[serde(default)]
    dry_run: bool,
}

/// Puts a document in its place, or shows what that would change.
async fn put<T>(admin: &Admin, call: &Call, name: &[&str], next: &T) -> Result<Reply, AdminError>
where
    T: Document + Clone + PartialEq,
{
    put_by_leave(admin, call, name, next, |_| false).await
}

/// The same; with the leave of two others where `is_grave` says so of what is there now, if anything is.
pub(super) async fn put_by_leave<T>(
    admin: &Admin,
    call: &Call,
    name: &[&str],
    next: &T,
    is_grave: impl Fn(Option<&T>) -> bool,
) -> Result<Reply, AdminError>
where
    T: Document + Clone + PartialEq,
{
    let asked: Put<Value> = call.body()?;
    let found = admin.control.get_now::<T>(name).await?;
    let version = found.as_ref().map_or(0, |kept| kept.version);
    if asked.version.is_some_and(|wanted| wanted != version) {
        return Err(AdminError::conflict(
            "Somebody else changed it since.",
            "Look at it again, and call with the version that it has now.",
        ));
    }
    let before = found.as_ref().map(|kept| kept.value.clone());
    let changed = changes(&before, next);
    let leave = if is_grave(before.as_ref()) && !asked.dry_run {
        match admin.approved(call).await? {
            Approved::Granted(leave) => Some(leave),
            Approved::Asked(reply) => return Ok(reply),
        }
    } else {
        None
    };
    let version = match (&found, asked.dry_run || changed.is_empty()) {
        (_, true) => version,
        (Some(kept), false) => admin.control.replace(kept, next).await?.version,
        (None, false) => admin.control.create(name, next).await?.version,
    };
    let reply = Reply::of(&json!({
        "value": next, "version": version, "changes": changed, "dry_run": asked.dry_run,
    }))?;
    Ok(reply.by_leave(leave.as_ref()))
}

async fn list_tenants(admin: &Admin) -> Result<Reply, AdminError> {
    let mut listed = Vec::new();
    for id in admin.directory.tenants().await?.iter() {
        listed.push(shown_tenant(admin, id).await?);
    }
    Reply::of(&json!({ "tenants": listed }))
}

async fn get_tenant(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let id = call.path("tenant");
    known(admin, id).await?;
    Reply::of(&shown_tenant(admin, id).await?)
}

async fn shown_tenant(admin: &Admin, id: &str) -> Result<Value, AdminError> {
    let kept = admin.control.get_now::<TenantDocument>(&[id]).await?;
    let version = kept.as_ref().map_or(0, |kept| kept.version);
    let value = kept.map(|kept| kept.value).unwrap_or_default();
    Ok(json!({
        "id": id, "value": value, "version": version, "declared": admin.directory.declares(id),
        "stored": stored(admin, id).await?,
    }))
}

/// What a tenant with a limit to it stores; null without a limit.
async fn stored(admin: &Admin, id: &str) -> Result<Value, AdminError> {
    let Some(limit) = admin.directory.settings(id).await?.limits.stored_bytes else {
        return Ok(Value::Null);
    };
    let kept = admin.control.get::<Stored>(&[id]).await?;
    let counted = kept.and_then(|kept| kept.value.counted);
    Ok(json!({
        "limit": limit,
        "bytes": counted.map(|counted| counted.amount.bytes),
        "objects": counted.map(|counted| counted.amount.objects),
        "counted": counted.map(|counted| counted.ended),
        "exceeds": counted.is_some_and(|counted| counted.amount.bytes > limit),
    }))
}

/// Who vouches for a tenant's people decides who reads its data, so one officer does not add anybody alone: not to a
/// new tenant either, whose name may be that of one whose data is still there.
async fn set_tenant(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let id = call.path("tenant");
    let good = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    if id.len() > 32 || !id.bytes().all(good) {
        return Err(AdminError::invalid("tenant: 1 to 32 of a-z, 0-9 and -"));
    }
    let asked: Put<TenantDocument> = call.body()?;
    if !(1..=LONGEST_KEY_DAYS).contains(&asked.value.longest_key_days) {
        return Err(AdminError::invalid(&format!(
            "longest_key_days: from 1 to {LONGEST_KEY_DAYS}"
        )));
    }
    let next = &asked.value;
    let kept = admin.control.get_now::<TenantDocument>(&[id]).await?;
    let kept = kept.map(|kept| kept.value.settings).unwrap_or_default();
    // What is kept may stay, so that the rest can be changed whatever became of it.
    if next.settings != kept {
        check_settings(admin, id, &next.settings)?;
    }
    let is_grave = |before: Option<&TenantDocument>| match before {
        Some(before) => before.is_widened_by(next),
        None => TenantDocument::default().is_widened_by(next),
    };
    put_by_leave(admin, call, &[id], next, is_grave).await
}

fn check_settings(admin: &Admin, id: &str, settings: &str) -> Result<(), AdminError> {
    if !settings.is_empty() && admin.directory.declares(id) {
        return Err(declared(
            "This tenant, with its limits and identity providers,",
        ));
    }
    let read = TenantSettings::parse(settings, TenantLimits::default());
    read.map(drop).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        AdminError::invalid(&format!("settings: {}", lines.join("; ")))
    })
}

async fn list_users(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let tenant = call.path("tenant");
    known(admin, tenant).await?;
    let kept = admin.control.list::<UserDocument>(&[tenant]).await?;
    let mut listed: Vec<Value> = kept.iter().map(shown_user).collect();
    let declared = admin.directory.declared_principals(tenant);
    listed.extend(declared.map(|(name, principal)| {
        json!({
            "name": name, "declared": true, "version": 0,
            "value": { "roles": principal.roles, "access_keys": principal.access_keys },
        })
    }));
    Reply::of(&json!({ "users": listed }))
}

async fn get_user(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let (tenant, user) = (call.path("tenant"), call.path("user"));
    known(admin, tenant).await?;
    let kept = admin
        .control
        .get_now::<UserDocument>(&[tenant, user])
        .await?;
    let kept = kept.ok_or_else(|| AdminError::missing(&format!("user {user}")))?;
    Reply::of(&shown_user(&kept))
}

fn shown_user(kept: &Kept<UserDocument>) -> Value {
    json!({
        "name": kept.name.get(1), "declared": false, "version": kept.version, "value": kept.value,
    })
}

async fn set_user(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let (tenant, user) = (call.path("tenant"), call.path("user"));
    known(admin, tenant).await?;
    if admin.directory.declared_principal(tenant, user).is_some() {
        return Err(declared("This user"));
    }
    let mut asked: Put<UserDocument> = call.body()?;
    if user.len() > LONGEST_NAME || user.contains(char::is_control) {
        return Err(AdminError::invalid(&format!(
            "user: 1 to {LONGEST_NAME} bytes without control characters"
        )));
    }
    if let Some(role) = asked.value.roles.iter().find(|role| !is_role_name(role)) {
        return Err(AdminError::invalid(&format!(
            "roles: {role:?} must be 1 to 64 letters, digits or _ - . @ + ="
        )));
    }
    no_administrator(admin, user).await?;
    // Access keys are made and taken away by operations of their own.
    let found = admin
        .control
        .get_now::<UserDocument>(&[tenant, user])
        .await?;
    asked.value.access_keys = found.map(|kept| kept.value.access_keys).unwrap_or_default();
    put(admin, call, &[tenant, user], &asked.value).await
}

/// Whoever administers has no access to data, and the other way round: one name is never both.
async fn no_administrator(admin: &Admin, name: &str) -> Result<(), AdminError> {
    let kept = admin.control.list::<AdminCredential>(&[]).await?;
    let mut names = kept
        .iter()
        .filter(|kept| kept.value.revoked.is_none())
        .map(|kept| kept.value.name.as_str())
        .chain(admin.declared_names());
    // Somebody an identity provider vouches for is `provider/subject`.
    let plain = person(name);
    if names.any(|known| known == name || known == plain) {
        return Err(AdminError::conflict(
            "An administrator has this name, and administrators have no access to data.",
            "Give the person another name for working with data, or revoke the admin credential.",
        ));
    }
    Ok(())
}

/// Refuses tenants that there are not.
pub(super) async fn known(admin: &Admin, tenant: &str) -> Result<TenantDocument, AdminError> {
    let found = admin.directory.tenant(tenant).await?;
    found.ok_or_else(|| AdminError::missing(&format!("tenant {tenant}")))
}

pub(super) fn declared(what: &str) -> AdminError {
    AdminError::conflict(
        &format!("{what} is declared in the configuration file."),
        "Change the file of every replica, and restart them.",
    )
}

const LONGEST_KEY_DAYS: u32 = 730;
const LONGEST_NAME: usize = 255;
