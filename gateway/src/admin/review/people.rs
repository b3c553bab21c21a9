//! Everybody of a tenant, with what they may do: what is reviewed.

use std::time::{Duration, SystemTime};

use kms_keys::Timestamp;
use policies::{Kind, Principal};
use serde_json::{Value, json};

use crate::admin::access_keys::keys_of;
use crate::admin::credential::AdminCredential;
use crate::admin::tenants::known;
use crate::admin::{Admin, AdminError};
use crate::authorize::Person;
use crate::config::{IdentityKind, IdentityProviderConfig};
use crate::directory::{DeclaredPrincipal, UserDocument, principal_with_keys};

/// Somebody, and what is said of them; what they may do comes to that.
type Listed = (Person, Value);

/// Everybody of a tenant.
pub(super) async fn review_of(admin: &Admin, tenant: &str) -> Result<Value, AdminError> {
    known(admin, tenant).await?;
    let users = users(admin, tenant).await?;
    let settings = admin.directory.settings(tenant).await?;
    let given: Vec<Listed> = settings
        .identity_providers
        .iter()
        .flat_map(|provider| roles_given(tenant, provider))
        .collect();
    let signed_in = signed_in(admin, tenant, &users).await?;
    let kept = admin.control.list::<AdminCredential>(&[]).await?;
    let administrators: Vec<Value> = kept
        .iter()
        .filter(|kept| kept.value.revoked.is_none())
        .filter(|kept| kept.value.tenant.as_deref().is_none_or(|of| of == tenant))
        .map(|kept| json!({ "name": kept.value.name, "role": kept.value.role }))
        .chain(admin.declared_administrators(tenant))
        .collect();

    let everybody = users.iter().chain(&given).map(|(person, _)| person.clone());
    let allowances = admin
        .policies
        .allowances(tenant, everybody.collect())
        .await?;
    let is_complete = allowances.of.iter().all(Option::is_some);
    let mut of = allowances.of.into_iter();
    let mut told = |listed: Vec<Listed>| {
        let told = listed.into_iter().zip(of.by_ref());
        let told = told.map(|((_, mut said), access)| {
            if let Some(members) = said.as_object_mut() {
                members.insert("access".to_owned(), json!(access));
            }
            said
        });
        told.collect::<Vec<Value>>()
    };
    Ok(json!({
        "tenant": tenant,
        "users": told(users),
        // Whoever an identity provider vouches for, by the roles that claims give.
        "roles_given": told(given),
        "roles": crate::admin::roles::all(admin, tenant).await?,
        // Who of those was here.
        "signed_in": signed_in,
        "administrators": administrators,
        "policies_sha256": allowances.policies_sha256,
        "complete": is_complete,
    }))
}

/// Those whom the configuration declares, and those whom administrators made.
async fn users(admin: &Admin, tenant: &str) -> Result<Vec<Listed>, AdminError> {
    let mut users = Vec::new();
    for (name, principal) in admin.directory.declared_principals(tenant) {
        let last = admin.liveness.last_use(tenant, name).await?;
        let said = json!({
            "name": name, "declared": true, "roles": principal.roles,
            "access_keys": principal.access_keys,
            "last_used": last, "unused": is_unused(admin, last.as_ref()),
        });
        users.push((declared(admin, principal), said));
    }
    for kept in admin.control.list::<UserDocument>(&[tenant]).await? {
        let name = kept.name.get(1).map_or("", String::as_str);
        let user = &kept.value;
        let last = admin.liveness.last_use(tenant, name).await?;
        let said = json!({
            "name": name, "declared": false, "kind": user.kind, "disabled": user.disabled,
            "roles": user.roles, "attributes": user.attributes,
            "access_keys": keys_of(admin, tenant, name).await?,
            "last_used": last, "unused": is_unused(admin, last.as_ref()),
        });
        let person = Person::with_keys(principal_with_keys(tenant, name, user));
        users.push((person, said));
    }
    Ok(users)
}

/// Each key of the configuration acts in its own role.
fn declared(admin: &Admin, principal: &DeclaredPrincipal) -> Person {
    let keys = principal.access_keys.iter();
    let acting = keys.filter_map(|id| admin.directory.declared_key(id));
    Person::acting_as(acting.map(|key| Principal::clone(&key.principal)).collect())
}

/// Sessions act in one role each.
fn roles_given(tenant: &str, provider: &IdentityProviderConfig) -> Vec<Listed> {
    let rule = |rule: &crate::config::RoleRule| {
        let mut principal = Principal::with_roles(tenant, "", [rule.role.as_str()]);
        principal.kind = match provider.kind {
            IdentityKind::Human => Kind::Human,
            IdentityKind::Service => Kind::Service,
        };
        let said = json!({
            "provider": provider.name, "issuer": provider.issuer, "role": rule.role,
            "claim": rule.claim, "values": rule.values, "invited_only": provider.invited_only,
        });
        (Person::vouched_for(principal), said)
    };
    provider.roles.iter().map(rule).collect()
}

/// Whom identity providers vouched for, and who are no users otherwise.
async fn signed_in(
    admin: &Admin,
    tenant: &str,
    users: &[Listed],
) -> Result<Vec<Value>, AdminError> {
    let mut signed_in = Vec::new();
    for (name, last) in admin.liveness.everybody(tenant).await? {
        let known = users
            .iter()
            .any(|(_, user)| user.get("name") == Some(&json!(name)));
        if !known {
            let unused = is_unused(admin, last.as_ref());
            signed_in.push(json!({ "name": name, "last_used": last, "unused": unused }));
        }
    }
    Ok(signed_in)
}

/// Whether it did nothing for so long that it may need nothing.
fn is_unused(admin: &Admin, last: Option<&Timestamp>) -> bool {
    let last = last.map(|at| SystemTime::from(*at));
    let since = last.and_then(|at| admin.clock.now().duration_since(at).ok());
    last.is_none() || since.is_some_and(|since| since >= UNUSED)
}

/// Ninety days.
const UNUSED: Duration = Duration::from_hours(90 * 24);
