//! It is on record: turns accesses into audit events. The only maker of [`Recorded`].
//!
//! What changes something is recorded twice: its intent, durable before the store is asked, and its outcome. So is an
//! object that streams: its intent is durable before the first byte is opened. What is answered from memory is recorded
//! once, complete, before the answer.
//! Refusals are recorded too, whoever asked. An access whose client goes away is recorded as aborted.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use audit::{Act, AuditKey, Event, Journal, JournalError, Kind, SecondFactor, Uuid};
use http::{HeaderMap, Response};
use kms_keys::Keyrings;
use policies::{Group, Principal};
use sealed_object::{ObjectId, Random, UploadId};

use crate::authorize::{Leave, Permitted, action_of};
use crate::body::Answer;
use crate::clock::Clock;
use crate::connection::Connection;
use crate::error::GatewayError;
use crate::s3::{Operation, RequestId, S3Request, purpose_of};
use crate::sessions::Session;
use crate::sigv4::Payload;

mod attest;
mod durability;
mod elsewhere;
mod facts;
mod keys;
mod openings;
mod reconcile;
mod retained;
mod stream;
mod super_log;

pub use attest::{Attested, NewReceipt};
use durability::Late;
pub use durability::{Durabilities, Durability};
use elsewhere::Elsewhere;
pub use elsewhere::Keeper;
pub use facts::{Facts, KeyOutcome, Uploaded};
pub use keys::AuditKeys;
pub use openings::Openings;
pub use reconcile::{Found, Orphan};
use retained::Retained;
use stream::recorded_stream;
pub(crate) use super_log::super_entries;
pub use super_log::{CopyError, SuperLog, SuperLogError, copy_super_log};

/// A permitted request whose access is on record. Not `Clone`; running it uses it up.
///
/// ```compile_fail,E0382
/// # use gateway::{body::Upload, operations::Operations, s3::S3Request, trail::Recorded};
/// async fn twice(operations: Operations, recorded: Recorded<S3Request>, body: Upload) {
///     let _ = operations.run(recorded, body.clone()).await;
///     let _ = operations.run(recorded, body).await;
/// }
/// ```
///
/// ```compile_fail,E0308
/// # use gateway::{authorize::Permitted, body::Upload, operations::Operations, s3::S3Request};
/// async fn unrecorded(operations: Operations, permitted: Permitted<S3Request>, body: Upload) {
///     let _ = operations.run(permitted, body).await;
/// }
/// ```
#[derive(Debug)]
pub struct Recorded<T> {
    request: T,
    leave: Leave,
    payload: Payload,
    object_id: Option<ObjectId>,
}

impl<T> Recorded<T> {
    /// The request, whose leave, its payload, and the id that its intent names for the object that it writes.
    pub(crate) fn into_parts(self) -> (T, Leave, Payload, Option<ObjectId>) {
        (self.request, self.leave, self.payload, self.object_id)
    }
}

/// The trail of this replica.
#[derive(Clone)]
pub struct Trail {
    journal: Arc<Journal>,
    keys: AuditKeys,
    random: Arc<dyn Random>,
    /// Buckets whose uploads each yield a receipt.
    attested: Arc<Attested>,
    /// What is recorded late.
    late: Arc<Late>,
    /// Intents whose outcome could not be recorded, until they are reconciled.
    orphans: Arc<Mutex<Vec<Orphan>>>,
    clock: Clock,
}

impl std::fmt::Debug for Trail {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Trail")
            .field("journal", &self.journal)
            .finish_non_exhaustive()
    }
}

impl Trail {
    /// A trail into this journal; where there is a keeper, it too must have an event before its request is answered.
    pub fn new(
        journal: Arc<Journal>,
        keyrings: Arc<Keyrings>,
        random: Arc<dyn Random>,
        attested: Attested,
        durabilities: Durabilities,
        keeper: Option<Arc<dyn Keeper>>,
        clock: Clock,
    ) -> Self {
        Self {
            journal,
            keys: AuditKeys::new(keyrings),
            random,
            attested: Arc::new(attested),
            late: Arc::new(Late::new(durabilities).and(Elsewhere::new(keeper))),
            orphans: Arc::default(),
            clock,
        }
    }

