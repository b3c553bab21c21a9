//! What jobs leave in the trail: their beginning and end, and what they did to each object.

use audit::{Class, Decision, Event};
use kms_keys::KeyId;
use sealed_object::ObjectId;
use uuid::Uuid;

use super::job::{Item, Job, Kind, Reason, State};
use crate::error::GatewayError;
use crate::operations::{Head, Place};
use crate::trail::Trail;

/// A job began, or is over.
pub(super) async fn of_job(
    trail: &Trail,
    operation: &'static str,
    id: &str,
    job: &Job,
) -> Result<(), GatewayError> {
    let mut event = Event::new(
        audit::Kind::Complete,
        trail.now(),
        Uuid::new_v4().to_string(),
        operation,
        Class::Admin,
        Decision::Allow,
    );
    event.tenant = Some(job.tenant.clone());
    event.principal = Some("sealgate".to_owned());
    event.actor_type = Some("gateway");
    event.policies = vec![format!("job:{id}")];
    event.bucket.clone_from(&job.wish.bucket);
    let detail = serde_json::json!({
        "job": id,
        "kind": job.wish.kind,
        "scope": job.wish.scope,
        "state": job.state,
        "seen": job.progress.seen,
        "moved": job.progress.moved,
        "left": job.progress.left,
    });
    if let serde_json::Value::Object(detail) = detail {
        event.detail = detail;
    }
    Ok(trail.record(&event).await?)
}

/// What a job does to one object, in the trail. Dropped between its intent and its outcome, it is left to
/// [`Trail::left_open`].
pub(super) struct ObjectRecord<'a> {
    trail: &'a Trail,
    draft: Event,
    /// Whether its intent waits for an outcome.
    open: bool,
}

impl Drop for ObjectRecord<'_> {
    fn drop(&mut self) {
        if self.open {
            self.trail.left_open(&self.draft);
        }
    }
}

impl<'a> ObjectRecord<'a> {
    /// Of a job of this kind, about an item and the head that it was found to have.
    pub(super) fn new(
        trail: &'a Trail,
        kind: Kind,
        id: &str,
        (place, item): (&Place, &Item),
        head: Option<&Head>,
    ) -> Self {
        let mut draft = Event::new(
            audit::Kind::Intent,
            trail.now(),
            Uuid::new_v4().to_string(),
            operation(kind),
            Class::Write,
            Decision::Allow,
        );
        draft.tenant = Some(place.bucket.tenant.clone());
        draft.principal = Some("sealgate".to_owned());
        draft.actor_type = Some("gateway");
        draft.policies = vec![format!("job:{id}")];
        draft.bucket = Some(place.bucket.name.clone());
        draft.key = Some(place.key.clone());
        draft.version.clone_from(&item.id);
        if let Some(head) = head {
            draft.object_id = Some(hex::encode(head.object_id().0));
            let from = head.kek().to_string();
            draft.detail.insert("from".to_owned(), from.into());
        }
        Self {
            trail,
            draft,
            open: false,
        }
    }

    /// To which KEK it goes.
    pub(super) fn to(mut self, kek: KeyId) -> Self {
        self.draft
            .detail
            .insert("to".to_owned(), kek.to_string().into());
        self
    }

    /// It becomes an object of another id.
    pub(super) fn anew(mut self, id: ObjectId) -> Self {
        let new = hex::encode(id.0);
        if let Some(old) = self.draft.object_id.replace(new) {
            self.draft.detail.insert("was".to_owned(), old.into());
        }
        self
    }

    /// Durable before anything is done.
    pub(super) async fn intent(&mut self) -> Result<(), GatewayError> {
        // Before the wait: it may be on record though nobody waits for that any more.
        self.open = true;
        Ok(self.trail.record(&self.draft).await?)
    }

