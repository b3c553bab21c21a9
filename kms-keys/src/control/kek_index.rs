//! Which scope's keyring holds a KEK version: one small document for each KEK of a scope, written
//! before the KEK's keyring and never changed. So an object is opened by the id in its header alone,
//! whatever its bucket's template says today, and no scope is ever listed. It must not know keys.
//!
//! KEKs of a tenant's default scope have none: the tenant's default keyring is looked at first.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ControlStore, DeploymentKey, Mac, Written};
use crate::{DocumentFault, KeyError, KeyId, Scope};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    v: u32,
    deployment: String,
    tenant: String,
    kek: KeyId,
    scope: Scope,
}

/// The scope whose keyring is to hold this KEK, if it is not the tenant's default one.
pub(crate) async fn find(
    store: &ControlStore,
    deployment: &DeploymentKey,
    tenant: &str,
    kek: KeyId,
) -> Result<Option<Scope>, KeyError> {
    let place = place(tenant, kek);
    let Some((bytes, _)) = store.read(&place).await? else {
        return Ok(None);
    };
    let refused = |fault| store.refused(&place, fault);
    let (document, _) = deployment.verify::<Document>(&bytes).map_err(refused)?;
    let is_placed = document.v == VERSION
        && document.deployment == deployment.id()
        && document.tenant == tenant
        && document.kek == kek;
    if is_placed {
        Ok(Some(document.scope))
    } else {
        Err(refused(DocumentFault::Misplaced))
    }
}

/// Says where a KEK is about to be; `false` when its id is taken.
pub(crate) async fn add(
    store: &ControlStore,
    deployment: &DeploymentKey,
    tenant: &str,
    kek: KeyId,
    scope: &Scope,
) -> Result<bool, KeyError> {
    let place = place(tenant, kek);
    let bytes =
        document(deployment, tenant, kek, scope).map_err(|fault| store.refused(&place, fault))?;
    match store.create(&place, bytes).await? {
        Written::Stored(_) => Ok(true),
        Written::Outrun => Ok(false),
    }
}

/// The bytes of the document.
pub(crate) fn document(
    deployment: &DeploymentKey,
    tenant: &str,
    kek: KeyId,
    scope: &Scope,
) -> Result<Bytes, DocumentFault> {
    let document = Document {
        v: VERSION,
        deployment: deployment.id().to_owned(),
        tenant: tenant.to_owned(),
        kek,
        scope: scope.clone(),
    };
    Ok(deployment.write(&document)?.0)
}

/// Where the document in these bytes belongs, if it is one of the deployment, and its MAC.
pub(crate) fn placed(
    deployment: &DeploymentKey,
    bytes: &[u8],
) -> Result<([String; 3], Mac), DocumentFault> {
    let (document, mac) = deployment.verify::<Document>(bytes)?;
    if document.v != VERSION || document.deployment != deployment.id() {
        return Err(DocumentFault::Misplaced);
    }
    Ok((place(&document.tenant, document.kek), mac))
}

/// Where the document lies.
pub(crate) fn place(tenant: &str, kek: KeyId) -> [String; 3] {
    ["keks".to_owned(), tenant.to_owned(), format!("{kek}.json")]
}

const VERSION: u32 = 1;
