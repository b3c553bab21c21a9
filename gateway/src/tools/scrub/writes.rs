//! The write log of one bucket, read from audit journals: what each key should hold. It asks no store.
//!
//! Requests that overlap may have reached the store in either order, and one without a known outcome may have
//! changed something or not. So for each key there is a set of things it may hold, or no telling.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use audit::{AuditKey, Field, Uuid};
use serde::Deserialize;

use crate::tools::ToolError;
use crate::tools::trail::{each_line, segments};

/// What the trail says of a bucket's keys.
#[derive(Debug, Default)]
pub(super) struct Writes {
    keys: HashMap<String, Vec<Act>>,
    /// Intents whose outcome was not read yet, by event id.
    pending: HashMap<Uuid, Pending>,
    /// Lines that are no events, or that no key opens.
    pub(super) unread: u64,
    /// What opens the tenant's lines.
    trail_keys: Vec<AuditKey>,
}

/// What the trail says of what a key holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// As it should be.
    Agrees,
    /// The trail does not tell.
    Open,
    /// The trail says otherwise; in words what it says.
    Contradicts(&'static str),
}

/// A request that may have changed a key.
#[derive(Debug, Clone)]
struct Act {
    /// When its intent was recorded; times are RFC 3339 in UTC to the millisecond, so that text compares as time.
    begun: String,
    /// When its outcome was; `None` while it is not known.
    ended: Option<String>,
    effect: Effect,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Effect {
    /// This object, by its id.
    Wrote(String),
    Deleted,
    Unknown,
}

#[derive(Debug)]
struct Pending {
    begun: String,
    op: String,
    key: Option<String>,
    names_version: bool,
}

/// The fields of a trail line that matter here.
#[derive(Deserialize)]
struct Line {
    log: String,
    id: Uuid,
    kind: String,
    wall: String,
    op: String,
    intent_ref: Option<Uuid>,
    tenant: Option<String>,
    bucket: Option<String>,
    #[serde(default)]
    obj: Object,
    #[serde(rename = "ver")]
    version: Option<String>,
    status: Option<u16>,
    err: Option<String>,
    akey: Option<String>,
    #[serde(default)]
    sealed: HashMap<String, String>,
    /// The object's key, opened.
    #[serde(skip)]
    key: Option<String>,
}

#[derive(Default, Deserialize)]
struct Object {
    oid: Option<String>,
}

impl Line {
    /// Whether the client named a version.
    fn names_version(&self) -> bool {
        self.version.is_some() || self.sealed.contains_key(Field::AskedVersion.name())
    }

    /// Opens the object's key, if the line names one; whether that could be done.
    fn open(&mut self, keys: &[AuditKey]) -> bool {
        let Some(sealed) = self.sealed.get(Field::ObjectKey.name()) else {
            return true;
        };
        let named = keys
            .iter()
            .find(|key| Some(key.id()) == self.akey.as_deref());
        self.key = named.and_then(|key| key.open(&self.log, self.id, Field::ObjectKey, sealed));
        self.key.is_some()
    }
}

impl Writes {
    /// Reads all segments of these journals, each journal in its order.
    pub(super) fn read(
        journals: &[PathBuf],
        trail_keys: Vec<AuditKey>,
        tenant: &str,
        bucket: &str,
    ) -> Result<Self, ToolError> {
        let mut writes = Self {
            trail_keys,
            ..Self::default()
        };
        for journal in journals {
            let segments = segments(journal)?;
            if segments.is_empty() {
                return Err(ToolError::Asked(format!(
                    "{} holds no audit journal",
                    journal.display()
                )));
            }
            for segment in segments {
                each_line(&segment, |line| {
                    writes.take(line, tenant, bucket);
                    Ok(())
                })?;
            }
        }
        Ok(writes)
    }

    /// What the trail says of a key that holds this object now, or nothing.
    pub(super) fn judge(&self, key: &str, object_id: Option<&str>) -> Verdict {
        // Of an intent that names no key only those count that began later, lest one crash leave a whole bucket open.
        let unfinished = |last: &Act| {
            self.pending.values().any(|one| match &one.key {
                Some(named) => named == key,
                None => one.begun >= last.begun,
            })
        };
        let acts = self.keys.get(key).map(Vec::as_slice).unwrap_or_default();
        let Some(last) = last_known(acts) else {
            return Verdict::Open;
        };
        let possible = || acts.iter().filter(|act| !last.follows(act));
        if possible().any(|act| act.effect == Effect::Unknown) || unfinished(last) {
            return Verdict::Open;
        }
        let held = object_id.map_or(Effect::Deleted, |id| Effect::Wrote(id.to_owned()));
        if possible().any(|act| act.effect == held) {
            return Verdict::Agrees;
        }
        Verdict::Contradicts(match (&last.effect, object_id) {
            (Effect::Deleted, _) => "the trail says that it was deleted",
            (_, None) => "the trail says that it was written",
            (_, Some(_)) => "the trail says that another object was written here last",
        })
    }

