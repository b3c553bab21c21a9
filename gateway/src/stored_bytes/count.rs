//! Counting one tenant's objects from the listings of its buckets, at a pace that leaves the store to its clients.

use std::time::Duration;

use super::{Counted, LEASE, Stored, StoredBytes, UnderWay};
use crate::buckets::Bucket;
use crate::control::{ControlError, Kept};
use crate::error::GatewayError;
use crate::jobs::Amount;
use crate::tools::Pace;
use crate::upstream::{Begin, Walk};

impl StoredBytes {
    /// Counts under the lease of a document; `None` where that was lost. Goes on behind the last whole bucket of a count
    /// that was broken off a short while ago.
    pub(super) async fn count(
        &self,
        tenant: &str,
        kept: &mut Kept<Stored>,
    ) -> Result<Option<Counted>, GatewayError> {
        let now = self.clock.now();
        let is_fresh = |one: &UnderWay| {
            let since = now.duration_since(one.began.into());
            since.is_ok_and(|since| since < STALE)
        };
        let mut under_way = kept
            .value
            .under_way
            .clone()
            .filter(is_fresh)
            .unwrap_or(UnderWay {
                began: now.into(),
                done: String::new(),
                amount: Amount::default(),
            });
        let mut pace = Pace::new(Some(PAGES_PER_SECOND));
        let mut saved = now;
        for bucket in self.buckets.list(tenant).await? {
            if bucket.name <= under_way.done {
                continue;
            }
            let Some(amount) = self
                .count_bucket(&bucket, &mut pace, (kept, &mut saved))
                .await?
            else {
                return Ok(None);
            };
            under_way.amount.objects = under_way.amount.objects.saturating_add(amount.objects);
            under_way.amount.bytes = under_way.amount.bytes.saturating_add(amount.bytes);
            under_way.done = bucket.name;
            let next = Stored {
                under_way: Some(under_way.clone()),
                ..kept.value.clone()
            };
            if !self.renew(kept, next).await? {
                return Ok(None);
            }
        }
        Ok(Some(Counted {
            amount: under_way.amount,
            began: under_way.began,
            ended: self.clock.now().into(),
        }))
    }

    async fn count_bucket(
        &self,
        bucket: &Bucket,
        pace: &mut Pace,
        (kept, saved): (&mut Kept<Stored>, &mut std::time::SystemTime),
    ) -> Result<Option<Amount>, GatewayError> {
        let versions = match self.operations.keeps_versions(bucket).await {
            // Deleted since.
            Err(error) if error.is_missing() => return Ok(Some(Amount::default())),
            versions => versions?,
        };
        let walk = Walk {
            bucket: bucket.upstream.clone(),
            prefix: String::new(),
            versions,
        };
        let (mut amount, mut begin) = (Amount::default(), Begin::First);
        loop {
            pace.pass(1).await;
            let (listed, next) = match walk.page(&self.operations.upstream, &begin).await {
                Err(error) if error.is_missing() => return Ok(Some(Amount::default())),
                page => page?,
            };
            for one in &listed {
                amount.objects = amount.objects.saturating_add(1);
                amount.bytes = amount.bytes.saturating_add(one.size);
            }
            let Some(next) = next else {
                return Ok(Some(amount));
            };
            begin = next;
            let now = self.clock.now();
            if now
                .duration_since(*saved)
                .is_ok_and(|since| since >= LEASE / 4)
            {
                let same = kept.value.clone();
                if !self.renew(kept, same).await? {
                    return Ok(None);
                }
                *saved = now;
            }
        }
    }

    /// Writes the document with the lease renewed; whether it still was ours.
    async fn renew(&self, kept: &mut Kept<Stored>, next: Stored) -> Result<bool, ControlError> {
        let next = Stored {
            lease: Some(self.lease()),
            ..next
        };
        match self.control.replace(kept, &next).await {
            Ok(renewed) => {
                *kept = renewed;
                Ok(true)
            }
            Err(ControlError::Outrun { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Listings of up to a thousand objects: five million objects in a quarter of an hour.
const PAGES_PER_SECOND: u64 = 5;

/// A count that was broken off is not gone on with after that: its first buckets are too old.
const STALE: Duration = Duration::from_hours(24);
