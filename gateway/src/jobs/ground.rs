//! What jobs work on: the objects and versions in a tenant's buckets.

use std::sync::Arc;

use async_trait::async_trait;
use kms_keys::Scope;

use super::JobError;
use super::job::{Item, Job, Kind, Outcome, Reason};
use super::record::ObjectRecord;
use super::worker::{Ground, Page, Start};
use crate::buckets::Bucket;
use crate::error::{GatewayError, report};
use crate::operations::{CopiesKeepEtags, Look, Operations, Place};
use crate::s3::BucketName;
use crate::telemetry::Telemetry;
use crate::trail::Trail;
use crate::upstream::{Begin, Listed, Walk};

/// The objects of all tenants.
pub(super) struct Objects {
    pub(super) operations: Operations,
    pub(super) trail: Trail,
    pub(super) keeps: CopiesKeepEtags,
    telemetry: Arc<Telemetry>,
}

impl Objects {
    pub(super) fn new(operations: Operations, trail: Trail, telemetry: Arc<Telemetry>) -> Self {
        Self {
            operations,
            trail,
            keeps: CopiesKeepEtags::default(),
            telemetry,
        }
    }

    /// The bucket of that name, or the next one behind it by name that the job is about.
    async fn bucket(
        &self,
        job: &Job,
        from: &str,
        behind: bool,
    ) -> Result<Option<Bucket>, JobError> {
        let all = self.operations.buckets.list(&job.tenant).await?;
        let is_meant = |bucket: &Bucket| {
            job.wish
                .bucket
                .as_ref()
                .is_none_or(|name| *name == bucket.name)
        };
        let lies_ahead = |bucket: &Bucket| {
            if behind {
                bucket.name.as_str() > from
            } else {
                bucket.name.as_str() >= from
            }
        };
        Ok(all
            .into_iter()
            .find(|bucket| is_meant(bucket) && lies_ahead(bucket)))
    }

    /// Whether keys are of the scope that the job is about.
    async fn is_meant(&self, job: &Job, bucket: &Bucket, key: &str) -> Result<bool, JobError> {
        Ok(match &job.wish.scope {
            None => true,
            Some(scope) if *scope == Scope::tenant() => {
                self.operations.keys.scope_of(bucket, key).await? == *scope
            }
            // All that was ever sealed under a scope's keys begins with its prefix.
            Some(scope) => scope.prefix().is_some_and(|prefix| key.starts_with(prefix)),
        })
    }

    async fn place(&self, job: &Job, item: &Item) -> Result<Option<Place>, JobError> {
        let name = BucketName::parse(&item.bucket).map_err(GatewayError::from)?;
        let bucket = self.operations.buckets.find(&job.tenant, &name).await?;
        Ok(bucket.map(|bucket| Place {
            bucket,
            key: item.key.clone(),
        }))
    }

    async fn usage(&self, place: &Place, item: &Item) -> Result<Outcome, JobError> {
        let look = self
            .operations
            .look_at(place, item.version.as_deref())
            .await?;
        Ok(match look {
            Look::Gone => Outcome::Gone,
            Look::Folder => Outcome::Counted,
            Look::NotSealed => Outcome::Left(Reason::NotSealed),
            Look::Sealed(head) => Outcome::Uses {
                kek: head.kek(),
                plain: head.plain(),
                locked: head.is_locked(self.operations.clock.now()),
            },
        })
    }
}

#[async_trait]
impl Ground for Objects {
    async fn page(&self, job: &Job, from: &Start) -> Result<Page, JobError> {
        let nothing = Page {
            items: Vec::new(),
            next: None,
        };
        let Some(bucket) = self.bucket(job, &from.bucket, false).await? else {
            return Ok(nothing);
        };
        // One that has gone meanwhile is passed over.
        let begin = if bucket.name == from.bucket {
            from.begin.clone()
        } else {
            Begin::First
        };
        let versions = match self.operations.keeps_versions(&bucket).await {
            Err(error) if error.is_missing() => false,
            versions => versions?,
        };
        let walk = Walk {
            bucket: bucket.upstream.clone(),
            prefix: job
                .wish
                .scope
                .as_ref()
                .and_then(|scope| scope.prefix().map(str::to_owned))
                .unwrap_or_default(),
            versions,
        };
        let (listed, next) = match walk.page(&self.operations.upstream, &begin).await {
            // Deleted since.
            Err(error) if error.is_missing() => (Vec::new(), None),
            page => page?,
        };
        let item = |listed: Listed| Item {
            bucket: bucket.name.clone(),
            key: listed.key,
            version: listed.version,
            id: listed.id,
            size: listed.size,
        };
        let mut items = Vec::with_capacity(listed.len());
        for listed in listed {
            if self.is_meant(job, &bucket, &listed.key).await? {
                items.push(item(listed));
            }
        }
        let next = match next {
            Some(begin) => Some(Start {
                bucket: bucket.name.clone(),
                begin,
            }),
            None => self
                .bucket(job, &bucket.name, true)
                .await?
                .map(|next| Start {
                    bucket: next.name,
                    begin: Begin::First,
                }),
        };
        Ok(Page { items, next })
    }

    async fn treat(&self, id: &str, job: &Job, item: &Item) -> Result<Outcome, JobError> {
        let Some(place) = self.place(job, item).await? else {
            return Ok(Outcome::Gone);
        };
        let kind = job.wish.kind;
        let done = match kind {
            Kind::Usage => self.usage(&place, item).await.map(|done| (done, None)),
            Kind::RewrapObjects | Kind::Reencrypt => self.change((id, job), &place, item).await,
        };
        let (outcome, head) = match done {
            // One that the store does not want to give or take must not hold up the others.
            Err(JobError::Gateway(GatewayError::Upstream(error))) if !error.may_pass() => {
                let error = report(&error);
                tracing::warn!(job = id, error, "a job leaves an object as it is");
                (Outcome::Left(Reason::Refused), None)
            }
            done => done?,
        };
        for (version, reason) in outcome.left(item) {
            let about = (&place, item);
            ObjectRecord::new(&self.trail, kind, id, about, head.as_deref())
                .left(version, reason)
                .await?;
        }
        self.telemetry.job_object(kind.as_str(), outcome.as_str());
        Ok(outcome)
    }
}
