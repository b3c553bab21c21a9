//! An event's JSON line: `docs/audit.md`, section 2. What names people or objects is written as tokens and sealed
//! fields only.

use std::net::IpAddr;
use std::time::SystemTime;

use serde::Serialize;
use serde_json::{Map, Value};
use time::{
    OffsetDateTime, UtcOffset, format_description::BorrowedFormatItem, macros::format_description,
};

use super::bounds::Trimmer;
use super::device::device;
use super::{Decision, Event};
use crate::sealing::{AuditKey, Field, LineKey, Named};

/// Why an event has no line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LineError {
    /// It cannot be written as JSON.
    #[error("an audit event cannot be written as JSON")]
    Json(#[from] serde_json::Error),
    /// The cipher refused.
    #[error("a field of an audit event cannot be sealed")]
    Sealing,
}

impl Event {
    /// The members of the line after those the journal adds: JSON without its opening brace, closed.
    pub(crate) fn members(&self, log: &str, key: &AuditKey) -> Result<String, LineError> {
        let mut trim = Trimmer::default();
        let sealing = key.line(log, self.id).ok_or(LineError::Sealing)?;
        let sealed = self.sealed(&sealing, &mut trim)?;
        let bucket = trim.optional("bucket", self.bucket.as_deref(), 256);
        let mut line = Line {
            id: self.id.to_string(),
            kind: self.kind.as_str(),
            wall: wall(self.wall),
            req: trim.text("req", &self.req, 128),
            intent_ref: self.intent_ref.map(|id| id.to_string()),
            tenant: trim.optional("tenant", self.tenant.as_deref(), 256),
            actor: self.principal.as_ref().map(|name| Actor {
                tok: key.token(Named::Actor, &[name.as_bytes()]),
                kind: self.actor_type,
                roles: trim.list("actor.roles", &self.roles, 192),
            }),
            mfa: self.second_factor.as_ref().map(|factor| Mfa {
                age_s: factor.age.as_secs(),
                amr: trim.list("mfa.amr", &factor.methods, 128),
            }),
            tls: self.tls.as_ref().map(|(version, certificate)| Tls {
                ver: *version,
                client_cert_fp: certificate
                    .as_deref()
                    .map(|fp| trim.text("tls.client_cert_fp", fp, 64)),
            }),
            cred: trim.optional("cred", self.credential.as_deref(), 256),
            op: trim.text("op", &self.op, 128),
            class: self.class.as_str(),
            purpose: self.purpose,
            bucket,
            obj: self.object(key, &mut trim),
            ver: trim.optional("ver", self.version.as_deref(), 1024),
            key: self.sealed_under.as_ref().map(|(id, suite)| ObjectsKey {
                kek: trim.text("key.kek", id, 64),
                suite,
            }),
            src: self.src.map(|address| Source {
                tok: key.token(
                    Named::Address,
                    &[address.to_canonical().to_string().as_bytes()],
                ),
                net_tok: key.token(Named::Network, &[network(address).as_bytes()]),
                dev_tok: self
                    .ua
                    .as_deref()
                    .map(|ua| key.token(Named::Device, &[device(ua).as_bytes()])),
            }),
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            range: trim.optional("range", self.range.as_deref(), 128),
            decision: match self.decision {
                Decision::Allow => "allow",
                Decision::Deny => "deny",
            },
            policies: trim.list("policies", &self.policies, 2048),
            status: self.status,
            err: trim.optional("err", self.err.as_deref(), 128),
            params: trim.optional("params", self.params.as_deref(), 64),
            approvals: trim.list("approvals", &self.approvals, 1024),
            dur_ms: self.duration.map(|duration| duration.as_millis()),
            receipt: trim.optional("receipt", self.receipt.as_deref(), 64),
            detail: detail(&self.detail, &mut trim)?,
            akey: (!sealed.is_empty()).then(|| key.id()),
            sealed,
            trunc: Vec::new(),
        };
        line.trunc = trim.cut();
        let mut text = serde_json::to_string(&line)?;
        text.remove(0);
        Ok(text)
    }

