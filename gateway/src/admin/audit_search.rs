//! Searching a tenant's trail: who touched what, when and from where. The answer comes with a statement of whether it is
//! whole and, if asked for, with proofs. What is sealed is opened here, so each search is itself on the trail.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use audit::verify::{Extract, Found, Unproved, prove_lines};
use audit::{AuditKey, Named};
use audit_index::{About, Bulk, First, Hit, Index, IndexError, Novelty, OfLog, Question};
use http::{Method, StatusCode};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Date, OffsetDateTime, macros::format_description};
use tokio::sync::Mutex;

use super::credential::AdminRole;
use super::routes::Route;
use super::tenants::known;
use super::{Admin, AdminError, Call, Effect, Reply};
use crate::trail::Openings;

pub(super) const ROUTES: &[Route] = &[Route {
    operation: SEARCH,
    // A question names people and objects, which have no place in a URL.
    method: Method::POST,
    path: "/v1/tenants/{tenant}/audit/search",
    roles: &[AdminRole::SecurityOfficer, AdminRole::Auditor],
    effect: Effect::Read,
    handler: |admin, call| Box::pin(search(admin, call)),
}];

/// The operation's name.
pub(super) const SEARCH: &str = "SearchAudit";

/// The journal that is searched. One search at a time brings the index up to date.
#[derive(Debug, Default)]
pub(super) struct Searching {
    journal: Option<PathBuf>,
    pub(super) turn: Arc<Mutex<()>>,
}

impl Searching {
    pub(super) fn of(journal: PathBuf) -> Self {
        Self {
            journal: Some(journal),
            turn: Arc::default(),
        }
    }

    /// The journal's directory.
    pub(super) fn journal(&self) -> Result<PathBuf, AdminError> {
        self.journal.clone().ok_or_else(|| {
            AdminError::conflict("This gateway keeps no journal.", "Ask one that does.")
        })
    }
}

/// A question; what is not said is not asked for, and all that is said must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Asking {
    /// RFC 3339, or a day.
    from: Option<String>,
    to: Option<String>,
    object: Option<ObjectName>,
    principal: Option<String>,
    address: Option<IpAddr>,
    network: Option<String>,
    /// As the trail has tokens of: `chrome/windows`.
    device: Option<String>,
    credential: Option<String>,
    /// One of the words of [`About`].
    about: Option<String>,
    /// Who read at least so often.
    bulk_reads: Option<u64>,
    /// Or so many bytes.
    bulk_bytes: Option<u64>,
    /// Who came from which network, or with which device, for the first time.
    first_seen: bool,
    limit: usize,
    /// With the proof that each line is on the trail.
    proof: bool,
}