    /// The name that the trail is signed under: `sealgate/<deployment>`.
    pub fn signed_as(&self) -> String {
        self.journal.identity().name()
    }

    /// The audit keys of tenants.
    pub fn keys(&self) -> &AuditKeys {
        &self.keys
    }

    /// Whether events reach the disk.
    pub fn health(&self) -> &Arc<audit::Health> {
        self.journal.health()
    }

    /// Who signs it.
    pub fn identity(&self) -> &audit::Identity {
        self.journal.identity()
    }

    /// Puts on record that this replica begins: the first line of its log. `config`: the [hash](crate::config::Shown::sha256) of
    /// its configuration.
    pub async fn begin(&self, config: &str) -> Result<(), JournalError> {
        let mut event = Event::of_trail(Kind::Start, self.clock.now());
        let version = env!("CARGO_PKG_VERSION");
        event.detail.insert("build".to_owned(), version.into());
        event.detail.insert("config".to_owned(), config.into());
        self.journal.record(&event, None).await.map(drop)
    }

    /// Puts on record that it ends in good order: the last line, behind what was to be recorded late.
    pub async fn end(&self) {
        if let Err(error) = self.late.end(&self.journal, self.clock.now()).await {
            // Without a last line it is seen that something is missing at the end.
            tracing::error!(%error, "what was served unrecorded, and the end of this replica, are not on the trail");
            return;
        }
        let event = Event::of_trail(Kind::Stop, self.clock.now());
        if let Err(error) = self.journal.record(&event, None).await {
            tracing::error!(%error, "the end of this replica is not on the trail");
        }
    }

    /// The time, as the trail writes it.
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Records an event that another part of the gateway has made, durably.
    pub(crate) async fn record(&self, event: &Event) -> Result<(), JournalError> {
        let key = match &event.tenant {
            Some(tenant) => self.keys.held(tenant).await,
            None => None,
        };
        let elsewhere = self.late.elsewhere();
        elsewhere.record(&self.journal, event, key.as_deref()).await
    }

    /// Begins the record of a request that has arrived.
    pub fn arrival(&self, id: RequestId, peer: Option<IpAddr>, headers: &HeaderMap) -> Access {
        let started = self.clock.now();
        let mut draft = Event::new(
            Kind::Deny,
            started,
            id.to_string(),
            "s3:Unknown",
            audit::Class::Read,
            audit::Decision::Deny,
        );
        draft.src = peer;
        draft.ua = headers
            .get(http::header::USER_AGENT)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
        Access {
            draft: Box::new(draft),
            intent: None,
            started,
            settled: false,
            intended: None,
            wants_receipt: false,
            retained: Retained::default(),
            acts: (None, None),
            key: None,
            trail: self.clone(),
        }
    }

    /// Puts the access on record, durably, before anything is done.
    pub async fn intent(
        &self,
        permitted: Permitted<S3Request>,
        access: &mut Access,
    ) -> Result<Recorded<S3Request>, GatewayError> {
        let (request, leave, payload) = permitted.into_parts();
        purpose_of(&request)?;
        let object_id = self.object_id(&request)?;
        // Where the journal fails nothing is even begun that could not be recorded; and it is asked whether it still does.
        if changes_something(request.operation) || !self.health().is_good() {
            access.intended = object_id.map(|id| hex::encode(id.0));
            self.record_intent(access).await?;
        }
        Ok(Recorded {
            request,
            leave,
            payload,
            object_id,
        })
    }

    /// The id of the object that a request will write, so that the intent names it: who finds the intent without an
    /// outcome can ask the store whether the object is there.
    fn object_id(&self, request: &S3Request) -> Result<Option<ObjectId>, GatewayError> {
        use Operation as Op;
        Ok(match request.operation {
            Op::PutObject | Op::PostObject | Op::CopyObject | Op::CreateMultipartUpload => {
                Some(ObjectId::draw(self.random.as_ref())?)
            }
            Op::CompleteMultipartUpload => request
                .query
                .filled("uploadId")
                .and_then(|id| UploadId::parse(id).ok())
                .map(|id| id.object_id()),
            _ => None,
        })
    }

