//! A job as it is kept: what is asked, how far it is, who works at it. It does not know how the work is done.

use std::collections::BTreeMap;
use std::time::SystemTime;

use kms_keys::{KeyId, Scope, Timestamp};
use serde::{Deserialize, Serialize};

use crate::control::{Document, Form};

/// A job. Its document is named by its tenant and its id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// What is to be done, and to which objects.
    pub wish: Wish,
    /// Whose objects.
    pub tenant: String,
    /// The administrator who asked, by name.
    pub asked_by: String,
    /// When.
    pub created: Timestamp,
    /// Whether it goes on.
    pub state: State,
    /// Who works at it now, if anybody does; who told its end, where that is told.
    pub lease: Option<Lease>,
    /// How far it is.
    pub progress: Progress,
    /// What kept it from getting on when it was last tried, if anything did.
    pub trouble: Option<String>,
}

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wish {
    /// What is to be done.
    pub kind: Kind,
    /// Only this bucket.
    pub bucket: Option<String>,
    /// Only keys of this scope.
    pub scope: Option<Scope>,
    /// At most so many objects and versions a second.
    pub objects_per_second: Option<u64>,
    /// At most so many stored bytes a second.
    pub bytes_per_second: Option<u64>,
}

/// What jobs do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Counts objects and bytes by the KEK version that their headers name.
    Usage,
    /// Moves the headers of objects to the active KEK of their scope.
    RewrapObjects,
    /// Seals objects anew, under other data keys.
    Reencrypt,
}

/// Whether a job goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Yes.
    Open,
    /// All is done.
    Done,
    /// Somebody ended it.
    Cancelled,
}

/// Who works at a job. Only whoever holds the lease writes the job, but for its state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// A run of a replica.
    pub holder: String,
    /// Until when, if it is not renewed.
    pub until: Timestamp,
}

/// How far a job is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    /// When work began.
    pub started: Option<Timestamp>,
    /// When it had counted.
    pub working_since: Option<Timestamp>,
    /// When it last got on.
    pub last: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// Which walk it is on.
    pub stage: Stage,
    /// Everything in front of this is done in this stage.
    pub cursor: Cursor,
    /// What was counted to be done: objects and versions, and their stored bytes.
    pub total: Amount,
    /// What was looked at.
    pub seen: Amount,
    /// What was moved to another key, or sealed anew.
    pub moved: Amount,
    /// What needed nothing: it is under the active key, or was sealed since the job was asked for.
    pub already: Amount,
    /// What was deleted or replaced between the listing and the work.
    pub gone: u64,
    /// What was moved and has another `ETag` now.
    pub etag_changed: u64,
    /// What had to stay as it was, by reason.
    pub left: BTreeMap<Reason, u64>,
    /// The first of these by name; the trail has all.
    pub left_named: Vec<Left>,
    /// Objects and bytes by KEK version.
    pub usage: BTreeMap<KeyId, Use>,
}

/// The walks of a job over its objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Listing, to know how much there is.
    #[default]
    Counting,
    /// The work.
    Working,
}

/// Between two keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The bucket, by the name that clients use; empty: before the first.
    pub bucket: String,
    /// Behind this key and all its versions; none: at the bucket's beginning.
    pub behind: Option<String>,
}

/// So much.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Objects and versions.
    pub objects: u64,
    /// Bytes.
    pub bytes: u64,
}

/// What one KEK version wraps the data keys of; bytes of plaintext.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    /// What keys show now.
    pub current: Amount,
    /// Versions that others have followed.
    pub noncurrent: Amount,
    /// Of both, what retention or a legal hold keeps from being deleted.
    pub locked: Amount,
}

/// Why an object or version stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Another version followed it: nothing can be put in its place without becoming what the key shows.
    Noncurrent,
    /// The same, and retention or a legal hold keeps it.
    Locked,
    /// It must be restored from an archive first.
    Archived,
    /// It has no header of ours.
    NotSealed,
    /// It is not what was sealed, or not where.
    Damaged,
    /// Its KEK is refused: it is destroyed, waits for that, or its key management denies it.
    KeyRefused,
    /// The store refused what was asked of it.
    Refused,
    /// It was written to faster than it could be moved.
    Changing,
    /// Its bucket makes no new versions now, and a write would take the place of an older version that has no id.
    Suspended,
    /// The store decides no conditions on writes, and what a client writes meanwhile could be undone.
    Unconditional,
    /// It is not retained, and its bucket would retain a copy of it.
    DefaultRetention,
    /// It was moved, and its source was locked or released meanwhile, which could not be done to it.
    Unaligned,
}