    /// Keys that should hold something.
    pub(super) fn expected(&self) -> BTreeSet<&str> {
        let keys = self.keys.keys().map(String::as_str);
        keys.filter(|key| matches!(self.judge(key, None), Verdict::Contradicts(_)))
            .collect()
    }

    fn take(&mut self, raw: &[u8], tenant: &str, bucket: &str) {
        if raw.is_empty() {
            return;
        }
        let Ok(mut line) = serde_json::from_slice::<Line>(raw) else {
            self.unread = self.unread.saturating_add(1);
            return;
        };
        if line.tenant.as_deref() != Some(tenant) || line.bucket.as_deref() != Some(bucket) {
            return;
        }
        if !line.open(&self.trail_keys) {
            self.unread = self.unread.saturating_add(1);
            return;
        }
        self.told(line);
    }

    fn told(&mut self, line: Line) {
        match line.kind.as_str() {
            "intent" if CHANGES.contains(&line.op.as_str()) => {
                let pending = Pending {
                    names_version: line.names_version(),
                    begun: line.wall,
                    op: line.op,
                    key: line.key,
                };
                self.pending.insert(line.id, pending);
            }
            "outcome" | "reconcile" => self.settle(line),
            _ => {}
        }
    }

    fn settle(&mut self, line: Line) {
        let Some(reference) = line.intent_ref else {
            return;
        };
        let Some(pending) = self.pending.get(&reference) else {
            return;
        };
        let (op, begun) = (pending.op.clone(), pending.begun.clone());
        let names_version = pending.names_version;
        let is_one_of_several = pending.key.is_none() && line.key.is_some();
        if !is_one_of_several {
            self.pending.remove(&reference);
        }
        if op == BUCKET_DELETED {
            if line.status.is_some_and(|status| status < 300) {
                self.keys.clear();
            }
            return;
        }
        let effect = effect_of(&op, &line, names_version, is_one_of_several);
        let (Some(effect), Some(key)) = (effect, line.key) else {
            return;
        };
        let act = Act {
            begun,
            ended: Some(line.wall),
            effect,
        };
        let acts = self.keys.entry(key).or_default();
        acts.push(act);
        // What is over before the last known change began matters no more.
        if let Some(last) = last_known(acts).cloned() {
            acts.retain(|act| !last.follows(act));
        }
    }
}

impl Act {
    /// Whether `other` was over when this one began.
    fn follows(&self, other: &Self) -> bool {
        other
            .ended
            .as_ref()
            .is_some_and(|ended| *ended < self.begun)
    }
}

/// The acknowledged change that ended last.
fn last_known(acts: &[Act]) -> Option<&Act> {
    acts.iter()
        .filter(|act| act.effect != Effect::Unknown)
        .max_by(|left, right| left.ended.cmp(&right.ended))
}

/// What a request did, by its outcome; `None` if nothing.
fn effect_of(op: &str, line: &Line, names_version: bool, one_of_several: bool) -> Option<Effect> {
    match (line.status.unwrap_or(u16::MAX), line.err.as_deref()) {
        (200..300, None) if DELETES.contains(&op) => {
            // Deleting one version may bring another back; of several keys the trail does not tell a version
            // that was named from a marker that was made.
            let of_version = names_version || (one_of_several && line.names_version());
            Some(if of_version {
                Effect::Unknown
            } else {
                Effect::Deleted
            })
        }
        (200..300, None) => Some(line.obj.oid.clone().map_or(Effect::Unknown, Effect::Wrote)),
        (200..300, Some("AccessDenied")) | (300..=498, _) => None,
        _ => Some(Effect::Unknown),
    }
}

const BUCKET_DELETED: &str = "s3:DeleteBucket";
const DELETES: &[&str] = &["s3:DeleteObject", "s3:DeleteObjects"];
const CHANGES: &[&str] = &[
    "s3:PutObject",
    "s3:PostObject",
    "s3:CopyObject",
    "s3:CompleteMultipartUpload",
    "admin:ReencryptObject",
    "s3:DeleteObject",
    "s3:DeleteObjects",
    BUCKET_DELETED,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines of a trail: time in ms, kind, intent, operation, key, and the rest.
    fn writes(lines: &[(u32, &str, &str, &str, &str, &str)]) -> Writes {
        let mut writes = Writes::default();
        for (at, kind, intent, op, key, rest) in lines {
            let intent = Uuid::from_u128(intent.parse().unwrap());
            let (id, reference) = match *kind {
                "intent" => (intent, String::new()),
                _ => (Uuid::max(), format!("\"intent_ref\":\"{intent}\",")),
            };
            let line = format!(
                "{{\"log\":\"l\",\"id\":\"{id}\",{reference}\"kind\":\"{kind}\",\
                 \"wall\":\"2026-11-21T00:00:00.{at:03}Z\",\"op\":\"s3:{op}\",\"tenant\":\"t\",\"bucket\":\"b\"{rest}}}"
            );
            let mut line: Line = serde_json::from_str(&line).unwrap();
            line.key = (!key.is_empty()).then(|| (*key).to_owned());
            writes.told(line);
        }
        assert_eq!(writes.unread, 0);
        writes
    }

    const OK_A: &str = ",\"status\":200,\"obj\":{\"oid\":\"aa\"}";
    const OK_B: &str = ",\"status\":200,\"obj\":{\"oid\":\"bb\"}";

    fn contradicted(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Contradicts(_))
    }