    /// Ends the record: durably before the answer, or, where an object streams, when the stream ends.
    /// What cannot be recorded is not confirmed.
    pub async fn settle(
        &self,
        mut access: Access,
        answered: Result<Response<Answer>, GatewayError>,
    ) -> Result<Response<Answer>, GatewayError> {
        let answered = match answered {
            // Nothing of a stream is opened before it is polled, and nobody has it yet.
            Ok(response) if streams(&response) && access.intent.is_none() => self
                .record_intent(&mut access)
                .await
                .map_or_else(|error| Err(error.into()), |()| Ok(response)),
            answered => answered,
        };
        let (event, keys) = match &answered {
            Ok(response) => {
                let facts = response.extensions().get::<Facts>();
                access.facts(facts);
                access.retained.headers(response.headers());
                access.retained.tell(&mut access.draft);
                access.wants_receipt =
                    access.wants_receipt || self.attested.contains(&access.draft);
                if streams(response) {
                    let status = response.status().as_u16();
                    return answered.map(|response| {
                        response.map(|body| recorded_stream(body, access, status))
                    });
                }
                if let Answer::Ready(body) = response.body() {
                    access.draft.bytes_out = u64::try_from(body.len()).ok();
                }
                let keys = facts.map(|facts| facts.keys.clone()).unwrap_or_default();
                let uploaded = facts.and_then(|facts| facts.uploaded.clone());
                let outcome = access.outcome(response.status().as_u16(), None);
                if let Some(uploaded) = uploaded.filter(|_| access.wants_receipt) {
                    let settled = self.settle_attested(access, answered, outcome, &uploaded);
                    return Box::pin(settled).await;
                }
                (outcome, keys)
            }
            Err(error) => {
                if let GatewayError::Denied(denial) = error {
                    access.decided(&policies::Decision::Deny(denial.clone()));
                }
                let status = error.fault().code.status().as_u16();
                (access.outcome(status, Some(error.trail_code())), Vec::new())
            }
        };
        access.keys(&self.keys).await;
        access.settled = true;
        if matches!(answered, Err(GatewayError::Trail(_))) {
            // The disk has just been waited for in vain. The refusal is on record once it is back.
            self.submit(&access, &event);
            return answered;
        }
        let of_keys = keys.into_iter().map(|outcome| access.of_key(outcome));
        let before: Vec<Event> = of_keys.chain(access.act(&answered, &event)).collect();
        let recorded = before
            .iter()
            .chain([&event])
            .map(|event| self.late.record(&self.journal, event, access.key.as_ref()));
        if let Err(error) = futures_util::future::try_join_all(recorded).await {
            self.orphaned(&access);
            return Err(error.into());
        }
        answered
    }

    async fn record_intent(&self, access: &mut Access) -> Result<(), JournalError> {
        access.keys(&self.keys).await;
        let mut event = access.event(Kind::Intent);
        if access.intended.is_some() {
            event.object_id.clone_from(&access.intended);
        }
        // Before the wait: if the client leaves meanwhile, the outcome still names it.
        access.intent = Some(event.id);
        self.late
            .record(&self.journal, &event, access.key.as_ref())
            .await
    }

    /// Hands over how an access ended that nobody waits for any more. Where that finds no room, its intent is
    /// reconciled later.
    fn submit(&self, access: &Access, outcome: &Event) {
        let key = access.key.as_ref();
        if self.late.submit(&self.journal, outcome, key).is_err() {
            self.orphaned(access);
        }
    }

    /// Records what could not be recorded in time, once that can be done again.
    pub async fn catch_up(&self) {
        // What is not taken now is kept for the next time, and the log says that the journal fails.
        let _ = self.late.catch_up(&self.journal, self.clock.now()).await;
    }
}

/// The record of one access in the making.
#[derive(Debug)]
pub struct Access {
    draft: Box<Event>,
    intent: Option<Uuid>,
    started: SystemTime,
    settled: bool,
    /// The id that the intent names.
    intended: Option<String>,
    /// Whether the client asked for a receipt, or the bucket gives one for each upload.
    wants_receipt: bool,
    /// Until when the object is kept.
    retained: Retained,
    /// The acts that have a line of their own: if it is done, and if it is refused.
    acts: (Option<Act>, Option<Act>),
    /// The tenant's audit key, once one is needed.
    key: Option<Arc<AuditKey>>,
    trail: Trail,
}

