//! Operations on tenants' keys. What they do is in `kms_keys`; here is who may ask for it, and what needs the leave
//! of others.

use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use kms_keys::{KeyId, KeyringStatus, Purpose, RootKeyName, Scope, State, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use super::approval::Approved;
use super::certificate::{ErasePlan, certificates};
use super::credential::AdminRole;
use super::routes::Route;
use super::{Admin, AdminError, Call, Effect, Reply};

pub(super) const DECIDERS: &[AdminRole] = &[AdminRole::TenantOwner, AdminRole::SecurityOfficer];
pub(super) const RUNNERS: &[AdminRole] = &[
    AdminRole::TenantOwner,
    AdminRole::SecurityOfficer,
    AdminRole::Operator,
];
const WATCHERS: &[AdminRole] = &[
    AdminRole::SecurityOfficer,
    AdminRole::Operator,
    AdminRole::Auditor,
];

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "ListKeyrings",
        method: Method::GET,
        path: "/v1/keys",
        roles: WATCHERS,
        effect: Effect::Read,
        handler: |admin, _| Box::pin(list(admin)),
    },
    Route {
        operation: "GetKeyring",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/keys",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(get(admin, call)),
    },
    Route {
        operation: "RotateKey",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/rotate",
        roles: RUNNERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(rotate(admin, call)),
    },
    Route {
        operation: "RewrapKeys",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/rewrap",
        roles: DECIDERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(rewrap(admin, call)),
    },
    Route {
        operation: "FreezeKeys",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/freeze",
        roles: RUNNERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(freeze(admin, call)),
    },
    Route {
        operation: "ThawKeys",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/thaw",
        roles: DECIDERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(thaw(admin, call)),
    },
    Route {
        operation: "EvictKeys",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/evict",
        roles: RUNNERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(evict(admin, call)),
    },
    Route {
        operation: "DestroyKeys",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/destroy",
        roles: DECIDERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(destroy(admin, call)),
    },
    Route {
        operation: "CancelKeyDestruction",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/cancel-destruction",
        roles: DECIDERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(cancel(admin, call)),
    },
    Route {
        operation: "ListEraseCertificates",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/keys/certificates",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(certificates(admin, call)),
    },
];

async fn list(admin: &Admin) -> Result<Reply, AdminError> {
    let mut keyrings = Vec::new();
    for tenant in admin.keyrings.tenants().await? {
        let status = admin.keyrings.status(&tenant, &Scope::tenant()).await?;
        keyrings.push(told(admin, status)?);
    }
    Reply::of(&json!({ "keyrings": keyrings }))
}

async fn get(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let scope = scope_of(call.query("scope"))?;
    let status = admin.keyrings.status(call.path("tenant"), &scope).await?;
    Reply::of(&told(admin, status)?)
}

