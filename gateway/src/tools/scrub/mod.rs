//! Scrubbing a bucket: every stored object is authenticated for its place and hashed, one after the other, and what
//! is wrong is reported. Nothing is opened and nothing is changed.

mod examine;
mod record;
mod writes;

use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use audit::AuditKey;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::{Custody, Pace, ToolError};
use crate::buckets::Bucket;
use crate::envelope;
use crate::keys::Keys;
use crate::s3::BucketName;
use crate::upstream::{Begin, Listed, StoreRequest, Upstream, Walk};
use examine::{Examined, neighbours};
use record::{Record, Subject};
use writes::{Verdict, Writes};

/// What to scrub, and how.
#[derive(Debug)]
pub struct Plan {
    /// Whose bucket.
    pub tenant: String,
    /// Its name.
    pub bucket: BucketName,
    /// Other tenants whose keys are there, to say whose a misplaced object is.
    pub other_tenants: Vec<String>,
    /// Only keys that begin so.
    pub prefix: String,
    /// Every version, not only what a key shows now.
    pub all_versions: bool,
    /// The journals to compare with; none: no comparison.
    pub journals: Vec<PathBuf>,
    /// The file that lets a scrub go on after it was ended.
    pub record: Option<PathBuf>,
    /// Stored bytes a second.
    pub rate: Option<u64>,
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Of what kind.
    pub kind: FindingKind,
    /// The key.
    pub key: String,
    /// The version, where it is not what the key shows now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// More about it, in words.
    pub detail: String,
}

/// Kinds of findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FindingKind {
    /// Its bytes are not those that were sealed.
    Damaged,
    /// It is not a sealed object.
    Unsealed,
    /// It was sealed for another place: another key, bucket or tenant.
    WrongPlace,
    /// No keyring has its key.
    UnknownKey,
    /// Its key is destroyed, waits for that, or is refused.
    UnusableKey,
    /// The store lists it and does not give it.
    Unreadable,
    /// Its write was acknowledged, and it is not there.
    Missing,
    /// It is not what was written, or deleted, last.
    NotLatest,
    /// The store gives it and does not list it.
    Unlisted,
}

/// What was counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Objects and versions examined.
    pub objects: u64,
    /// Their stored bytes, of those that are whole.
    pub bytes: u64,
    /// Objects that were deleted while the scrub ran.
    pub gone: u64,
    /// Keys ending in `/` of which the store keeps nothing but the name.
    pub folder_markers: u64,
    /// Objects of which the trail does not tell what should be there.
    pub not_told: u64,
}

/// What a scrub came to.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Whose bucket.
    pub tenant: String,
    /// Its name.
    pub bucket: String,
    /// What was counted, earlier runs included.
    pub counts: Counts,
    /// How many objects earlier runs had examined.
    pub resumed_after: u64,
    /// Lines of the trail that could not be read; `None` if it was not compared.
    pub trail_lines_unread: Option<u64>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Who watches a scrub.
pub trait Watcher {
    /// Whether to list the bucket once more beforehand, to tell how much there is.
    fn wants_total(&self) -> bool;
    /// So many objects and versions there are, those included that earlier runs examined.
    fn total(&mut self, objects: u64);
    /// It came this far.
    fn progress(&mut self, counts: &Counts, findings: usize);
    /// It found something.
    fn found(&mut self, finding: &Finding);
}

/// A scrub in progress.
struct Scrub<'a> {
    plan: &'a Plan,
    upstream: &'a Upstream,
    keys: &'a Keys,
    trail_keys: Vec<AuditKey>,
    bucket: Bucket,
    /// The tenant's other buckets.
    neighbours: Vec<Bucket>,
    other_tenants: &'a [String],
    walk: Walk,
}

