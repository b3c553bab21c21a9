//! What the index keeps of a line. It must not know SQL.

use audit::Line;
use serde::Deserialize;
use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::question::About;

/// A line of a tenant, as it is found again.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) line: Line,
    pub(crate) tseq: u64,
    /// Milliseconds since 1970.
    pub(crate) wall: i64,
    pub(crate) actor: Option<String>,
    pub(crate) cred: Option<String>,
    pub(crate) object: Option<String>,
    pub(crate) src: Option<String>,
    pub(crate) net: Option<String>,
    pub(crate) dev: Option<String>,
    /// What it is about, as bits of [`About`].
    pub(crate) about: i64,
    /// Bytes that somebody read, where the line ends a read.
    pub(crate) read: Option<i64>,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    tenant: String,
    tseq: u64,
    wall: String,
    kind: String,
    op: String,
    class: String,
    decision: String,
    status: Option<u16>,
    bytes_out: Option<i64>,
    #[serde(default)]
    actor: Token,
    cred: Option<String>,
    #[serde(default)]
    obj: Token,
    #[serde(default)]
    src: Token,
    #[serde(default)]
    detail: Map<String, Value>,
}

#[derive(Default, Deserialize)]
struct Token {
    tok: Option<String>,
    net_tok: Option<String>,
    dev_tok: Option<String>,
}

impl Row {
    /// The line, if it is of this tenant; of none, if the name is empty.
    pub(crate) fn of(line: Line, tenant: &str) -> Option<Self> {
        let fields: Fields = serde_json::from_str(&line.text).ok()?;
        if fields.tenant != tenant {
            return None;
        }
        let wall = OffsetDateTime::parse(&fields.wall, &Rfc3339).ok()?;
        let wall = i64::try_from(wall.unix_timestamp_nanos() / 1_000_000).ok()?;
        let about = about(&fields).fold(0, |bits, about| bits | about.bit());
        let ends = matches!(fields.kind.as_str(), "outcome" | "complete");
        let answered = fields.status.is_some_and(|status| status < 300);
        let reads = ends && answered && fields.class == "read";
        Some(Self {
            line,
            tseq: fields.tseq,
            wall,
            actor: fields.actor.tok,
            cred: fields.cred,
            object: fields.obj.tok,
            src: fields.src.tok,
            net: fields.src.net_tok,
            dev: fields.src.dev_tok,
            about,
            read: reads.then(|| fields.bytes_out.unwrap_or(0)),
        })
    }
}

/// What a line is about; `None` where it cannot be read.
pub(crate) fn abouts(text: &str) -> Option<Vec<About>> {
    let fields: Fields = serde_json::from_str(text).ok()?;
    Some(about(&fields).collect())
}

fn about(line: &Fields) -> impl Iterator<Item = About> {
    let all = About::ALL.into_iter();
    all.filter(|about| is_about(*about, line))
}

fn is_about(about: About, line: &Fields) -> bool {
    let op = line.op.as_str();
    match about {
        About::Denials => line.decision == "deny",
        About::Emergencies => {
            line.detail.contains_key("emergency")
                || op.starts_with("admin:") && op.contains("Emergenc")
        }
        About::Keys => line.kind.starts_with("key.") || KEY_OPERATIONS.contains(&op),
        About::Policies => {
            let changes = line.class == "admin";
            line.kind.starts_with("policy.")
                || changes && PRIVILEGES.iter().any(|part| op.contains(part))
        }
        About::Deletions => line.class == "delete",
        About::Searches => line.kind == "audit.search" || SEARCHES.contains(&op),
        About::Trail => TRAIL_KINDS.contains(&line.kind.as_str()),
    }
}

/// Asked in vain too.
const SEARCHES: &[&str] = &["admin:SearchAudit", "admin:MakeEvidence"];

const KEY_OPERATIONS: &[&str] = &[
    "admin:RotateKey",
    "admin:RewrapKeys",
    "admin:FreezeKeys",
    "admin:ThawKeys",
    "admin:EvictKeys",
    "admin:DestroyKeys",
    "admin:CancelKeyDestruction",
];

/// Parts of the names of operations that change who may do what.
const PRIVILEGES: &[&str] = &[
    "Polic",
    "User",
    "AccessKey",
    "Credential",
    "Approv",
    "RevokeSessions",
    "SetTenant",
    "SetRole",
    "DeleteRole",
    "AccessReview",
    "PublicAccessBlock",
    "OwnershipControls",
];

const TRAIL_KINDS: &[&str] = &[
    "audit.gap",
    "audit.config",
    "replica.start",
    "replica.stop",
    "reconcile",
];
