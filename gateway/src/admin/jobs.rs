//! Jobs over all objects of a tenant, as administrators ask for them and look at them. What they do is in `jobs`.

use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};
use kms_keys::{KeyError, KeyErrorKind, KeyId};
use serde::Deserialize;
use serde_json::{Value, json};

use super::credential::AdminRole;
use super::keys::{DECIDERS, RUNNERS, scope_of};
use super::routes::Route;
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::control::Kept;
use crate::jobs::{self, Job, Kind, Stage, State, Use, Wish};

pub(super) const ROUTES: &[Route] = &[
    Route {
        operation: "CountKeyUsage",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/usage",
        roles: RUNNERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(begin(admin, call, Kind::Usage)),
    },
    Route {
        operation: "RewrapObjects",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/rewrap-objects",
        roles: RUNNERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(begin(admin, call, Kind::RewrapObjects)),
    },
    Route {
        operation: "Reencrypt",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/reencrypt",
        roles: DECIDERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(begin(admin, call, Kind::Reencrypt)),
    },
    Route {
        operation: "ListJobs",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/keys/jobs",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(list(admin, call)),
    },
    Route {
        operation: "GetJob",
        method: Method::GET,
        path: "/v1/tenants/{tenant}/keys/jobs/{job}",
        roles: &AdminRole::ALL,
        effect: Effect::Read,
        handler: |admin, call| Box::pin(get(admin, call)),
    },
    Route {
        operation: "CancelJob",
        method: Method::POST,
        path: "/v1/tenants/{tenant}/keys/jobs/{job}/cancel",
        roles: RUNNERS,
        effect: Effect::Change,
        handler: |admin, call| Box::pin(cancel(admin, call)),
    },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Begin {
    /// Only this bucket.
    bucket: Option<String>,
    /// Only keys of this scope.
    scope: Option<String>,
    /// At most so many objects and versions a second.
    objects_per_second: Option<u64>,
    /// At most so many stored bytes a second.
    bytes_per_second: Option<u64>,
}

async fn begin(admin: &Admin, call: &Call, kind: Kind) -> Result<Reply, AdminError> {
    let begin: Begin = call.body()?;
    let tenant = call.path("tenant");
    for (name, rate) in [
        ("objects_per_second", begin.objects_per_second),
        ("bytes_per_second", begin.bytes_per_second),
    ] {
        if rate == Some(0) {
            let text = format!("{name}: at least 1, or none for as fast as it goes");
            return Err(AdminError::invalid(&text));
        }
    }
    if let Some(wanted) = &begin.bucket {
        let buckets = admin.buckets.list(tenant).await;
        let buckets = buckets.map_err(|error| {
            tracing::error!(
                error = crate::error::report(&error),
                "a tenant's buckets cannot be listed"
            );
            AdminError::internal()
        })?;
        if !buckets.iter().any(|bucket| bucket.name == *wanted) {
            return Err(AdminError::missing(&format!("bucket {wanted}")));
        }
    }
    let wish = Wish {
        kind,
        bucket: begin.bucket,
        scope: match begin.scope {
            None => None,
            Some(name) => Some(scope_of(Some(&name))?),
        },
        objects_per_second: begin.objects_per_second,
        bytes_per_second: begin.bytes_per_second,
    };
    let kept = admin.begin_job(tenant, wish, &call.principal.name).await?;
    Ok(Reply::of(&shown(&kept, admin.clock.now()))?.with_status(StatusCode::ACCEPTED))
}

async fn list(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let now = admin.clock.now();
    let mut all = admin.control.list::<Job>(&[call.path("tenant")]).await?;
    all.sort_by_key(|kept| kept.value.created);
    let shown = all.iter().map(|kept| {
        let mut value = shown(kept, now);
        // The list is for finding; one job tells all of itself.
        if let Some(progress) = value.get_mut("progress").and_then(Value::as_object_mut) {
            progress.remove("usage");
            progress.remove("left_named");
        }
        value
    });
    Reply::of(&json!({ "jobs": shown.collect::<Vec<_>>() }))
}

async fn get(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let (tenant, id) = (call.path("tenant"), call.path("job"));
    let kept = admin.control.get_now::<Job>(&[tenant, id]).await?;
    let kept = kept.ok_or_else(|| AdminError::missing(&format!("job {id}")))?;
    let mut value = shown(&kept, admin.clock.now());
    let mut rows = Vec::new();
    for (kek, used) in &kept.value.progress.usage {
        rows.push(admin.usage_row(tenant, *kek, used).await?);
    }
    if let Some(members) = value.as_object_mut() {
        members.insert("usage".to_owned(), Value::Array(rows));
    }
    Reply::of(&value)
}

async fn cancel(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let (tenant, id) = (call.path("tenant"), call.path("job"));
    let now = admin.clock.now();
    if admin.control.get_now::<Job>(&[tenant, id]).await?.is_none() {
        return Err(AdminError::missing(&format!("job {id}")));
    }
    let kept = jobs::cancel(&admin.control, tenant, id, now).await?;
    if kept.value.state == State::Done {
        return Err(AdminError::conflict(
            "The job is done already.",
            "Look at it: `sealgate keys jobs show`.",
        ));
    }
    Reply::of(&shown(&kept, now))
}

impl Admin {
    /// Keeps a job and has the replicas work at it.
    pub(super) async fn begin_job(
        &self,
        tenant: &str,
        wish: Wish,
        asked_by: &str,
    ) -> Result<Kept<Job>, AdminError> {
        let job = Job::new(tenant, wish, asked_by, self.clock.now());
        Ok(jobs::post(&self.control, &job, &new_id()?).await?)
    }

    /// What one KEK version is used for, with where that is in its life now.
    async fn usage_row(&self, tenant: &str, kek: KeyId, used: &Use) -> Result<Value, AdminError> {
        let (scope, state) = match self.keyrings.kek_status(tenant, kek).await {
            Ok((scope, status)) => (json!(scope), json!(status.state)),
            Err(error) if error.kind() == KeyErrorKind::Missing => (Value::Null, json!("unknown")),
            Err(error) => return Err(KeyError::into(error)),
        };
        Ok(json!({
            "kek": kek,
            "scope": scope,
            "state": state,
            "current": used.current,
            "noncurrent": used.noncurrent,
            "locked": used.locked,
        }))
    }
}

/// The id of a job that is about to be kept.
pub(super) fn new_id() -> Result<String, AdminError> {
    let mut id = [0; 6];
    getrandom::fill(&mut id).map_err(|_| AdminError::internal())?;
    Ok(hex::encode(id))
}

/// A job with what follows from the time.
fn shown(kept: &Kept<Job>, now: SystemTime) -> Value {
    let job = &kept.value;
    let mut value = json!(job);
    let lives = |until: SystemTime| until > now;
    let status = match job.state {
        State::Done => "done",
        State::Cancelled => "cancelled",
        State::Open
            if job
                .lease
                .as_ref()
                .is_some_and(|lease| lives(lease.until.into())) =>
        {
            "running"
        }
        State::Open => "waiting",
    };
    let rate = rate(job);
    let ahead = job
        .progress
        .total
        .objects
        .saturating_sub(job.progress.seen.objects);
    let left = rate
        .filter(|rate| *rate > 0.0 && job.state == State::Open)
        .and_then(|rate| Duration::try_from_secs_f64(to_f64(ahead) / rate).ok());
    if let Some(members) = value.as_object_mut() {
        members.insert("id".to_owned(), json!(kept.name.last()));
        members.insert("status".to_owned(), json!(status));
        members.insert("objects_a_second".to_owned(), json!(rate));
        let left = left.map(|left| left.as_secs());
        members.insert("seconds_left".to_owned(), json!(left));
    }
    value
}

/// Objects a second since the work began.
fn rate(job: &Job) -> Option<f64> {
    let progress = &job.progress;
    if progress.stage == Stage::Counting && job.state == State::Open {
        return None;
    }
    let (since, last) = (progress.working_since?, progress.last?);
    let took = SystemTime::from(last).duration_since(since.into()).ok()?;
    let rate = to_f64(progress.seen.objects) / took.as_secs_f64().max(0.001);
    Some((rate * 10.0).round() / 10.0)
}

#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "for people: nobody has 2^53 objects"
)]
fn to_f64(number: u64) -> f64 {
    number as f64
}
