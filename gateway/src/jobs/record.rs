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

/// What a job does to one object, in the trail.
pub(super) struct ObjectRecord<'a> {
    trail: &'a Trail,
    draft: Event,
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
        Self { trail, draft }
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
    pub(super) async fn intent(&self) -> Result<(), GatewayError> {
        Ok(self.trail.record(&self.draft).await?)
    }

    /// How that ended: the version that was written, or a word for why none was.
    pub(super) async fn outcome(
        self,
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
        Ok(self.trail.record(&event).await?)
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
