//! It is on record: turns accesses into audit events. The only maker of [`Recorded`].
//!
//! What changes something or streams an object is recorded twice: its intent, durable before the store is
//! asked, and its outcome. What is answered from memory is recorded once, complete, before the answer.
//! Refusals are recorded too, whoever asked. An access whose client goes away is recorded as aborted.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::SystemTime;

use audit::{Event, Journal, Kind, Uuid};
use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::{Body, Frame, SizeHint};
use policies::{Group, Principal};
use sealed_object::{ObjectId, Plain};

use crate::authorize::{Leave, Permitted, action_of};
use crate::body::Answer;
use crate::clock::Clock;
use crate::error::GatewayError;
use crate::s3::range::Satisfied;
use crate::s3::{Class, Operation, RequestId, S3Request};
use crate::sigv4::Payload;
use crate::upstream::{BoxError, StoreBody};

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
}

impl<T> Recorded<T> {
    pub(crate) fn into_parts(self) -> (T, Leave, Payload) {
        (self.request, self.leave, self.payload)
    }
}

/// What an operation found out about its object, for the record. Travels in the response's extensions.
#[derive(Debug, Clone)]
pub struct Facts {
    object_id: Option<String>,
    version: Option<String>,
    written: Option<u64>,
    range: Option<String>,
    /// What became of each key of a request that names several.
    keys: Vec<KeyOutcome>,
}

/// One key of `DeleteObjects`.
#[derive(Debug, Clone)]
pub struct KeyOutcome {
    /// The key.
    pub key: String,
    /// The version named or made.
    pub version: Option<String>,
    /// The error code, if it was not done.
    pub error: Option<String>,
    /// Why policy denied it, if it did.
    pub denial: Option<policies::Denial>,
}

impl Facts {
    /// An object was written.
    pub fn written(object_id: ObjectId, store: &HeaderMap, plain: Plain) -> Self {
        Self {
            object_id: Some(hex::encode(object_id.0)),
            version: version_of(store),
            written: Some(plain.0),
            range: None,
            keys: Vec::new(),
        }
    }

    /// Several keys were dealt with.
    pub fn of_keys(keys: Vec<KeyOutcome>) -> Self {
        Self {
            object_id: None,
            version: None,
            written: None,
            range: None,
            keys,
        }
    }

    /// An object, or a version of it, was deleted; the store's answer names the version or marker.
    pub fn deleted(store: &HeaderMap) -> Self {
        Self {
            version: version_of(store),
            ..Self::of_keys(Vec::new())
        }
    }

    /// An object, or a range of it, is being read.
    pub fn read(object_id: ObjectId, store: &HeaderMap, range: Option<Satisfied>) -> Self {
        let range = range.map(|range| format!("{}-{}", range.first, range.last));
        Self {
            object_id: Some(hex::encode(object_id.0)),
            version: version_of(store),
            written: None,
            range,
            keys: Vec::new(),
        }
    }
}

fn version_of(store: &HeaderMap) -> Option<String> {
    store
        .get("x-amz-version-id")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned)
}

/// The trail of this replica.
#[derive(Debug, Clone)]
pub struct Trail {
    journal: Arc<Journal>,
    clock: Clock,
}

impl Trail {
    /// A trail into this journal.
    pub fn new(journal: Arc<Journal>, clock: Clock) -> Self {
        Self { journal, clock }
    }

    /// The time, as the trail writes it.
    pub(crate) fn now(&self) -> SystemTime {
        self.clock.now()
    }

    /// Records an event that another part of the gateway has made, durably.
    pub(crate) async fn record(&self, event: &Event) -> Result<(), audit::JournalError> {
        self.journal.record(event).await.map(drop)
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
        if has_two_phases(request.operation) {
            let event = access.event(Kind::Intent);
            // Before the wait: if the client leaves meanwhile, the outcome still names it.
            access.intent = Some(event.id);
            self.journal.record(&event).await?;
        }
        Ok(Recorded {
            request,
            leave,
            payload,
        })
    }

