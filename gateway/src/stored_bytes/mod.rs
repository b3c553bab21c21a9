//! How much tenants store: counted from listings, now and then, where a tenant has a limit to it. The limit is soft:
//! nothing is refused, and whoever watches is told. It must not open any object.
//!
//! One replica at a time counts a tenant, by a lease in the tenant's document; what was counted is there for all.

mod count;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use audit::{Class, Decision, Event};
use kms_keys::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::buckets::Buckets;
use crate::clock::Clock;
use crate::control::{Control, ControlError, Document, Form, Kept};
use crate::directory::Directory;
use crate::error::{GatewayError, report};
use crate::jobs::{Amount, Lease};
use crate::operations::Operations;
use crate::telemetry::Telemetry;
use crate::trail::Trail;

/// What a tenant stores: `stored-bytes/<tenant>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stored {
    /// The last count that came to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
    /// Whether that is more than the limit, as the trail was told.
    #[serde(default)]
    pub exceeds: bool,
    /// A count that has not come to its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    under_way: Option<UnderWay>,
    /// Who counts, if anybody does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lease: Option<Lease>,
}

/// What was counted: objects, and versions where a bucket keeps them, as they lie in the store. Parts of uploads that
/// were not completed are not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counted {
    /// So many, and so many stored bytes.
    pub amount: Amount,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct UnderWay {
    began: Timestamp,
    /// The last bucket that was counted as a whole.
    done: String,
    /// Of the buckets up to there.
    amount: Amount,
}

impl Document for Stored {
    const FOLDER: &'static str = "stored-bytes";
    const FORM: Form = Form::Clear;
}

impl Stored {
    /// Whether it is time to count: an hour after the last count, or ten times as long as that took, so that counting
    /// is a small part of what the store does.
    fn is_due(&self, now: SystemTime) -> bool {
        let Some(counted) = self.counted else {
            return true;
        };
        let (began, ended) = (
            SystemTime::from(counted.began),
            SystemTime::from(counted.ended),
        );
        let took = ended.duration_since(began).unwrap_or_default();
        let rest = COUNTED_EVERY.max(took.saturating_mul(10));
        now.duration_since(ended).is_ok_and(|since| since >= rest)
    }

    /// Whether the last count is more than this.
    fn is_above(&self, limit: Option<u64>) -> bool {
        let bytes = self.counted.map(|counted| counted.amount.bytes);
        limit.zip(bytes).is_some_and(|(limit, bytes)| bytes > limit)
    }

    /// Whether somebody else is at it.
    fn is_taken(&self, now: SystemTime) -> bool {
        let lease = self.lease.as_ref();
        lease.is_some_and(|lease| SystemTime::from(lease.until) > now)
    }
}

/// Counts what tenants store, as one replica does it.
pub struct StoredBytes {
    control: Control,
    directory: Arc<Directory>,
    buckets: Buckets,
    operations: Operations,
    trail: Trail,
    telemetry: Arc<Telemetry>,
    clock: Clock,
    /// Names this run of this replica.
    holder: String,
}

impl std::fmt::Debug for StoredBytes {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("StoredBytes")
    }
}

impl StoredBytes {
    /// Of this replica.
    pub fn new(
        (control, directory): (Control, Arc<Directory>),
        operations: Operations,
        trail: Trail,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        Self {
            control,
            directory,
            buckets: operations.buckets.clone(),
            clock: operations.clock.clone(),
            operations,
            trail,
            telemetry,
            holder: Uuid::new_v4().to_string(),
        }
    }

    /// Counts what is due, and tells what was counted, for as long as it is asked. Telling waits for no count.
    pub async fn run(self) -> Infallible {
        tokio::select! {
            never = self.keep_counting() => never,
            never = self.keep_telling() => never,
        }
    }