/// An object or version that stays as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Left {
    /// The bucket, by the name that clients use.
    pub bucket: String,
    /// The key.
    pub key: String,
    /// The version, where there are versions.
    pub version: Option<String>,
    /// Why.
    pub reason: Reason,
}

/// An object or version as a job meets it.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) bucket: String,
    pub(super) key: String,
    /// To read just this version; none for what the key shows now.
    pub(super) version: Option<String>,
    /// Its version as it is listed.
    pub(super) id: Option<String>,
    /// Stored bytes, by the listing.
    pub(super) size: u64,
}

/// What the work on an item came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Nothing more than that it is there.
    Counted,
    /// Its header names this KEK.
    Uses {
        kek: KeyId,
        plain: u64,
        locked: bool,
    },
    /// Its header was moved, or it was sealed anew.
    Moved {
        etag_kept: bool,
        /// The version that it was in stays as it is, and why.
        behind: Option<(Option<String>, Reason)>,
    },
    /// It is under the active KEK of its scope.
    Already,
    /// It is not there any more.
    Gone,
    /// It stays as it is.
    Left(Reason),
}

impl Kind {
    /// In a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Usage => "usage",
            Self::RewrapObjects => "rewrap-objects",
            Self::Reencrypt => "reencrypt",
        }
    }
}

impl Outcome {
    /// In a word.
    pub(super) fn as_str(&self) -> &'static str {
        match self {
            Self::Counted | Self::Uses { .. } | Self::Already => "seen",
            Self::Moved { .. } => "done",
            Self::Gone => "gone",
            Self::Left(_) => "left",
        }
    }

    /// What stays as it is by it: which version, and why.
    pub(super) fn left(&self, item: &Item) -> Vec<(Option<String>, Reason)> {
        match self {
            Self::Left(reason) => vec![(item.id.clone(), *reason)],
            Self::Moved { behind, .. } => behind.iter().cloned().collect(),
            Self::Counted | Self::Uses { .. } | Self::Already | Self::Gone => Vec::new(),
        }
    }
}

impl Document for Job {
    const FOLDER: &'static str = "jobs";
    const FORM: Form = Form::Clear;
}

impl Job {
    /// A new one.
    pub fn new(tenant: &str, wish: Wish, asked_by: &str, now: SystemTime) -> Self {
        Self {
            wish,
            tenant: tenant.to_owned(),
            asked_by: asked_by.to_owned(),
            created: now.into(),
            state: State::Open,
            lease: None,
            progress: Progress::default(),
            trouble: None,
        }
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self {
            started: None,
            working_since: None,
            last: None,
            ended: None,
            stage: Stage::Counting,
            cursor: Cursor::default(),
            total: Amount::default(),
            seen: Amount::default(),
            moved: Amount::default(),
            already: Amount::default(),
            gone: 0,
            etag_changed: 0,
            left: BTreeMap::new(),
            left_named: Vec::new(),
            usage: BTreeMap::new(),
        }
    }
}

impl Progress {
    /// Takes in what the work on an item came to.
    pub(super) fn take(&mut self, item: &Item, outcome: Outcome) {
        match self.stage {
            Stage::Counting => self.total.add(item.size),
            Stage::Working => self.seen.add(item.size),
        }
        for (version, reason) in outcome.left(item) {
            self.leave(item, reason, version);
        }
        match outcome {
            Outcome::Counted | Outcome::Left(_) => {}
            Outcome::Uses { kek, plain, locked } => self.uses(item, kek, plain, locked),
            Outcome::Moved { etag_kept, .. } => {
                self.moved.add(item.size);
                let changed = u64::from(!etag_kept);
                self.etag_changed = self.etag_changed.saturating_add(changed);
            }
            Outcome::Already => self.already.add(item.size),
            Outcome::Gone => self.gone = self.gone.saturating_add(1),
        }
    }

    fn uses(&mut self, item: &Item, kek: KeyId, plain: u64, locked: bool) {
        let entry = self.usage.entry(kek).or_default();
        if item.version.is_none() {
            entry.current.add(plain);
        } else {
            entry.noncurrent.add(plain);
        }
        if locked {
            entry.locked.add(plain);
        }
    }

    fn leave(&mut self, item: &Item, reason: Reason, version: Option<String>) {
        let count = self.left.entry(reason).or_default();
        *count = count.saturating_add(1);
        if self.left_named.len() < MOST_NAMED {
            self.left_named.push(Left {
                bucket: item.bucket.clone(),
                key: item.key.clone(),
                version,
                reason,
            });
        }
    }
}

impl Amount {
    /// One more, of so many bytes.
    pub(super) fn add(&mut self, bytes: u64) {
        self.objects = self.objects.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
    }
}

/// With keys of S3's longest the document stays under 1 MiB.
const MOST_NAMED: usize = 500;