    /// Ends the record: durably before the answer, or, where an object streams, when the stream ends.
    /// What cannot be recorded is not confirmed.
    pub async fn settle(
        &self,
        mut access: Access,
        answered: Result<Response<Answer>, GatewayError>,
    ) -> Result<Response<Answer>, GatewayError> {
        let (event, keys) = match &answered {
            Ok(response) => {
                let facts = response.extensions().get::<Facts>();
                access.facts(facts);
                let streams = matches!(response.body(), Answer::Stream(_));
                if streams && access.intent.is_some() {
                    let status = response.status().as_u16();
                    return answered.map(|response| {
                        response.map(|body| recorded_stream(body, access, status))
                    });
                }
                let keys = facts.map(|facts| facts.keys.clone()).unwrap_or_default();
                (access.outcome(response.status().as_u16(), None), keys)
            }
            Err(error) => {
                if let GatewayError::Denied(denial) = error {
                    access.decided(&policies::Decision::Deny(denial.clone()));
                }
                let status = error.fault().code.status().as_u16();
                (access.outcome(status, Some(error.trail_code())), Vec::new())
            }
        };
        access.settled = true;
        let of_keys: Vec<Event> = keys
            .into_iter()
            .map(|outcome| access.of_key(outcome))
            .collect();
        let recorded = of_keys
            .iter()
            .chain([&event])
            .map(|event| self.journal.record(event));
        futures_util::future::try_join_all(recorded).await?;
        answered
    }
}

/// The record of one access in the making.
#[derive(Debug)]
pub struct Access {
    draft: Box<Event>,
    intent: Option<Uuid>,
    started: SystemTime,
    settled: bool,
    trail: Trail,
}

impl Access {
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
        self.draft.version = request.version().map(str::to_owned);
        let source = request
            .header("x-amz-copy-source")
            .is_some()
            .then(|| request.copy_source().ok())
            .flatten();
        self.draft.source =
            source.map(|source| format!("{}/{}", source.bucket, source.key.as_str()));
    }

    /// Who asks.
    pub fn principal(&mut self, principal: &Principal, access_key_id: &str) {
        self.draft.tenant = Some(principal.tenant.clone());
        self.draft.principal = Some(principal.name.clone());
        self.draft.credential = Some(access_key_id.to_owned());
    }

    /// A call of the Security Token Service.
    pub fn sts(&mut self, operation: &'static str) {
        self.draft.op = operation.into();
        self.draft.class = audit::Class::Admin;
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
        self.draft.object_id.clone_from(&facts.object_id);
        if facts.version.is_some() {
            self.draft.version.clone_from(&facts.version);
        }
        self.draft.bytes_in = facts.written;
        self.draft.range.clone_from(&facts.range);
    }

    /// A new event with what is known so far.
    fn event(&self, kind: Kind) -> Event {
        let draft = &self.draft;
        let fresh = Event::new(
            kind,
            self.trail.clock.now(),
            draft.req.clone(),
            draft.op.clone(),
            draft.class,
            draft.decision,
        );
        Event {
            id: fresh.id,
            kind,
            wall: fresh.wall,
            ..Event::clone(draft)
        }
    }

    /// The event of one key of several.
    fn of_key(&self, outcome: KeyOutcome) -> Event {
        let mut event = self.outcome(200, outcome.error);
        if let Some(denial) = outcome.denial {
            event.decision = audit::Decision::Deny;
            event.policies = denial.rules();
        }
        event.key = Some(outcome.key);
        event.version = outcome.version;
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
            self.trail.journal.submit(&event);
        }
    }
}

/// Whether an operation changes something or streams an object, so that its intent must be on record
/// first.
fn has_two_phases(operation: Operation) -> bool {
    operation.class() == Class::Open || !matches!(operation.method(), "GET" | "HEAD")
}

fn recorded_stream(body: Answer, access: Access, status: u16) -> Answer {
    match body {
        Answer::Stream(inner) => Answer::stream(RecordedStream {
            inner,
            access,
            status,
            sent: 0,
        }),
        ready @ Answer::Ready(_) => ready,
    }
}

/// A streaming answer that records what was really sent when it ends, breaks or is dropped.
struct RecordedStream {
    inner: StoreBody,
    access: Access,
    /// The status the client was given.
    status: u16,
    sent: u64,
}

impl RecordedStream {
    fn settle(&mut self, status: u16, error: Option<String>) {
        if !std::mem::replace(&mut self.access.settled, true) {
            self.access.draft.bytes_out = Some(self.sent);
            self.access
                .trail
                .journal
                .submit(&self.access.outcome(status, error));
        }
    }
}

impl Body for RecordedStream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            None => {
                let status = self.status;
                self.settle(status, None);
            }
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.sent = self
                    .sent
                    .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            }
            Some(Err(error)) => {
                let code = error
                    .downcast_ref::<GatewayError>()
                    .map_or_else(|| "InternalError".to_owned(), GatewayError::trail_code);
                self.settle(ABORTED, Some(code));
            }
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RecordedStream {
    fn drop(&mut self) {
        // hyper stops asking once the announced length is sent.
        let complete = self.inner.is_end_stream();
        let error = (!complete).then(|| "ClientAborted".to_owned());
        let status = if complete { self.status } else { ABORTED };
        self.settle(status, error);
    }
}

/// No HTTP status was seen by the client: the exchange broke (the number proxies log for it).
const ABORTED: u16 = 499;
