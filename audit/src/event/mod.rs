//! One access or act as the trail keeps it. It must not know how lines are stored, nor what S3 is: operations and
//! resources are names given by the caller.

mod acts;
mod bounds;
mod device;
mod line;

use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use serde_json::{Map, Value};
use uuid::{NoContext, Timestamp, Uuid};

pub use acts::Act;
pub(crate) use line::LineError;
pub use line::{LINE_LIMIT, wall};

/// What a line is about: `docs/audit.md`, record kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something is about to be done; durable before it is.
    Intent,
    /// How an intent ended.
    Outcome,
    /// Done and answered in one, where the whole answer was in hand.
    Complete,
    /// Refused.
    Deny,
    /// An act that has a line of its own.
    Act(Act),
    /// The trail was searched or opened.
    Search,
    /// How an intent that a crash left open was found to have ended.
    Reconcile,
    /// A replica began this log.
    Start,
    /// A replica ended this log in good order.
    Stop,
    /// Events are missing, and how many.
    Gap,
    /// Something about the trail itself changed.
    Config,
    /// The last line of every tenant's chain so far.
    Heads,
}

impl Kind {
    /// The word in lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "intent",
            Self::Outcome => "outcome",
            Self::Complete => "complete",
            Self::Deny => "deny",
            Self::Act(act) => act.as_str(),
            Self::Search => "audit.search",
            Self::Reconcile => "reconcile",
            Self::Start => "replica.start",
            Self::Stop => "replica.stop",
            Self::Gap => "audit.gap",
            Self::Config => "audit.config",
            Self::Heads => "tenant.heads",
        }
    }

    /// Whether the line is written even into the room that is kept for a full disk.
    pub(crate) fn is_essential(self) -> bool {
        matches!(self, Self::Gap | Self::Stop | Self::Deny | Self::Config)
    }
}

/// What an operation does to data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Reads objects or their names.
    Read,
    /// Makes or changes objects.
    Write,
    /// Removes objects.
    Delete,
    /// Changes buckets, policies, principals or keys.
    Admin,
}

impl Class {
    /// The word in lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
            Self::Admin => "admin",
        }
    }
}

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The request may run.
    Allow,
    /// It may not.
    Deny,
}

/// A second factor, and how it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecondFactor {
    /// How long ago.
    pub age: Duration,
    /// By what: values of `amr` (RFC 8176).
    pub methods: Vec<String>,
}