impl Access {
    async fn keys(&mut self, keys: &AuditKeys) {
        if let (None, Some(tenant)) = (&self.key, &self.draft.tenant) {
            self.key = keys.of(tenant).await;
        }
    }

    /// An upload to where it goes yields a receipt.
    pub(crate) fn wants_receipt(&mut self) {
        self.wants_receipt = true;
    }

    /// What is asked.
    pub fn request(&mut self, request: &S3Request) {
        self.draft.op = format!("s3:{}", request.operation).into();
        let group = action_of(request.operation, false).map(policies::Action::group);
        self.draft.class = match group {
            Some(Group::Read | Group::List) => audit::Class::Read,
            Some(Group::Write | Group::Change) => audit::Class::Write,
            Some(Group::Delete) => audit::Class::Delete,
            _ => audit::Class::Admin,
        };
        self.draft.bucket = request.bucket.as_ref().map(ToString::to_string);
        self.draft.key = request.key.as_ref().map(|key| key.as_str().to_owned());
        self.draft.asked_version = request.version().map(str::to_owned);
        // What is none is refused before anything is done.
        self.draft.purpose = purpose_of(request).unwrap_or_default();
        self.wants_receipt = request
            .header(ATTEST)
            .is_some_and(|value| value.eq_ignore_ascii_case(b"true"));
        // Anew: a form's fields stand for its headers, and what was said before them counts no more.
        self.retained = Retained::default();
        self.retained.asked(request.operation, &request.headers);
        self.draft.tls = request
            .parts
            .extensions
            .get::<Connection>()
            .map(|connection| (connection.tls, connection.client_cert_fp.clone()));
        match request.operation {
            Operation::PutBucketPolicy => self.acts(Some(Act::PolicyPut), None),
            Operation::DeleteBucketPolicy => self.acts(Some(Act::PolicyDeleted), None),
            _ => {}
        }
        let source = request
            .header("x-amz-copy-source")
            .is_some()
            .then(|| request.copy_source().ok())
            .flatten();
        self.draft.source =
            source.map(|source| format!("{}/{}", source.bucket, source.key.as_str()));
    }

    /// What has a line of its own if it is done, and what if it is refused.
    pub fn acts(&mut self, done: Option<Act>, refused: Option<Act>) {
        self.acts = (done, refused);
    }

    /// The line of the act that the answer is, if it is one.
    fn act(&self, answered: &Result<Response<Answer>, GatewayError>, of: &Event) -> Option<Event> {
        let act = match answered {
            Ok(_) => self.acts.0,
            Err(GatewayError::Keys(_)) => Some(Act::KeyRefused),
            Err(_) => self.acts.1,
        }?;
        Some(Event {
            status: of.status,
            err: of.err.clone(),
            ..self.event(Kind::Act(act))
        })
    }

    /// The session that it is asked in.
    pub fn session(&mut self, session: &Session) {
        let now = self.trail.clock.now();
        self.draft.second_factor = session.second_factor.map(|shown| SecondFactor {
            age: now.duration_since(shown.into()).unwrap_or_default(),
            methods: session.methods.clone(),
        });
    }

    /// Who asks.
    pub fn principal(&mut self, principal: &Principal, access_key_id: &str) {
        self.draft.actor_type = Some(match principal.kind {
            policies::Kind::Human => "human",
            policies::Kind::Service => "service",
        });
        self.draft.roles = principal.roles.iter().cloned().collect();
        self.draft.tenant = Some(principal.tenant.clone());
        self.draft.principal = Some(principal.name.clone());
        self.draft.credential = Some(access_key_id.to_owned());
    }

    /// A call of the Security Token Service.
    pub fn sts(&mut self, operation: &'static str) {
        self.draft.op = operation.into();
        self.draft.class = audit::Class::Admin;
        if operation != "sts:GetCallerIdentity" {
            self.acts(Some(Act::SessionIssued), Some(Act::SessionRefused));
        }
    }

