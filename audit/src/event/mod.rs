//! One access or act as the trail keeps it, and its JSON line. It must not know how lines are
//! stored, nor what S3 is: operations and resources are names given by the caller.

mod bounds;

use std::{
    borrow::Cow,
    fmt,
    net::IpAddr,
    time::{Duration, SystemTime},
};

use serde::Serialize;
use time::{
    OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem, macros::format_description,
};
use uuid::{NoContext, Timestamp, Uuid};

use bounds::Trimmer;

/// What a line is about: `docs/audit.md`, record kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Something is about to be done; durable before it is.
    Intent,
    /// How an intent ended.
    Outcome,
    /// Done and answered in one, where the whole answer was in hand.
    Complete,
    /// Refused.
    Deny,
    /// An administrative act.
    Admin,
}

/// What an operation does to data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
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

/// What was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// The request may run.
    Allow,
    /// It may not.
    Deny,
}

/// One event. The journal adds `v`, `seq` and `replica`. What is too long is cut when the line is
/// made, and the line's `trunc` names the fields that were.
#[derive(Clone)]
pub struct Event {
    /// UUID version 7, of the time the event was made.
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
    /// The principal, where one is known.
    pub principal: Option<String>,
    /// The id of the credential used (never its secret).
    pub credential: Option<String>,
    /// The logical bucket.
    pub bucket: Option<String>,
    /// The object's key.
    pub key: Option<String>,
    /// What a copy reads, as `bucket/key`.
    pub source: Option<String>,
    /// The sealed object's own id, in hex.
    pub object_id: Option<String>,
    /// The object's version.
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
    /// The client's address.
    pub src: Option<IpAddr>,
    /// The client's `User-Agent`.
    pub ua: Option<String>,
    /// How long it took.
    pub duration: Option<Duration>,
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
        let age = wall
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        Self {
            id: Uuid::new_v7(Timestamp::from_unix(
                NoContext,
                age.as_secs(),
                age.subsec_nanos(),
            )),
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
            credential: None,
            bucket: None,
            key: None,
            source: None,
            object_id: None,
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
        }
    }

    /// The members of the line after those the journal adds: JSON without its opening brace,
    /// closed.
    pub(crate) fn members(&self) -> Result<String, serde_json::Error> {
        let mut trim = Trimmer::default();
        let line = Line {
            id: self.id.to_string(),
            kind: self.kind,
            wall: wall(self.wall),
            req: trim.text("req", &self.req, 128),
            intent_ref: self.intent_ref.map(|id| id.to_string()),
            tenant: trim.optional("tenant", self.tenant.as_deref(), 256),
            principal: trim.optional("principal", self.principal.as_deref(), 512),
            credential: trim.optional("credential", self.credential.as_deref(), 256),
            op: trim.text("op", &self.op, 128),
            class: self.class,
            bucket: trim.optional("bucket", self.bucket.as_deref(), 256),
            // No key of S3's 1,024 bytes is ever cut, even if each of them needs six to be written.
            key: trim.optional("key", self.key.as_deref(), 6 * 1024),
            source: trim.optional("source", self.source.as_deref(), 3 * 1024),
            object_id: trim.optional("object_id", self.object_id.as_deref(), 64),
            version: trim.optional("version", self.version.as_deref(), 1024),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            range: trim.optional("range", self.range.as_deref(), 128),
            decision: self.decision,
            policies: trim.list("policies", &self.policies, 2048),
            status: self.status,
            err: trim.optional("err", self.err.as_deref(), 128),
            params: trim.optional("params", self.params.as_deref(), 64),
            approvals: trim.list("approvals", &self.approvals, 1024),
            src: self.src,
            ua: trim.optional("ua", self.ua.as_deref(), 512),
            dur_ms: self.duration.map(|duration| duration.as_millis()),
            trunc: trim.cut(),
        };
        let mut text = serde_json::to_string(&line)?;
        text.remove(0);
        Ok(text)
    }
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

#[derive(Serialize)]
struct Line<'a> {
    id: String,
    kind: Kind,
    wall: String,
    req: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    principal: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential: Option<&'a str>,
    op: &'a str,
    class: Class,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<&'a str>,
    decision: Decision,
    policies: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    err: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    approvals: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ua: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dur_ms: Option<u128>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trunc: Vec<&'static str>,
}

fn wall(time: SystemTime) -> String {
    // The format has no component that a time in UTC lacks.
    OffsetDateTime::from(time)
        .to_offset(UtcOffset::UTC)
        .format(WALL)
        .unwrap_or_default()
}

/// The longest line, its line feed included, in bytes: `docs/audit.md`.
pub const LINE_LIMIT: usize = 16 * 1024;

const WALL: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");

#[cfg(test)]
mod tests;
