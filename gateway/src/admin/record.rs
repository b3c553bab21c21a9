//! One call in the trail: who asked what, the hash of its parameters, and how it ended.

use std::time::SystemTime;

use audit::{Act, Class, Decision, Event, Kind};
use http::StatusCode;
use serde_json::Value;
use uuid::Uuid;

use super::credential::AdminPrincipal;
use super::routes::{Effect, Route};
use super::{AdminError, Asked, Reply};
use crate::trail::Trail;

/// What the gateway does by itself, complete.
pub(super) fn own(trail: &Trail, operation: &str, tenant: &str, of: Vec<String>) -> Event {
    let mut event = Event::new(
        Kind::Act(act_of(operation)),
        trail.now(),
        Uuid::new_v4().to_string(),
        format!("admin:{operation}"),
        Class::Admin,
        Decision::Allow,
    );
    event.tenant = Some(tenant.to_owned());
    event.principal = Some("sealgate".to_owned());
    event.actor_type = Some("gateway");
    event.policies = vec!["schedule".to_owned()];
    event.approvals = of;
    event
}

/// The act of an operation that was carried out.
fn act_of(operation: &str) -> Act {
    match operation {
        "RotateKey" => Act::KeyRotated,
        "RewrapKeys" => Act::KeyRewrapped,
        "FreezeKeys" => Act::KeyFrozen,
        "ThawKeys" => Act::KeyThawed,
        "EvictKeys" => Act::KeyEvicted,
        "DestroyKeys" => Act::KeyDestruction,
        "KeysDestroyed" => Act::KeyDestroyed,
        "CancelKeyDestruction" => Act::KeyDestructionCancelled,
        "CertifyErasure" => Act::KeyErasureCertified,
        "PutPolicies" => Act::PolicyPut,
        "RevokeSessions" => Act::SessionRevoked,
        "Approve" => Act::AdminApproved,
        "RefuseApproval" => Act::AdminRefused,
        _ => Act::AdminApplied,
    }
}

/// The record of a call in the making.
pub(super) struct Record {
    draft: Event,
    intent: Option<Uuid>,
    started: SystemTime,
    /// Whether the trail is searched.
    searches: bool,
}

impl Record {
    pub(super) fn begin(id: Uuid, asked: &Asked, now: SystemTime) -> Self {
        let mut draft = Event::new(
            Kind::Deny,
            now,
            id.to_string(),
            "admin:Unknown",
            Class::Admin,
            Decision::Deny,
        );
        draft.src = asked.peer;
        draft.ua.clone_from(&asked.user_agent);
        if let Some(certificate) = &asked.certificate {
            let shown = certificate.as_str().into();
            draft.detail.insert("certificate".to_owned(), shown);
        }
        Self {
            draft,
            intent: None,
            started: now,
            searches: false,
        }
    }

    pub(super) fn route(&mut self, route: &Route) {
        self.draft.op = format!("admin:{}", route.operation).into();
        self.draft.class = match route.effect {
            Effect::Read => Class::Read,
            Effect::Change => Class::Admin,
        };
    }

    pub(super) fn principal(&mut self, principal: &AdminPrincipal) {
        self.draft.principal = Some(principal.name.clone());
        self.draft.actor_type = Some("administrator");
        self.draft.roles = vec![principal.role.to_string()];
        self.draft.credential = Some(principal.credential.clone());
        self.draft.policies = vec!["admin-role".to_owned()];
    }

    pub(super) fn tenant(&mut self, tenant: Option<&String>) {
        self.draft.tenant = tenant.cloned();
    }

    pub(super) fn permitted(&mut self, principal: &AdminPrincipal) {
        self.draft.decision = Decision::Allow;
        self.draft.policies = vec![format!("admin-role:{}", principal.role)];
    }

    pub(super) fn parameters(&mut self, hash: String) {
        self.draft.params = Some(hash);
    }

    /// The trail is searched, and for this.
    pub(super) fn search(&mut self, question: &Value) {
        self.searches = true;
        self.draft.reason = Some(question.to_string());
    }

    /// Durable before anything is changed.
    pub(super) async fn intent(&mut self, trail: &Trail) -> Result<(), AdminError> {
        let event = self.event(trail, Kind::Intent);
        self.intent = Some(event.id);
        trail
            .record(&event)
            .await
            .map_err(|_| AdminError::unrecorded())
    }

    /// Durable before the answer.
    pub(super) async fn settle(
        self,
        trail: &Trail,
        answered: &Result<Reply, AdminError>,
    ) -> Result<(), AdminError> {
        let kind = match (self.intent, self.draft.decision) {
            (Some(_), _) => Kind::Outcome,
            (None, Decision::Allow) if self.searches => Kind::Search,
            (None, Decision::Allow) => Kind::Complete,
            (None, Decision::Deny) => Kind::Deny,
        };
        let mut event = self.event(trail, kind);
        event.intent_ref = self.intent;
        match answered {
            Ok(reply) => {
                event.status = Some(reply.status.as_u16());
                event.approvals.clone_from(&reply.approvals);
            }
            Err(error) => {
                event.status = Some(error.status().as_u16());
                event.err = Some(error.code().into());
            }
        }
        event.duration = event.wall.duration_since(self.started).ok();
        if let Some(act) = self.act(answered) {
            let act = Event {
                status: event.status,
                approvals: event.approvals.clone(),
                ..self.event(trail, Kind::Act(act))
            };
            let recorded = trail.record(&act).await;
            recorded.map_err(|_| AdminError::unrecorded())?;
        }
        trail
            .record(&event)
            .await
            .map_err(|_| AdminError::unrecorded())
    }

    /// What a call that changes something came to, if it did.
    fn act(&self, answered: &Result<Reply, AdminError>) -> Option<Act> {
        let reply = answered.as_ref().ok().filter(|_| self.intent.is_some())?;
        let operation = self.draft.op.strip_prefix("admin:").unwrap_or_default();
        Some(if reply.status == StatusCode::ACCEPTED {
            Act::AdminProposed
        } else {
            act_of(operation)
        })
    }

    fn event(&self, trail: &Trail, kind: Kind) -> Event {
        self.draft.another(kind, trail.now())
    }
}