/// One event. The journal adds `v`, `log`, `seq`, `hlc`, `tseq` and `tprev`. What is too long is cut when the line is
/// made, and the line's `trunc` names the fields that were. Fields marked *sealed* are written under the tenant's
/// audit key only.
#[derive(Clone)]
pub struct Event {
    /// UUID version 7, of the time the event was made. Never used for two lines.
    pub id: Uuid,
    /// What the line is about.
    pub kind: Kind,
    /// The time, of the caller's clock; written to the millisecond in UTC.
    pub wall: SystemTime,
    /// The request's id, as the client was given it.
    pub req: String,
    /// For an outcome: the id of its intent.
    pub intent_ref: Option<Uuid>,
    /// The operation, for example `s3:GetObject`.
    pub op: Cow<'static, str>,
    /// What the operation does to data.
    pub class: Class,
    /// What was decided.
    pub decision: Decision,
    /// The policies that decided.
    pub policies: Vec<String>,
    /// The tenant, where one is known.
    pub tenant: Option<String>,
    /// The principal, where one is known; sealed, and a token.
    pub principal: Option<String>,
    /// What the principal is: `human`, `service`, `administrator`, `gateway`.
    pub actor_type: Option<&'static str>,
    /// The roles it holds.
    pub roles: Vec<String>,
    /// The second factor that it showed.
    pub second_factor: Option<SecondFactor>,
    /// The version of TLS, 12 or 13, 0 without TLS; and the client's certificate.
    pub tls: Option<(u8, Option<String>)>,
    /// The id of the credential used (never its secret).
    pub credential: Option<String>,
    /// The logical bucket.
    pub bucket: Option<String>,
    /// The object's key; sealed, and a token together with the bucket.
    pub key: Option<String>,
    /// What a copy reads, as `bucket/key`; sealed.
    pub source: Option<String>,
    /// The sealed object's own id, in hex.
    pub object_id: Option<String>,
    /// The version that the client named: its own words, so sealed.
    pub asked_version: Option<String>,
    /// The key and the cipher suite that the object is sealed under: ids, no secrets.
    pub sealed_under: Option<(String, &'static str)>,
    /// For what purpose the client says that it asks, as a code.
    pub purpose: Option<&'static str>,
    /// The object's version, as the store named it.
    pub version: Option<String>,
    /// Plaintext bytes received from the client.
    pub bytes_in: Option<u64>,
    /// Plaintext bytes sent to the client.
    pub bytes_out: Option<u64>,
    /// The range asked for, as `first-last` in bytes of plaintext.
    pub range: Option<String>,
    /// The HTTP status answered.
    pub status: Option<u16>,
    /// The error code answered; never free text from elsewhere.
    pub err: Option<Cow<'static, str>>,
    /// SHA-256 of an administrative call's parameters, in hex.
    pub params: Option<String>,
    /// The approvals that an administrative call used up, and who gave them.
    pub approvals: Vec<String>,
    /// The client's address; sealed, and two tokens.
    pub src: Option<IpAddr>,
    /// The client's `User-Agent`; sealed, and a token of the device that it tells of.
    pub ua: Option<String>,
    /// How long it took.
    pub duration: Option<Duration>,
    /// The digest of the object's plaintext, `algorithm:hex`; sealed.
    pub digest: Option<String>,
    /// What a person gave as a reason; sealed.
    pub reason: Option<String>,
    /// The hash of the statement of a receipt, in base64.
    pub receipt: Option<String>,
    /// What only lines of this kind say; clear, 8 KiB at most.
    pub detail: Map<String, Value>,
}

impl Event {
    /// An event with what every event has; the rest is set field by field.
    pub fn new(
        kind: Kind,
        wall: SystemTime,
        req: String,
        op: impl Into<Cow<'static, str>>,
        class: Class,
        decision: Decision,
    ) -> Self {
        Self {
            id: new_id(wall),
            kind,
            wall,
            req,
            intent_ref: None,
            op: op.into(),
            class,
            decision,
            policies: Vec::new(),
            tenant: None,
            principal: None,
            actor_type: None,
            roles: Vec::new(),
            second_factor: None,
            tls: None,
            credential: None,
            bucket: None,
            key: None,
            source: None,
            object_id: None,
            asked_version: None,
            sealed_under: None,
            purpose: None,
            version: None,
            bytes_in: None,
            bytes_out: None,
            range: None,
            status: None,
            err: None,
            params: None,
            approvals: Vec::new(),
            src: None,
            ua: None,
            duration: None,
            digest: None,
            reason: None,
            receipt: None,
            detail: Map::new(),
        }
    }

    /// Another event at another time, with all that this one says: of the same request, say.
    #[must_use]
    pub fn another(&self, kind: Kind, wall: SystemTime) -> Self {
        Self {
            id: new_id(wall),
            kind,
            wall,
            ..self.clone()
        }
    }

    /// An event of the trail itself, about no request: of a replica, of the journal.
    pub fn of_trail(kind: Kind, wall: SystemTime) -> Self {
        Self::new(
            kind,
            wall,
            String::new(),
            kind.as_str(),
            Class::Admin,
            Decision::Allow,
        )
    }
}

fn new_id(wall: SystemTime) -> Uuid {
    let age = wall
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let at = Timestamp::from_unix(NoContext, age.as_secs(), age.subsec_nanos());
    Uuid::new_v7(at)
}

/// Ids only: keys, addresses and names of people belong in the trail and not in a log.
impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("req", &self.req)
            .field("op", &self.op)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