/// Scrubs a bucket.
///
/// # Errors
/// What keeps the scrub from going on; with a record it can be run again and goes on where it was.
pub async fn scrub(
    custody: &Custody,
    plan: &Plan,
    watcher: &mut dyn Watcher,
) -> Result<Report, ToolError> {
    let bucket = custody.bucket(&plan.tenant, &plan.bucket).await?;
    let all = custody.buckets.list(&plan.tenant).await?;
    let subject = Subject {
        tenant: plan.tenant.clone(),
        bucket: bucket.name.clone(),
        bucket_id: bucket.id.to_string(),
        prefix: plan.prefix.clone(),
        all_versions: plan.all_versions,
        against_trail: !plan.journals.is_empty(),
    };
    let mut record = match &plan.record {
        Some(path) => Record::open(path, &subject)?,
        None => Record::in_memory(),
    };
    let scrub = Scrub {
        plan,
        upstream: custody.store()?,
        keys: &custody.keys,
        trail_keys: match plan.journals.as_slice() {
            [] => Vec::new(),
            _ => custody.trail_keys(&plan.tenant).await?,
        },
        neighbours: neighbours(&bucket, all),
        other_tenants: &plan.other_tenants,
        walk: Walk {
            bucket: bucket.upstream.clone(),
            prefix: plan.prefix.clone(),
            versions: plan.all_versions,
        },
        bucket,
    };
    let resumed_after = record.place.counts.objects;
    let writes = scrub.writes()?;
    scrub
        .examine_all(&mut record, writes.as_ref(), watcher)
        .await?;
    if writes.is_some() {
        scrub.compare(&mut record, watcher).await?;
    }
    record.finished()?;
    Ok(Report {
        tenant: subject.tenant,
        bucket: subject.bucket,
        counts: record.place.counts,
        resumed_after,
        trail_lines_unread: writes.map(|writes| writes.unread),
        findings: record.findings,
    })
}

