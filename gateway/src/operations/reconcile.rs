//! What became of requests without an outcome on record: the store is asked, by the id that the intent names.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use super::{Look, Operations, Place};
use crate::error::{GatewayError, report};
use crate::s3::BucketName;
use crate::telemetry::Telemetry;
use crate::trail::{Found, Orphan, Trail};

impl Operations {
    /// Reconciles what is open, now and whenever something is.
    pub async fn reconcile_for_good(&self, trail: &Trail, telemetry: &Telemetry) -> Infallible {
        loop {
            telemetry.open_intents(trail.open_intents());
            trail.catch_up().await;
            self.reconcile(trail).await;
            telemetry.open_intents(trail.open_intents());
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Reconciles what is open. What cannot be told now stays open.
    pub async fn reconcile(&self, trail: &Trail) {
        let mut logs: BTreeMap<String, bool> = BTreeMap::new();
        for orphan in trail.orphans().await {
            let told = match self.look(&orphan).await {
                Ok(found) => trail
                    .reconcile(&orphan, found)
                    .await
                    .map_err(GatewayError::from),
                Err(error) => Err(error),
            };
            let all = logs.entry(orphan.log.clone()).or_insert(true);
            if let Err(error) = told {
                tracing::warn!(
                    error = report(&error),
                    "an intent without an outcome stays open"
                );
                *all = false;
                trail.still_open(orphan);
            }
        }
        let whole: BTreeSet<String> = logs
            .into_iter()
            .filter(|(_, all)| *all)
            .map(|(log, _)| log)
            .collect();
        for log in whole {
            trail.all_reconciled(&log);
        }
    }

    async fn look(&self, orphan: &Orphan) -> Result<Found, GatewayError> {
        let (Some(tenant), Some(name), Some(key)) = (&orphan.tenant, &orphan.bucket, &orphan.key)
        else {
            return Ok(Found::Unknown);
        };
        let Ok(name) = BucketName::parse(name) else {
            return Ok(Found::Unknown);
        };
        let Some(bucket) = self.buckets.find_now(tenant, &name).await? else {
            return Ok(Found::Absent);
        };
        let (bucket, key) = (Arc::new(bucket), key.clone());
        let there = match self.look_at(&Place { bucket, key }, None).await? {
            Look::Gone => return Ok(of_nothing(orphan)),
            Look::Sealed(head) => Some(hex::encode(head.object_id().0)),
            Look::Folder | Look::NotSealed => None,
        };
        Ok(of_something(orphan, there.as_deref()))
    }
}

/// What an empty key says. (Something may have been written and deleted since.)
fn of_nothing(orphan: &Orphan) -> Found {
    if WRITES.contains(&orphan.op.as_str()) {
        Found::NotWritten
    } else {
        Found::Absent
    }
}

/// What an object at the key says.
fn of_something(orphan: &Orphan, there: Option<&str>) -> Found {
    let writes = WRITES.contains(&orphan.op.as_str());
    match (writes, orphan.object_id.as_deref()) {
        (true, Some(intended)) if there == Some(intended) => Found::Written,
        // A copy has its source's id, which is not known before the store is asked.
        (true, Some(_)) if orphan.op != "s3:CopyObject" => Found::NotWritten,
        (true, _) => Found::Unknown,
        (false, _) => Found::Present,
    }
}

const WRITES: &[&str] = &[
    "s3:PutObject",
    "s3:PostObject",
    "s3:CopyObject",
    "s3:CompleteMultipartUpload",
    "admin:ReencryptObject",
];

/// How long an intent stays open at most while the store answers.
const EVERY: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    fn orphan(op: &str, object_id: Option<&str>) -> Orphan {
        Orphan {
            log: "l".to_owned(),
            intent: audit::Uuid::nil(),
            op: op.to_owned(),
            tenant: None,
            bucket: None,
            key: None,
            object_id: object_id.map(str::to_owned),
        }
    }

    #[test]
    fn a_write_is_told_by_its_objects_id() {
        let put = orphan("s3:PutObject", Some("aa"));
        assert_eq!(of_something(&put, Some("aa")), Found::Written);
        assert_eq!(of_something(&put, Some("bb")), Found::NotWritten);
        assert_eq!(of_something(&put, None), Found::NotWritten);
        assert_eq!(of_nothing(&put), Found::NotWritten);
        let copy = orphan("s3:CopyObject", Some("aa"));
        assert_eq!(of_something(&copy, Some("bb")), Found::Unknown);
        let delete = orphan("s3:DeleteObject", None);
        assert_eq!(of_something(&delete, Some("aa")), Found::Present);
        assert_eq!(of_nothing(&delete), Found::Absent);
    }
}