/// The tenant's default scope where none is named.
pub(super) fn scope_of(named: Option<&str>) -> Result<Scope, AdminError> {
    named.map_or(Ok(Scope::tenant()), |name| {
        Scope::named(name)
            .ok_or_else(|| AdminError::invalid("scope: `default`, or a prefix that ends in `/`"))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Of {
    scope: Option<String>,
}

async fn rotate(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let of: Of = call.body()?;
    let (tenant, scope) = (call.path("tenant"), scope_of(of.scope.as_deref())?);
    admin.keyrings.rotate(tenant, &scope).await?;
    let status = admin.keyrings.status(tenant, &scope).await?;
    Reply::of(&told(admin, status)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct To {
    /// The root key's id or ARN; none: where a new key of this tenant would be.
    root_key: Option<String>,
    /// Its provider; none: the first that is configured.
    provider: Option<String>,
    scope: Option<String>,
}

async fn rewrap(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let to: To = call.body()?;
    let (tenant, scope) = (call.path("tenant"), scope_of(to.scope.as_deref())?);
    if to.provider.is_some() && to.root_key.is_none() {
        return Err(AdminError::invalid("root_key: which one of the provider's"));
    }
    let first = || {
        let targets = admin.keyrings.providers().targets(None);
        targets.into_iter().next().map(|target| target.provider)
    };
    let name = match to.root_key {
        None => None,
        Some(root_key) => Some(RootKeyName {
            provider: to.provider.or_else(first).unwrap_or_default(),
            root_key,
        }),
    };
    let moved = admin.keyrings.rewrap(tenant, &scope, name.as_ref()).await?;
    let status = told(admin, admin.keyrings.status(tenant, &scope).await?)?;
    Reply::of(&json!({ "moved": moved, "keyring": status }))
}

async fn freeze(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let of: Of = call.body()?;
    let (tenant, scope) = (call.path("tenant"), scope_of(of.scope.as_deref())?);
    Reply::of(&told(admin, admin.keyrings.freeze(tenant, &scope).await?)?)
}

async fn thaw(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let of: Of = call.body()?;
    let (tenant, scope) = (call.path("tenant"), scope_of(of.scope.as_deref())?);
    Reply::of(&told(admin, admin.keyrings.thaw(tenant, &scope).await?)?)
}

async fn evict(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let of: Of = call.body()?;
    let (tenant, scope) = (call.path("tenant"), scope_of(of.scope.as_deref())?);
    Reply::of(&told(admin, admin.keyrings.evict(tenant, &scope).await?)?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Destroy {
    /// One version; none: all of the scope's.
    key: Option<KeyId>,
    scope: Option<String>,
    /// How long it waits and can be taken back.
    days: u32,
    #[serde(rename = "approval")]
    _approval: Option<String>,
}

async fn destroy(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let wish: Destroy = call.body()?;
    if !WAITING_DAYS.contains(&wish.days) {
        return Err(AdminError::invalid(
            "days: a key waits 7 to 30 days for its destruction",
        ));
    }
    let (tenant, scope) = (call.path("tenant"), scope_of(wish.scope.as_deref())?);
    let status = admin.keyrings.status(tenant, &scope).await?;
    check_destroyable(&status, wish.key)?;
    let leave = match admin.approved(call).await? {
        Approved::Granted(leave) => leave,
        Approved::Asked(reply) => return Ok(reply),
    };
    let after = admin.clock.now() + DAY * wish.days;
    let plan = ErasePlan {
        tenant: tenant.to_owned(),
        scope: scope.clone(),
        asked_by: call.principal.name.clone(),
        approved_by: leave.names().to_vec(),
        after: after.into(),
        count: Some(super::jobs::new_id()?),
    };
    // Before the keys: without it nobody could say later who wanted this.
    plan.keep(admin, leave.id()).await?;
    let waits = admin
        .keyrings
        .schedule_destruction(tenant, &scope, wish.key, after);
    let mut status = told(admin, waits.await?)?;
    admin.begin_count(&plan).await?;
    if let Some(members) = status.as_object_mut() {
        members.insert("count".to_owned(), json!(plan.count));
    }
    Ok(Reply::of(&status)?
        .with_status(StatusCode::ACCEPTED)
        .by_leave(&leave))
}

/// Before anybody is asked to approve.
fn check_destroyable(status: &KeyringStatus, only: Option<KeyId>) -> Result<(), AdminError> {
    let keks = || status.keys.iter().filter(|key| key.purpose == Purpose::Kek);
    let Some(id) = only else {
        let lives = |state| matches!(state, State::Active | State::DecryptOnly);
        if keks().any(|key| lives(key.state)) {
            return Ok(());
        }
        return Err(AdminError::conflict(
            "The tenant has no key that could be destroyed.",
            "Look at the keyring: they wait already, or are gone.",
        ));
    };
    match keks().find(|key| key.id == id).map(|key| key.state) {
        None => Err(AdminError::missing(&format!("KEK version {id}"))),
        Some(State::DecryptOnly) => Ok(()),
        Some(State::Active) => Err(AdminError::conflict(
            "This is the active version.",
            "Rotate first, or destroy all of the tenant's keys.",
        )),
        Some(State::PendingDestroy | State::Destroyed) => Err(AdminError::conflict(
            "It waits for its destruction already, or is gone.",
            "Look at the keyring.",
        )),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    /// One version; none: all that wait.
    key: Option<KeyId>,
    scope: Option<String>,
}

async fn cancel(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let which: Which = call.body()?;
    let scope = scope_of(which.scope.as_deref())?;
    let status = admin
        .keyrings
        .cancel_destruction(call.path("tenant"), &scope, which.key);
    Reply::of(&told(admin, status.await?)?)
}

/// A keyring with what follows from the time.
fn told(admin: &Admin, status: KeyringStatus) -> Result<Value, AdminError> {
    let now = admin.clock.now();
    let due = status.active_kek().map(|active| {
        let since = SystemTime::from(active.activated.unwrap_or(active.created));
        since + admin.cryptoperiod
    });
    let mut value = serde_json::to_value(&status).map_err(|_| AdminError::internal())?;
    if let Some(members) = value.as_object_mut() {
        members.insert("rotation_due".to_owned(), json!(due.map(Timestamp::from)));
        let overdue = due.is_some_and(|due| due <= now);
        members.insert("rotation_overdue".to_owned(), json!(overdue));
    }
    Ok(value)
}

const DAY: Duration = Duration::from_hours(24);
const WAITING_DAYS: std::ops::RangeInclusive<u32> = 7..=30;