    fn object(&self, key: &AuditKey, trim: &mut Trimmer) -> Option<Object<'_>> {
        let bucket = self.bucket.as_deref().unwrap_or_default();
        let tok = self
            .key
            .as_ref()
            .map(|name| key.token(Named::Object, &[bucket.as_bytes(), name.as_bytes()]));
        let oid = trim.optional("obj.oid", self.object_id.as_deref(), 64);
        (tok.is_some() || oid.is_some()).then_some(Object { tok, oid })
    }

    fn sealed(
        &self,
        key: &LineKey<'_>,
        trim: &mut Trimmer,
    ) -> Result<Map<String, Value>, LineError> {
        let address = self.src.map(|address| address.to_canonical().to_string());
        let fields = [
            (Field::ObjectKey, self.key.as_deref(), 1024),
            // A bucket of 63 bytes, a slash and a key of 1024.
            (Field::Source, self.source.as_deref(), 1088),
            (Field::Actor, self.principal.as_deref(), 512),
            (Field::Address, address.as_deref(), 64),
            (Field::UserAgent, self.ua.as_deref(), 512),
            (Field::Digest, self.digest.as_deref(), 256),
            (Field::Reason, self.reason.as_deref(), 1024),
            (Field::AskedVersion, self.asked_version.as_deref(), 128),
        ];
        let mut sealed = Map::new();
        for (field, text, limit) in fields {
            if let Some(text) = text {
                let text = trim.bytes(field.name(), text, limit);
                let text = key.seal(field, text).ok_or(LineError::Sealing)?;
                sealed.insert(field.name().to_owned(), Value::String(text));
            }
        }
        Ok(sealed)
    }
}

/// What is over its limit is left out as a whole: a cut object would say something else.
fn detail<'a>(
    detail: &'a Map<String, Value>,
    trim: &mut Trimmer,
) -> Result<Option<&'a Map<String, Value>>, LineError> {
    let length = serde_json::to_string(detail)?.len();
    if length > DETAIL_LIMIT {
        trim.leave_out("detail");
        return Ok(None);
    }
    Ok((!detail.is_empty()).then_some(detail))
}

/// The network of an address: its first 24 bits, of an IPv6 address the first 48.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [a, b, c, _] = v4.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            format!("{a:x}:{b:x}:{c:x}::/48")
        }
    }
}

/// A time as lines write it: RFC 3339, in UTC, to the millisecond.
pub fn wall(time: SystemTime) -> String {
    // The format has no component that a time in UTC lacks.
    OffsetDateTime::from(time)
        .to_offset(UtcOffset::UTC)
        .format(WALL)
        .unwrap_or_default()
}

#[derive(Serialize)]
struct Line<'a> {
    id: String,
    kind: &'static str,
    wall: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    req: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    intent_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<Actor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cred: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mfa: Option<Mfa<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tls: Option<Tls<'a>>,
    op: &'a str,
    class: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bucket: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    obj: Option<Object<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ver: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<ObjectsKey<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    src: Option<Source>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_in: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes_out: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<&'a str>,
    decision: &'static str,
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
    dur_ms: Option<u128>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    akey: Option<&'a str>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    sealed: Map<String, Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trunc: Vec<&'static str>,
}

#[derive(Serialize)]
struct Actor<'a> {
    tok: String,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<&'static str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
}

#[derive(Serialize)]
struct Mfa<'a> {
    age_s: u64,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    amr: &'a [String],
}

#[derive(Serialize)]
struct Tls<'a> {
    ver: u8,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_cert_fp: Option<&'a str>,
}

#[derive(Serialize)]
struct Object<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tok: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    oid: Option<&'a str>,
}

#[derive(Serialize)]
struct Source {
    tok: String,
    net_tok: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    dev_tok: Option<String>,
}

#[derive(Serialize)]
struct ObjectsKey<'a> {
    kek: &'a str,
    suite: &'static str,
}

/// The longest line, its line feed included, in bytes: `docs/audit.md`.
pub const LINE_LIMIT: usize = 16 * 1024;

/// Of `detail`, in bytes of JSON.
const DETAIL_LIMIT: usize = 4 * 1024;

const WALL: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z");