    #[test]
    fn the_last_acknowledged_write_is_what_a_key_holds() {
        let trail = writes(&[
            (1, "intent", "1", "PutObject", "k", ""),
            (2, "outcome", "1", "PutObject", "k", OK_A),
            (3, "intent", "2", "CopyObject", "k", ""),
            (4, "outcome", "2", "CopyObject", "k", OK_B),
        ]);
        assert_eq!(trail.judge("k", Some("bb")), Verdict::Agrees);
        assert!(contradicted(&trail.judge("k", Some("aa"))));
        assert!(contradicted(&trail.judge("k", None)));
        assert_eq!(trail.judge("never", Some("aa")), Verdict::Open);
        assert_eq!(trail.expected(), BTreeSet::from(["k"]));
    }

    #[test]
    fn a_deleted_key_holds_nothing() {
        let trail = writes(&[
            (1, "intent", "1", "PutObject", "k", ""),
            (2, "outcome", "1", "PutObject", "k", OK_A),
            (3, "intent", "2", "DeleteObjects", "", ""),
            (4, "outcome", "2", "DeleteObjects", "k", ",\"status\":200"),
            (4, "outcome", "2", "DeleteObjects", "", ",\"status\":200"),
        ]);
        assert_eq!(trail.judge("k", None), Verdict::Agrees);
        assert!(contradicted(&trail.judge("k", Some("aa"))));
        assert!(trail.expected().is_empty());
        let named = ",\"ver\":\"v\"";
        let trail = writes(&[
            (1, "intent", "1", "PutObject", "k", ""),
            (2, "outcome", "1", "PutObject", "k", OK_A),
            (3, "intent", "2", "DeleteObject", "k", named),
            (4, "outcome", "2", "DeleteObject", "k", ",\"status\":204"),
        ]);
        assert_eq!(trail.judge("k", None), Verdict::Open, "one version went");
    }

    #[test]
    fn of_writes_that_overlap_either_may_be_there() {
        let trail = writes(&[
            (1, "intent", "1", "PutObject", "k", ""),
            (2, "intent", "2", "PutObject", "k", ""),
            (3, "outcome", "2", "PutObject", "k", OK_B),
            (4, "outcome", "1", "PutObject", "k", OK_A),
        ]);
        for id in ["aa", "bb"] {
            assert_eq!(trail.judge("k", Some(id)), Verdict::Agrees, "{id}");
        }
        assert!(contradicted(&trail.judge("k", Some("cc"))));
    }

    #[test]
    fn what_may_have_happened_since_leaves_it_open() {
        let known = [
            (1, "intent", "1", "PutObject", "k", ""),
            (2, "outcome", "1", "PutObject", "k", OK_A),
        ];
        for since in [
            // No outcome, an outcome without an answer, and deletes of keys that are not known yet.
            vec![(3, "intent", "2", "PutObject", "k", "")],
            vec![
                (3, "intent", "2", "PutObject", "k", ""),
                (4, "outcome", "2", "PutObject", "k", ",\"status\":499"),
            ],
            vec![(3, "intent", "2", "DeleteObjects", "", "")],
        ] {
            let trail = writes(&[known.to_vec(), since].concat());
            assert_eq!(trail.judge("k", Some("cc")), Verdict::Open);
            assert_eq!(trail.judge("k", None), Verdict::Open);
        }
        let refused = vec![
            (3, "intent", "2", "PutObject", "k", ""),
            (4, "outcome", "2", "PutObject", "k", ",\"status\":412"),
        ];
        let trail = writes(&[known.to_vec(), refused].concat());
        assert!(contradicted(&trail.judge("k", Some("cc"))));
    }

    #[test]
    fn a_bucket_that_was_deleted_owes_nothing() {
        let trail = writes(&[
            (1, "intent", "1", "PutObject", "k", ""),
            (2, "outcome", "1", "PutObject", "k", OK_A),
            (3, "intent", "2", "DeleteBucket", "", ""),
            (4, "outcome", "2", "DeleteBucket", "", ",\"status\":204"),
        ]);
        assert!(trail.expected().is_empty());
    }
}