    /// What is done is done in an emergency that was declared.
    pub fn emergency(&mut self, id: &str) {
        self.draft.detail.insert("emergency".to_owned(), id.into());
    }

    /// In which tenant somebody wants to act, whom nothing vouches for yet.
    pub fn tenant_of(&mut self, tenant: &str) {
        self.draft.tenant = Some(tenant.to_owned());
    }

    /// Whom an identity provider vouches for.
    pub fn acts_as(&mut self, principal: &str) {
        self.draft.principal = Some(principal.to_owned());
    }

    /// The credential that was issued.
    pub fn session_begins(&mut self, access_key_id: &str) {
        self.draft.credential = Some(access_key_id.to_owned());
    }

    /// The request's id.
    pub fn request_id(&self) -> String {
        self.draft.req.clone()
    }

    /// A rule outside the policies permits it.
    pub fn permitted_by(&mut self, rule: &'static str) {
        self.draft.decision = audit::Decision::Allow;
        self.draft.policies = vec![rule.to_owned()];
    }

    /// Whose credentials were verified, if any were.
    pub fn tenant(&self) -> Option<&str> {
        self.draft.tenant.as_deref()
    }

    /// What policy decided.
    pub fn decided(&mut self, decision: &policies::Decision) {
        self.draft.decision = if decision.is_permit() {
            audit::Decision::Allow
        } else {
            audit::Decision::Deny
        };
        self.draft.policies = decision.rules();
    }

    fn facts(&mut self, facts: Option<&Facts>) {
        let Some(facts) = facts else { return };
        if let Some(until) = &facts.retain_until {
            self.retained.until(until);
        }
        self.draft.object_id.clone_from(&facts.object_id);
        // Of a deletion of a version that there may not be, stores repeat what the client said.
        let repeated =
            self.draft.class == audit::Class::Delete && self.draft.asked_version.is_some();
        if facts.version.is_some() && !repeated {
            self.draft.version.clone_from(&facts.version);
        }
        self.draft.bytes_in = facts.written;
        self.draft.digest = facts
            .uploaded
            .as_ref()
            .map(|uploaded| format!("{}:{}", uploaded.algorithm, uploaded.digest));
        self.draft.range.clone_from(&facts.range);
        self.draft.sealed_under.clone_from(&facts.sealed_under);
    }

    /// A new event with what is known so far.
    fn event(&self, kind: Kind) -> Event {
        self.draft.another(kind, self.trail.clock.now())
    }

    /// The event of one key of several.
    fn of_key(&self, outcome: KeyOutcome) -> Event {
        let mut event = self.outcome(200, outcome.error);
        if let Some(denial) = outcome.denial {
            event.decision = audit::Decision::Deny;
            event.policies = denial.rules();
        }
        event.key = Some(outcome.key);
        event.asked_version = outcome.version;
        event.detail.insert("of_several".to_owned(), true.into());
        event
    }

    fn outcome(&self, status: u16, error: Option<String>) -> Event {
        let kind = match (self.intent, self.draft.decision) {
            (Some(_), _) => Kind::Outcome,
            (None, audit::Decision::Allow) => Kind::Complete,
            (None, audit::Decision::Deny) => Kind::Deny,
        };
        let mut event = self.event(kind);
        event.intent_ref = self.intent;
        event.status = Some(status);
        event.err = error.map(Into::into);
        event.duration = event.wall.duration_since(self.started).ok();
        event
    }
}

impl Drop for Access {
    fn drop(&mut self) {
        if !self.settled {
            let event = self.outcome(ABORTED, Some("ClientAborted".to_owned()));
            self.trail.submit(self, &event);
        }
    }
}

fn streams(response: &Response<Answer>) -> bool {
    matches!(response.body(), Answer::Stream(_))
}

/// Whether an operation may change something, so that its intent must be on record first.
fn changes_something(operation: Operation) -> bool {
    !matches!(operation.method(), "GET" | "HEAD")
}

/// A client's request for a receipt of its upload.
const ATTEST: &str = "x-sealgate-attestation";

/// No HTTP status was seen by the client: the exchange broke (the number proxies log for it).
const ABORTED: u16 = 499;
