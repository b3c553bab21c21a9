//! The access review: who can do what, with which keys, and when they last did anything. For somebody to go through and
//! sign.

mod people;

use http::{Method, StatusCode};
use kms_keys::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::credential::AdminRole;
use super::routes::Route;
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::control::{Document, Form};

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "GetAccessReview",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/access-review",
        roles: &[
            AdminRole::TenantOwner,
            AdminRole::SecurityOfficer,
            AdminRole::Auditor,
        ],
        effect: Effect::Read,
        handler: |admin, call| Box::pin(get(admin, call)),
    },
    Route {
        operation: "SignAccessReview",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/access-review/sign",
        roles: &[AdminRole::TenantOwner, AdminRole::SecurityOfficer],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(sign(admin, call)),
    },
];

/// A review that somebody signed: `access-reviews/<tenant>/<time>`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SignedReview {
    /// Who.
    by: String,
    /// When.
    at: Timestamp,
    /// SHA-256 of the review's JSON, in hexadecimal.
    sha256: String,
    /// What they have to say about it.
    #[serde(default)]
    note: String,
}

impl Document for SignedReview {
    const FOLDER: &'static str = "access-reviews";
    const FORM: Form = Form::Clear;
}

async fn get(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let tenant = call.path("tenant");
    let review = people::review_of(admin, tenant).await?;
    let signed = admin.control.list::<SignedReview>(&[tenant]).await?;
    Reply::of(&json!({
        "sha256": sha256(&review),
        "review": review,
        "signed": signed.iter().map(|kept| &kept.value).collect::<Vec<_>>(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Signature {
    /// Of the review that was looked at.
    sha256: String,
    #[serde(default)]
    note: String,
}

async fn sign(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let given: Signature = call.body()?;
    let tenant = call.path("tenant");
    let review = people::review_of(admin, tenant).await?;
    if sha256(&review) != given.sha256 {
        return Err(AdminError::conflict(
            "The review is not the one that you looked at: something has changed.",
            "Look at it again, and sign the hash that it has now.",
        ));
    }
    let now = admin.clock.now();
    let signed = SignedReview {
        by: call.principal.name.clone(),
        at: now.into(),
        sha256: given.sha256,
        note: given.note,
    };
    let millis = admin.clock.millis().to_string();
    admin.control.create(&[tenant, &millis], &signed).await?;
    Ok(Reply::of(&json!({ "signed": signed }))?.with_status(StatusCode::CREATED))
}

/// Over who can do what and by which policies; not over when they last did, which changes while somebody looks.
fn sha256(review: &Value) -> String {
    let mut lasting = review.clone();
    for list in ["users", "signed_in"] {
        let entries = lasting.get_mut(list).and_then(Value::as_array_mut);
        for entry in entries.into_iter().flatten() {
            if let Some(members) = entry.as_object_mut() {
                members.remove("last_used");
                members.remove("unused");
            }
        }
    }
    hex::encode(Sha256::digest(lasting.to_string().as_bytes()))
}