impl Scrub<'_> {
    async fn examine_all(
        &self,
        record: &mut Record,
        writes: Option<&Writes>,
        watcher: &mut dyn Watcher,
    ) -> Result<(), ToolError> {
        let mut pace = Pace::new(self.plan.rate);
        let begin = if record.is_resumed() {
            Begin::Behind(record.place.behind.clone())
        } else {
            Begin::First
        };
        if watcher.wants_total() {
            let ahead = self.count(begin.clone()).await?;
            watcher.total(record.place.counts.objects.saturating_add(ahead));
        }
        let mut next = Some(begin);
        let mut before: Option<String> = None;
        let mut kept = Instant::now();
        while let Some(begin) = next {
            let (page, following) = self.walk.page(self.upstream, &begin).await?;
            next = following;
            for listed in page {
                // Only between keys, so that going on never begins amid the versions of one.
                if let Some(done) = before.filter(|done| *done != listed.key) {
                    record.place.behind = done;
                    if kept.elapsed() >= KEEP_EVERY {
                        record.reached()?;
                        kept = Instant::now();
                    }
                }
                self.take(&listed, record, writes, &mut pace, watcher)
                    .await?;
                before = Some(listed.key);
            }
        }
        if let Some(done) = before {
            record.place.behind = done;
        }
        record.reached()
    }

    /// How many objects and versions are listed from here on.
    async fn count(&self, begin: Begin) -> Result<u64, ToolError> {
        let mut count: u64 = 0;
        let mut next = Some(begin);
        while let Some(begin) = next {
            let (page, following) = self.walk.page(self.upstream, &begin).await?;
            count = count.saturating_add(u64::try_from(page.len()).unwrap_or(u64::MAX));
            next = following;
        }
        Ok(count)
    }

    async fn take(
        &self,
        listed: &Listed,
        record: &mut Record,
        writes: Option<&Writes>,
        pace: &mut Pace,
        watcher: &mut dyn Watcher,
    ) -> Result<(), ToolError> {
        let examined = self.examine(listed, pace).await?;
        let counts = &mut record.place.counts;
        counts.objects = counts.objects.saturating_add(1);
        match examined {
            Examined::Whole { stored, object_id } => {
                counts.bytes = counts.bytes.saturating_add(stored);
                let verdict = writes
                    .filter(|_| listed.latest)
                    .map(|writes| writes.judge(&listed.key, Some(&object_id)));
                match verdict {
                    Some(Verdict::Open) => counts.not_told = counts.not_told.saturating_add(1),
                    Some(Verdict::Contradicts(_)) => record.suspect(&listed.key)?,
                    Some(Verdict::Agrees) | None => {}
                }
            }
            Examined::Gone => counts.gone = counts.gone.saturating_add(1),
            Examined::FolderMarker => {
                counts.folder_markers = counts.folder_markers.saturating_add(1);
            }
            Examined::Found(finding) => {
                watcher.found(&finding);
                record.found(finding)?;
            }
        }
        watcher.progress(&record.place.counts, record.findings.len());
        Ok(())
    }

    /// Looks again at what did not agree with the trail, and for what is not there: the trail goes on while a
    /// scrub runs, so only what contradicts a trail that was read after the store is a finding.
    async fn compare(
        &self,
        record: &mut Record,
        watcher: &mut dyn Watcher,
    ) -> Result<(), ToolError> {
        let mut doubtful: BTreeSet<String> = record.suspects.iter().cloned().collect();
        let mut absent = BTreeSet::new();
        if let Some(writes) = self.writes()? {
            let listed = self.names().await?;
            let expected = writes
                .expected()
                .into_iter()
                .filter(|key| key.starts_with(&self.plan.prefix) && !listed.contains(*key));
            absent.extend(expected.map(str::to_owned));
            doubtful.extend(absent.iter().cloned());
        }
        let mut held = Vec::new();
        for key in doubtful {
            held.push((self.object_at(&key).await?, key));
        }
        let Some(writes) = self.writes()? else {
            return Ok(());
        };
        for (object_id, key) in held {
            let (kind, why) = match (writes.judge(&key, object_id.as_deref()), object_id) {
                (Verdict::Contradicts(why), None) => (FindingKind::Missing, why),
                (Verdict::Contradicts(why), Some(_)) => (FindingKind::NotLatest, why),
                (_, Some(id)) if absent.contains(&key) && self.is_hidden(&key, &id).await? => {
                    self.examine_hidden(&key, record, watcher).await?;
                    (
                        FindingKind::Unlisted,
                        "the store gives it and does not list it",
                    )
                }
                _ => continue,
            };
            let finding = Finding {
                kind,
                key,
                version: None,
                detail: why.to_owned(),
            };
            watcher.found(&finding);
            record.found(finding)?;
        }
        Ok(())
    }

    /// Whether the store lists a key no more than before, and holds the very same object all the time.
    async fn is_hidden(&self, key: &str, object_id: &str) -> Result<bool, ToolError> {
        let walk = Walk {
            prefix: key.to_owned(),
            versions: false,
            ..self.walk.clone()
        };
        // Of all keys that begin so, the key itself is the first.
        let (page, _) = walk.page(self.upstream, &Begin::First).await?;
        let is_listed = page.iter().any(|listed| listed.key == key);
        Ok(!is_listed && self.object_at(key).await?.as_deref() == Some(object_id))
    }

    /// What no listing showed was not examined yet.
    async fn examine_hidden(
        &self,
        key: &str,
        record: &mut Record,
        watcher: &mut dyn Watcher,
    ) -> Result<(), ToolError> {
        let hidden = Listed {
            key: key.to_owned(),
            version: None,
            latest: true,
            id: None,
            size: 0,
        };
        let mut pace = Pace::new(self.plan.rate);
        self.take(&hidden, record, None, &mut pace, watcher).await
    }

    /// The id of the object that a key shows, as its header says; `None` if there is nothing.
    async fn object_at(&self, key: &str) -> Result<Option<String>, ToolError> {
        let request = StoreRequest::object(http::Method::HEAD, &self.bucket.upstream, key);
        match self.upstream.send(request).await {
            Ok(answer) => Ok(Some(
                envelope::read(&answer.headers)
                    .map(|envelope| hex::encode(envelope.header().object_id().0))
                    .unwrap_or_default(),
            )),
            Err(error) if error.is_missing() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The keys that are listed now.
    async fn names(&self) -> Result<BTreeSet<String>, ToolError> {
        let walk = Walk {
            versions: false,
            ..self.walk.clone()
        };
        let (mut names, mut next) = (BTreeSet::new(), Some(Begin::First));
        while let Some(begin) = next {
            let (page, following) = walk.page(self.upstream, &begin).await?;
            names.extend(page.into_iter().map(|listed| listed.key));
            next = following;
        }
        Ok(names)
    }

    fn writes(&self) -> Result<Option<Writes>, ToolError> {
        let journals = &self.plan.journals;
        (!journals.is_empty())
            .then(|| {
                let (keys, bucket) = (self.trail_keys.clone(), &self.bucket);
                Writes::read(journals, keys, &bucket.tenant, &bucket.name)
            })
            .transpose()
    }
}

impl fmt::Display for FindingKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Damaged => "damaged",
            Self::Unsealed => "unsealed",
            Self::WrongPlace => "wrong-place",
            Self::UnknownKey => "unknown-key",
            Self::UnusableKey => "unusable-key",
            Self::Unreadable => "unreadable",
            Self::Missing => "missing",
            Self::NotLatest => "not-latest",
            Self::Unlisted => "unlisted",
        })
    }
}

/// How much work an end of the program may cost.
const KEEP_EVERY: Duration = Duration::from_secs(1);