impl Default for Asking {
    fn default() -> Self {
        Self {
            from: None,
            to: None,
            object: None,
            principal: None,
            address: None,
            network: None,
            device: None,
            credential: None,
            about: None,
            bulk_reads: None,
            bulk_bytes: None,
            first_seen: false,
            limit: 1000,
            proof: false,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ObjectName {
    bucket: String,
    key: String,
}

/// What the index answered.
struct Answer {
    lines: Vec<String>,
    more: bool,
    bulk: Vec<(Bulk, Option<String>)>,
    firsts: Vec<String>,
    novel: Novel,
    logs: Vec<OfLog>,
    proof: Option<Extract>,
}

/// By log and line: what its principal came with for the first time ever.
type Novel = BTreeMap<(String, u64), Vec<Novelty>>;

/// A question as the index takes it.
struct Asked {
    question: Question,
    bulk: Option<(u64, u64)>,
    first_seen: bool,
    proof: bool,
}

async fn search(admin: &Admin, call: &Call) -> Result<Reply, AdminError> {
    let tenant = call.path("tenant").to_owned();
    known(admin, &tenant).await?;
    let asking: Asking = call.body()?;
    let openings = admin.trail.keys().openings(&tenant).await?;
    let now = OffsetDateTime::from(admin.clock.now());
    let asked = asked(&asking, &tenant, &openings, now)?;
    let (from, to) = (asked.question.from, asked.question.to);
    let journal = admin.searching.journal()?;
    // What happens to the trail itself is of no tenant.
    let of_trail = asked.question.about == Some(About::Trail);
    let of = if of_trail {
        String::new()
    } else {
        tenant.clone()
    };
    let turn = Arc::clone(&admin.searching.turn).lock_owned().await;
    let searching = tokio::task::spawn_blocking(move || {
        let answer = answer(&Index::new(&journal, &of), &journal, &of, &asked);
        drop(turn);
        answer
    });
    let answer = searching.await.map_err(|_| AdminError::internal())??;
    let complete = answer.logs.iter().all(OfLog::is_complete);
    let opened = |line: &String| {
        let line = openings.opened(serde_json::from_str(line).unwrap_or_default());
        flagged(line, &answer.novel)
    };
    let named = |line: &Value| line.pointer("/sealed/actor.name").cloned();
    Reply::of(&json!({
        "tenant": tenant,
        "from": text_of(from),
        "to": text_of(to),
        "lines": answer.lines.iter().map(opened).collect::<Vec<_>>(),
        "more": answer.more,
        "bulk": answer.bulk.iter().map(|(bulk, line)| json!({
            "principal": line.as_ref().and_then(|line| named(&opened(line))),
            "reads": bulk.reads, "bytes": bulk.bytes,
            "first": text_of(bulk.first), "last": text_of(bulk.last),
        })).collect::<Vec<_>>(),
        "first_seen": answer.firsts.iter().map(opened).collect::<Vec<_>>(),
        "completeness": {
            "complete": complete,
            "logs": answer.logs,
            "says": "each log's lines of the tenant are numbered from 0 without a gap, up to the last one that is signed",
        },
        "proof": answer.proof,
    }))
}

/// With `novel`, which no line has itself: it follows from all lines before.
fn flagged(mut line: Value, novel: &Novel) -> Value {
    let log = line.get("log").and_then(Value::as_str).unwrap_or_default();
    let seq = line.get("seq").and_then(Value::as_u64).unwrap_or_default();
    let found = novel.get(&(log.to_owned(), seq));
    if let (Some(found), Some(members)) = (found, line.as_object_mut()) {
        members.insert("novel".to_owned(), json!(found));
    }
    line
}

/// Off the tasks' threads: it waits for the disk.
fn answer(
    index: &Index,
    journal: &std::path::Path,
    tenant: &str,
    asked: &Asked,
) -> Result<Answer, AdminError> {
    index.update()?;
    let (from, to) = (asked.question.from, asked.question.to);
    let lists = asked.bulk.is_none() && !asked.first_seen;
    let most = asked.question.most;
    let mut hits = Vec::new();
    if lists {
        let question = Question {
            most: most.saturating_add(1),
            ..asked.question.clone()
        };
        hits = index.find(&question)?;
    }
    let more = hits.len() > most;
    hits.truncate(most);
    let line = |hit: &Hit| index.line(hit);
    let lines: Vec<String> = hits.iter().map(line).collect::<Result<_, _>>()?;
    let mut bulk = Vec::new();
    if let Some((reads, bytes)) = asked.bulk {
        for one in index.bulk(from, to, reads, bytes)? {
            let example = Question {
                from,
                to,
                actors: Some(vec![one.actor.clone()]),
                most: 1,
                ..Question::default()
            };
            let example = index.find(&example)?.first().map(line).transpose()?;
            bulk.push((one, example));
        }
    }
    let (mut firsts, mut novel) = (Vec::new(), Novel::new());
    for First { what, hit, .. } in index.firsts(from, to)? {
        let found = novel.entry((hit.log.clone(), hit.seq)).or_default();
        if asked.first_seen && found.is_empty() {
            firsts.push(line(&hit)?);
        }
        found.push(what);
    }
    let found: Vec<Found> = hits
        .iter()
        .zip(&lines)
        .map(|(hit, line)| Found {
            log: hit.log.clone(),
            seq: hit.seq,
            line: line.clone(),
        })
        .collect();
    let proof = asked.proof.then(|| prove_lines(journal, tenant, &found));
    let proof = proof.transpose().map_err(|error| unproved(&error))?;
    Ok(Answer {
        lines,
        more,
        bulk,
        firsts,
        novel,
        logs: index.completeness(from, to)?,
        proof,
    })
}

pub(super) fn unproved(error: &Unproved) -> AdminError {
    AdminError::conflict(
        &error.to_string(),
        "Ask again; if that does not help, verify the trail.",
    )
}

/// The question in tokens: one for each key that the tenant's lines may be under.
fn asked(
    asking: &Asking,
    tenant: &str,
    openings: &Openings,
    now: OffsetDateTime,
) -> Result<Asked, AdminError> {
    let tokens = |token: &dyn Fn(&AuditKey) -> String| -> Vec<String> {
        openings.keys(tenant).map(token).collect()
    };
    let about = asking.about.as_deref().map(|word| {
        About::parse(word).ok_or_else(|| {
            let words: Vec<&str> = About::ALL.iter().map(|about| about.as_str()).collect();
            AdminError::invalid(&format!("about: must be one of {}", words.join(", ")))
        })
    });
    let networks = asking.network.as_deref().map(of_trail).transpose()?;
    let question = Question {
        from: asking
            .from
            .as_deref()
            .map_or(Ok(0), |text| millis("from", text, false))?,
        to: match asking.to.as_deref() {
            Some(text) => millis("to", text, true)?,
            None => to_millis(now),
        },
        actors: asking
            .principal
            .as_ref()
            .map(|name| tokens(&|key| key.token(Named::Actor, &[name.as_bytes()]))),
        objects: asking.object.as_ref().map(|object| {
            let parts = [object.bucket.as_bytes(), object.key.as_bytes()];
            tokens(&|key| key.token(Named::Object, &parts))
        }),
        addresses: asking.address.map(|address| {
            let address = address.to_canonical().to_string();
            tokens(&|key| key.token(Named::Address, &[address.as_bytes()]))
        }),
        networks: networks
            .map(|network| tokens(&|key| key.token(Named::Network, &[network.as_bytes()]))),
        devices: asking.device.as_ref().map(|device| {
            let device = device.to_ascii_lowercase();
            tokens(&|key| key.token(Named::Device, &[device.as_bytes()]))
        }),
        credential: asking.credential.clone(),
        about: about.transpose()?,
        most: asking.limit.clamp(1, MOST),
    };
    let bulk = match (asking.bulk_reads, asking.bulk_bytes) {
        (None, None) => None,
        (reads, bytes) => Some((reads.unwrap_or(u64::MAX), bytes.unwrap_or(u64::MAX))),
    };
    Ok(Asked {
        question,
        bulk,
        first_seen: asking.first_seen,
        proof: asking.proof,
    })
}

/// A network as lines have a token of it: /24, or /48 of IPv6.
fn of_trail(network: &str) -> Result<String, AdminError> {
    match network.parse::<IpNet>().map(|network| network.trunc()) {
        Ok(IpNet::V4(v4)) if v4.prefix_len() == 24 => Ok(v4.to_string()),
        Ok(IpNet::V6(v6)) if v6.prefix_len() == 48 => {
            let [a, b, c, ..] = v6.network().segments();
            Ok(format!("{a:x}:{b:x}:{c:x}::/48"))
        }
        _ => Err(AdminError::invalid(
            "network: the trail knows networks of /24 (IPv6: /48); ask for those, one by one",
        )),
    }
}

/// RFC 3339, or a day: its beginning, or its last millisecond.
pub(super) fn millis(name: &str, text: &str, ends: bool) -> Result<i64, AdminError> {
    if let Ok(day) = Date::parse(text, format_description!("[year]-[month]-[day]")) {
        let begins = to_millis(day.midnight().assume_utc());
        return Ok(if ends {
            begins.saturating_add(DAY - 1)
        } else {
            begins
        });
    }
    let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| {
        AdminError::invalid(&format!(
            "{name}: must be a day, as 2026-11-27, or a time, as 2026-11-27T08:00:00Z"
        ))
    })?;
    Ok(to_millis(time))
}

pub(super) fn to_millis(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

pub(super) fn text_of(millis: i64) -> String {
    let time =
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(millis).saturating_mul(1_000_000));
    let time = time.ok().and_then(|time| time.format(&Rfc3339).ok());
    time.unwrap_or_default()
}

impl From<IndexError> for AdminError {
    fn from(error: IndexError) -> Self {
        tracing::error!(
            error = crate::error::report(&error),
            "the trail cannot be searched"
        );
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "IndexUnusable",
            &error.to_string(),
            "The index is made from the journal: it can be removed at any time.",
        )
    }
}

/// Lines in one answer.
const MOST: usize = 100_000;
const DAY: i64 = 86_400_000;