    /// How that ended: the version that was written, or a word for why none was.
    pub(super) async fn outcome(
        mut self,
        written: Result<Option<&str>, String>,
    ) -> Result<(), GatewayError> {
        let intent = self.draft.id;
        let mut event = self.next(audit::Kind::Outcome);
        event.intent_ref = Some(intent);
        match written {
            Ok(version) => {
                event.status = Some(200);
                if version.is_some() {
                    event.version = version.map(str::to_owned);
                }
            }
            Err(word) => event.err = Some(word.into()),
        }
        self.trail.record(&event).await?;
        self.open = false;
        Ok(())
    }

    /// It, or a version of it, stays as it is.
    pub(super) async fn left(
        self,
        version: Option<String>,
        reason: Reason,
    ) -> Result<(), GatewayError> {
        let mut event = self.next(audit::Kind::Complete);
        event.version = version;
        event.err = Some(format!("Left{reason:?}").into());
        Ok(self.trail.record(&event).await?)
    }

    fn next(&self, kind: audit::Kind) -> Event {
        self.draft.another(kind, self.trail.now())
    }
}

fn operation(kind: Kind) -> &'static str {
    match kind {
        Kind::Usage => "admin:CountObject",
        Kind::RewrapObjects => "admin:RewrapObject",
        Kind::Reencrypt => "admin:ReencryptObject",
    }
}

/// The operation that says that a job is over.
pub(super) fn end(job: &Job) -> Option<&'static str> {
    match job.state {
        State::Open => None,
        State::Done => Some("admin:FinishJob"),
        State::Cancelled => Some("admin:StopJob"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use audit::Journal;
    use kms_keys::{Keyrings, LocalFile, Providers, WhenMissing};
    use object_store::memory::InMemory;

    use super::*;
    use crate::assemble::audit_identity;
    use crate::buckets::Bucket;
    use crate::clock::Clock;
    use crate::trail::{Attested, Durabilities};

    async fn trail(directory: &std::path::Path) -> Trail {
        let clock = Clock::system();
        let file = directory.join("root-keys");
        let provider = LocalFile::open(&file, WhenMissing::Create(clock.now())).unwrap();
        let asked = clock.clone();
        let told: kms_keys::Clock = Arc::new(move || asked.now());
        let providers = Providers::one(Arc::new(provider), told.clone());
        let settings = kms_keys::Settings::default();
        let keyrings = Keyrings::open(Arc::new(InMemory::new()), providers, settings, told);
        let keyrings = Arc::new(keyrings.await.unwrap());
        let journal = Journal::open(
            &directory.join("audit"),
            Arc::new(audit_identity(&keyrings)),
            audit::Settings::default(),
            clock.now(),
        );
        Trail::new(
            Arc::new(journal.unwrap()),
            keyrings,
            Arc::new(sealed_object::OsRandom),
            Attested::default(),
            Durabilities::default(),
            None,
            clock,
        )
    }

    #[tokio::test]
    async fn an_intent_that_nobody_works_at_any_more_is_reconciled() {
        let directory = tempfile::tempdir().unwrap();
        let trail = trail(directory.path()).await;
        let bucket = Bucket {
            id: Uuid::new_v4(),
            tenant: "demo".to_owned(),
            name: "b".to_owned(),
            upstream: "u".to_owned(),
            created: String::new(),
        };
        let key = "k".to_owned();
        let item = Item {
            bucket: bucket.name.clone(),
            key: key.clone(),
            version: None,
            id: None,
            size: 0,
        };
        let bucket = Arc::new(bucket);
        let place = Place { bucket, key };
        let record = || ObjectRecord::new(&trail, Kind::RewrapObjects, "1", (&place, &item), None);
        let mut ended = record();
        ended.intent().await.unwrap();
        ended.outcome(Ok(None)).await.unwrap();
        drop(record());
        assert_eq!(trail.open_intents(), 0);
        let mut dropped = record();
        dropped.intent().await.unwrap();
        let intent = dropped.draft.id;
        drop(dropped);
        let orphans = trail.orphans().await;
        let told: Vec<_> = orphans
            .iter()
            .map(|one| (one.intent, one.op.as_str(), one.key.as_deref()))
            .collect();
        assert_eq!(told, [(intent, "admin:RewrapObject", Some("k"))]);
    }
}
