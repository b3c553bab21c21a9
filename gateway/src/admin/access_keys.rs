//! Operations on users' long-lived access keys.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, StatusCode};
use ipnet::IpNet;
use kms_keys::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::credential::AdminRole;
use super::routes::Route;
use super::tenants::{declared, known};
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::directory::{AccessKeyDocument, UserDocument, UserKind};

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "ListAccessKeys",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/users/{user}/access-keys",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(list(admin, call)),
    },
    Route {
        operation: "CreateAccessKey",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/users/{user}/access-keys",
        roles: &[AdminRole::TenantOwner, AdminRole::TenantAdmin],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(create(admin, call)),
    },
    Route {
        operation: "DeleteAccessKey",
        method: Method::DELETE,
        path: "/v1/tenants/{tenant}/users/{user}/access-keys/{id}",
        roles: &[
            AdminRole::TenantOwner,
            AdminRole::TenantAdmin,
            AdminRole::TenantHelpdesk,
            AdminRole::SecurityOfficer,
        ],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(delete(admin, call)),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    /// The networks it may be used from, in CIDR notation.
    #[serde(default)]
    networks: Vec<String>,
    /// The client's certificate it may be used with only: its SHA-256, hexadecimal.
    certificate: Option<String>,
    /// Days until it ends; without, the tenant's most.
    days: Option<u32>,
}

async fn create(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let new: New = call.body()?;
    let (tenant, user) = (call.path("tenant"), call.path("user"));
    let settings = known(admin, tenant).await?;
    if admin.directory.declared_principal(tenant, user).is_some() {
        return Err(declared("This user"));
    }
    let found = admin
        .control
        .get_now::<UserDocument>(&[tenant, user])
        .await?;
    let found = found.ok_or_else(|| AdminError::missing(&format!("user {user}")))?;
    if found.value.kind == UserKind::Human && !settings.keys_for_people {
        return Err(AdminError::forbidden(
            "People have no long-lived access keys in this tenant.",
            "Have them sign in with the identity provider; or set keys_for_people in the tenant.",
        ));
    }
    if found.value.access_keys.len() >= MOST_KEYS {
        return Err(AdminError::conflict(
            &format!("A user has at most {MOST_KEYS} access keys."),
            "Delete one that is not used any more.",
        ));
    }
    let days = new.days.unwrap_or(settings.longest_key_days);
    if !(1..=settings.longest_key_days).contains(&days) {
        return Err(AdminError::invalid(&format!(
            "days: from 1 to {}, the most of this tenant",
            settings.longest_key_days
        )));
    }
    let mut networks = Vec::new();
    for network in &new.networks {
        let parsed: IpNet = network.parse().map_err(|_| {
            AdminError::invalid(&format!(
                "networks: {network:?} is no network like 192.0.2.0/24"
            ))
        })?;
        networks.push(parsed.trunc().to_string());
    }
    let certificate = new
        .certificate
        .map(|fingerprint| fingerprint.to_ascii_lowercase());
    if certificate
        .as_deref()
        .is_some_and(|text| !is_fingerprint(text))
    {
        return Err(AdminError::invalid(
            "certificate: the SHA-256 of the certificate, 64 hexadecimal digits",
        ));
    }
    let now = admin.clock.now();
    let id = admin
        .directory
        .new_id()
        .map_err(|_| AdminError::internal())?;
    let mut random = Zeroizing::new([0; 30]);
    getrandom::fill(random.as_mut_slice()).map_err(|_| AdminError::internal())?;
    let lasts = Duration::from_hours(24).saturating_mul(days);
    let key = AccessKeyDocument {
        tenant: tenant.to_owned(),
        user: user.to_owned(),
        secret: URL_SAFE_NO_PAD.encode(random.as_slice()),
        networks,
        certificate,
        created: now.into(),
        created_by: call.principal.name.clone(),
        expires: now.checked_add(lasts).unwrap_or(now).into(),
    };
    // First the key, then the user that lists it: between the two it is good for nothing.
    admin.control.create(&[&id], &key).await?;
    admin
        .control
        .change(&[tenant, user], |user: &UserDocument| {
            let mut next = user.clone();
            next.access_keys.insert(id.clone());
            Ok::<_, AdminError>(Some(next))
        })
        .await?;
    let made = json!({
        "access_key_id": id, "secret_access_key": key.secret,
        "networks": key.networks, "certificate": key.certificate, "expires": key.expires,
    });
    Ok(Reply::of(&made)?.with_status(StatusCode::CREATED))
}

async fn list(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let (tenant, user) = (call.path("tenant"), call.path("user"));
    known(admin, tenant).await?;
    let listed = match admin.directory.declared_principal(tenant, user) {
        Some(principal) => principal
            .access_keys
            .iter()
            .map(|id| json!({ "access_key_id": id, "declared": true }))
            .collect(),
        None => keys_of(admin, tenant, user).await?,
    };
    Reply::of(&json!({ "access_keys": listed }))
}

/// What may be told of a user's keys.
pub(super) async fn keys_of(
    admin: &Admin,
    tenant: &str,
    user: &str,
) -> Result<Vec<Value>, AdminError> {
    let found = admin
        .control
        .get_now::<UserDocument>(&[tenant, user])
        .await?;
    let found = found.ok_or_else(|| AdminError::missing(&format!("user {user}")))?;
    let now = Timestamp::from(admin.clock.now());
    let mut listed = Vec::new();
    for id in &found.value.access_keys {
        if let Some(kept) = admin.control.get_now::<AccessKeyDocument>(&[id]).await? {
            let key = &kept.value;
            listed.push(json!({
                "access_key_id": id, "networks": key.networks, "certificate": key.certificate,
                "created": key.created,
                "created_by": key.created_by, "expires": key.expires,
                "expired": key.expires <= now, "declared": false,
            }));
        }
    }
    Ok(listed)
}

async fn delete(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let (tenant, user, id) = (call.path("tenant"), call.path("user"), call.path("id"));
    known(admin, tenant).await?;
    if admin.directory.declared_key(id).is_some() {
        return Err(declared("This access key"));
    }
    let missing = || AdminError::missing(&format!("access key {id} of user {user}"));
    let found = admin
        .control
        .get_now::<UserDocument>(&[tenant, user])
        .await?;
    if !found.is_some_and(|kept| kept.value.access_keys.contains(id)) {
        return Err(missing());
    }
    // First the user that lists it: from then on it is good for nothing.
    admin
        .control
        .change(&[tenant, user], |user: &UserDocument| {
            let mut next = user.clone();
            Ok::<_, AdminError>(next.access_keys.remove(id).then_some(next))
        })
        .await?;
    if let Some(kept) = admin.control.get_now::<AccessKeyDocument>(&[id]).await? {
        admin.control.delete(&kept).await?;
    }
    Reply::of(&json!({ "access_key_id": id, "deleted": true }))
}

/// Whether it is a SHA-256 in lower-case hexadecimal.
fn is_fingerprint(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

const MOST_KEYS: usize = 8;
