//! Operations on what is declared of a tenant's buckets: what they are for, into which key scopes they are split, and
//! where their objects may lie. The buckets themselves are made by clients; a declaration need not wait for that.

use http::Method;
use serde_json::{Value, json};

use super::credential::AdminRole;
use super::routes::Route;
use super::tenants::{Put, declared, known, put_by_leave};
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::directory::{BucketDocument, DeclaredBucket, is_bucket_name};

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "ListBucketDeclarations",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/buckets",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(list(admin, call)),
    },
    Route {
        operation: "GetBucketDeclaration",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/buckets/{bucket}",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(get(admin, call)),
    },
    Route {
        operation: "SetBucketDeclaration",
        method: Method::PUT,
        path: "/v1/tenants/{tenant}/buckets/{bucket}",
        roles: &[AdminRole::TenantOwner],
        effect: Effect::Change,
        handler: |admin, call| Box::pin(set(admin, call)),
    },
];

async fn list(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let tenant = call.path("tenant");
    known(admin, tenant).await?;
    let found = admin.directory.declared_buckets(tenant).await?;
    let listed: Vec<Value> = found.iter().map(|(name, one)| shown(name, one)).collect();
    Reply::of(&json!({ "buckets": listed }))
}

async fn get(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let (tenant, bucket) = (call.path("tenant"), call.path("bucket"));
    known(admin, tenant).await?;
    let found = admin.directory.declared_buckets(tenant).await?;
    let one = found
        .get(bucket)
        .ok_or_else(|| AdminError::missing(&format!("declaration of a bucket {bucket}")))?;
    Reply::of(&shown(bucket, one))
}

/// Whoever lets more happen than before needs the leave of two others.
async fn set(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let (tenant, bucket) = (call.path("tenant"), call.path("bucket"));
    known(admin, tenant).await?;
    if admin.directory.declared_bucket(tenant, bucket).is_some() {
        return Err(declared("This bucket"));
    }
    if !is_bucket_name(bucket) {
        return Err(AdminError::invalid(&format!(
            "bucket: {bucket:?} is no name of a bucket"
        )));
    }
    let asked: Put<BucketDocument> = call.body()?;
    let next = &asked.value;
    next.check()
        .map_err(|(member, why)| AdminError::invalid(&format!("{member}: {why}")))?;
    let is_grave =
        |before: Option<&BucketDocument>| before.is_some_and(|before| before.is_weakened_by(next));
    put_by_leave(admin, call, &[tenant, bucket], next, is_grave).await
}

fn shown(name: &str, one: &DeclaredBucket) -> Value {
    json!({
        "name": name, "declared": one.in_configuration, "version": one.version, "value": one.value,
    })
}