    async fn keep_counting(&self) -> Infallible {
        loop {
            if let Err(error) = self.see_to_all().await {
                tracing::warn!(
                    error = report(&error),
                    "what tenants store cannot be looked at"
                );
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn keep_telling(&self) -> Infallible {
        let mut told = BTreeSet::new();
        loop {
            if let Err(error) = self.tell(&mut told).await {
                tracing::warn!(error = report(&error), "what tenants store cannot be told");
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// One tenant's trouble does not hold up the others.
    async fn see_to_all(&self) -> Result<(), ControlError> {
        for tenant in self.directory.tenants().await?.iter() {
            if let Err(error) = self.see_to(tenant).await {
                tracing::warn!(
                    tenant,
                    error = report(&error),
                    "what a tenant stores was not counted"
                );
            }
        }
        Ok(())
    }

    /// Counts if it is time to, and puts on record if the limit was crossed.
    async fn see_to(&self, tenant: &str) -> Result<(), GatewayError> {
        let limit = self.directory.settings(tenant).await?.limits.stored_bytes;
        let kept = self.control.get_now::<Stored>(&[tenant]).await?;
        let (now, was) = (
            self.clock.now(),
            kept.as_ref().map(|kept| kept.value.clone()),
        );
        let was = was.unwrap_or_default();
        let is_due = limit.is_some() && was.is_due(now);
        if was.is_taken(now) || !is_due && was.is_above(limit) == was.exceeds {
            return Ok(());
        }
        let Some(mut kept) = self.take(tenant, kept, was).await? else {
            return Ok(());
        };
        let mut next = kept.value.clone();
        if is_due {
            let Some(counted) = self.count(tenant, &mut kept).await? else {
                return Ok(());
            };
            next = kept.value.clone();
            next.counted = Some(counted);
            next.under_way = None;
        }
        let exceeds = next.is_above(limit);
        if exceeds != next.exceeds {
            self.record(tenant, limit, &next, exceeds).await?;
        }
        next.exceeds = exceeds;
        next.lease = None;
        self.control.replace(&kept, &next).await?;
        Ok(())
    }

    /// Takes the lease, if nobody else is faster.
    async fn take(
        &self,
        tenant: &str,
        kept: Option<Kept<Stored>>,
        was: Stored,
    ) -> Result<Option<Kept<Stored>>, ControlError> {
        let mine = Stored {
            lease: Some(self.lease()),
            ..was
        };
        let taken = match kept {
            Some(kept) => self.control.replace(&kept, &mine).await,
            None => self.control.create(&[tenant], &mine).await,
        };
        match taken {
            Err(ControlError::Outrun { .. } | ControlError::Exists { .. }) => Ok(None),
            taken => taken.map(Some),
        }
    }

    fn lease(&self) -> Lease {
        Lease {
            holder: self.holder.clone(),
            until: (self.clock.now() + LEASE).into(),
        }
    }

    /// Once for each time that the limit is crossed, either way.
    async fn record(
        &self,
        tenant: &str,
        limit: Option<u64>,
        stored: &Stored,
        exceeds: bool,
    ) -> Result<(), GatewayError> {
        let mut event = Event::new(
            audit::Kind::Complete,
            self.trail.now(),
            Uuid::new_v4().to_string(),
            if exceeds { EXCEEDED } else { KEPT },
            Class::Admin,
            Decision::Allow,
        );
        event.tenant = Some(tenant.to_owned());
        event.principal = Some("sealgate".to_owned());
        event.actor_type = Some("gateway");
        event.policies = vec!["limits:stored_bytes".to_owned()];
        let bytes = stored.counted.map(|counted| counted.amount.bytes);
        event.detail.insert("stored_bytes".to_owned(), bytes.into());
        event.detail.insert("limit".to_owned(), limit.into());
        Ok(self.trail.record(&event).await?)
    }

    /// What was counted, wherever that was done. `told`: the tenants that were told of before.
    async fn tell(&self, told: &mut BTreeSet<String>) -> Result<(), ControlError> {
        let mut now = BTreeSet::new();
        for tenant in self.directory.tenants().await?.iter() {
            let limit = self.directory.settings(tenant).await?.limits.stored_bytes;
            if let Some(limit) = limit {
                let kept = self.control.get::<Stored>(&[tenant]).await?;
                let counted = kept.and_then(|kept| kept.value.counted);
                self.telemetry
                    .stored(tenant, limit, counted, self.clock.now());
                now.insert(tenant.clone());
            }
        }
        for tenant in told.difference(&now) {
            self.telemetry.stored_no_more(tenant);
        }
        *told = now;
        Ok(())
    }
}

/// Operations in the trail.
const EXCEEDED: &str = "limits:StoredBytesExceeded";
const KEPT: &str = "limits:StoredBytesKept";

const COUNTED_EVERY: Duration = Duration::from_hours(1);
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Many times as long as a page takes, behind each of which it is renewed.
const LEASE: Duration = Duration::from_mins(5);
