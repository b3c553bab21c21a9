//! Intents without an outcome: of a run that crashed, or of a request whose outcome the journal did not take. The store is
//! asked what became of each, and that is put on record.

use std::sync::PoisonError;

use audit::{AuditKey, Event, Field, Kind, Uuid};
use serde::Deserialize;

use super::{Access, Trail};

/// An intent whose outcome could not be recorded.
#[derive(Debug, Clone)]
pub struct Orphan {
    /// In which log it is.
    pub log: String,
    /// Its id.
    pub intent: Uuid,
    /// The operation.
    pub op: String,
    /// The tenant.
    pub tenant: Option<String>,
    /// The bucket.
    pub bucket: Option<String>,
    /// The object's key.
    pub key: Option<String>,
    /// The id that the object was to have, in hex.
    pub object_id: Option<String>,
}

/// What the store says of an orphan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The object that was to be written is there.
    Written,
    /// It is not there: it was not written, or something was written over it since.
    NotWritten,
    /// There is an object at the key.
    Present,
    /// There is none.
    Absent,
    /// What is in the store does not tell.
    Unknown,
}

impl Found {
    /// The word in lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Written => "written",
            Self::NotWritten => "not-written",
            Self::Present => "present",
            Self::Absent => "absent",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Deserialize)]
struct Line {
    id: Uuid,
    op: String,
    tenant: Option<String>,
    bucket: Option<String>,
    #[serde(default)]
    obj: Object,
    akey: Option<String>,
    #[serde(default)]
    sealed: std::collections::HashMap<String, String>,
}

#[derive(Default, Deserialize)]
struct Object {
    oid: Option<String>,
}

impl Trail {
    /// Remembers that a request's outcome is not on record, though what it did may be done.
    pub(super) fn orphaned(&self, access: &Access) {
        let Some(intent) = access.intent else { return };
        self.remember(intent, &access.draft, access.intended.clone());
    }

    /// The same of an intent that another part of the gateway has recorded.
    pub(crate) fn left_open(&self, intent: &Event) {
        self.remember(intent.id, intent, intent.object_id.clone());
    }

    fn remember(&self, intent: Uuid, event: &Event, object_id: Option<String>) {
        let orphan = Orphan {
            log: self.journal.log().to_owned(),
            intent,
            op: event.op.to_string(),
            tenant: event.tenant.clone(),
            bucket: event.bucket.clone(),
            key: event.key.clone(),
            object_id,
        };
        let mut orphans = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
        orphans.push(orphan);
    }

    /// How many intents have no outcome and were not reconciled yet.
    pub fn open_intents(&self) -> usize {
        let own = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
        let left = self.journal.open_intents();
        own.len().saturating_add(left.map_or(0, |left| left.len()))
    }

    /// All of them: those of this run, and those that earlier runs left.
    pub async fn orphans(&self) -> Vec<Orphan> {
        let mut orphans = {
            let mut own = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::take(&mut *own)
        };
        let left = self.journal.open_intents().unwrap_or_else(|error| {
            tracing::error!(%error, "the open intents of earlier runs cannot be read");
            Vec::new()
        });
        for open in left {
            let Ok(line) = serde_json::from_str::<Line>(&open.line) else {
                continue;
            };
            orphans.push(self.orphan(open.log, line).await);
        }
        orphans
    }

    /// Puts back what could not be reconciled now; those of earlier runs are in their files.
    pub fn still_open(&self, orphan: Orphan) {
        if orphan.log == self.journal.log() {
            let mut own = self.orphans.lock().unwrap_or_else(PoisonError::into_inner);
            own.push(orphan);
        }
    }

    /// Puts on record what the store said.
    pub async fn reconcile(
        &self,
        orphan: &Orphan,
        found: Found,
    ) -> Result<(), audit::JournalError> {
        let mut event = Event::of_trail(Kind::Reconcile, self.clock.now());
        event.op = orphan.op.clone().into();
        event.intent_ref = Some(orphan.intent);
        event.tenant.clone_from(&orphan.tenant);
        event.bucket.clone_from(&orphan.bucket);
        event.key.clone_from(&orphan.key);
        event.object_id.clone_from(&orphan.object_id);
        event
            .detail
            .insert("log".to_owned(), orphan.log.clone().into());
        event
            .detail
            .insert("found".to_owned(), found.as_str().into());
        let key = match &orphan.tenant {
            Some(tenant) => self.keys.of(tenant).await,
            None => None,
        };
        self.journal.record(&event, key.as_deref()).await.map(drop)
    }

    /// Notes that every intent of an earlier run's log is reconciled.
    pub fn all_reconciled(&self, log: &str) {
        if let Err(error) = self.journal.reconciled(log) {
            // They are reconciled once more at the next try, which does no harm.
            tracing::warn!(%error, log, "it cannot be noted that a log is reconciled");
        }
    }

    async fn orphan(&self, log: String, line: Line) -> Orphan {
        let key = self.named_key(&line).await;
        let sealed = line.sealed.get(Field::ObjectKey.name());
        let object_key = key
            .zip(sealed)
            .and_then(|(key, sealed)| key.open(&log, line.id, Field::ObjectKey, sealed));
        Orphan {
            log,
            intent: line.id,
            op: line.op,
            tenant: line.tenant,
            bucket: line.bucket,
            key: object_key,
            object_id: line.obj.oid,
        }
    }

    async fn named_key(&self, line: &Line) -> Option<AuditKey> {
        let named = line.akey.as_deref()?;
        let own = self.journal.identity().audit_key();
        if own.id() == named {
            return Some(own.clone());
        }
        let keys = self.keys.all(line.tenant.as_deref()?).await.ok()?;
        keys.into_iter().find(|key| key.id() == named)
    }
}
