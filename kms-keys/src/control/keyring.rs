//! The keyring document: the wrapped keys of one tenant's scope and the life of each. It must not
//! know how it is stored, nor see an unwrapped key.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::{DocumentFault, EncryptionContext, KeyId, WrappedKey};

/// What a key of the keyring is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// Wraps the data keys of objects.
    Kek,
    /// Makes the audit MACs of objects; apart from the KEK so that it survives rotations.
    Aux,
    /// Seals and tokenises what the audit trail says of the tenant. Apart from both: the trail
    /// stays readable when the keys of objects are destroyed.
    Audit,
}

impl Purpose {
    /// The word in documents and encryption contexts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kek => "kek",
            Self::Aux => "aux",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a key is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Seals and opens.
    Active,
    /// Opens only.
    DecryptOnly,
    /// Refused, until it is destroyed or its destruction is cancelled.
    PendingDestroy,
    /// Gone for good.
    Destroyed,
}

/// One generation of a keyring.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keyring {
    pub(crate) v: u32,
    pub(crate) deployment: String,
    pub(crate) tenant: String,
    pub(crate) scope: String,
    pub(crate) generation: u64,
    pub(crate) entries: Vec<Entry>,
}

/// One key: wrapped, by one provider or by several for the day one of them is gone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) id: KeyId,
    pub(crate) purpose: Purpose,
    pub(crate) state: State,
    pub(crate) created: Timestamp,
    pub(crate) activated: Option<Timestamp>,
    pub(crate) retired: Option<Timestamp>,
    pub(crate) destroy_after: Option<Timestamp>,
    pub(crate) context: EncryptionContext,
    pub(crate) wraps: Vec<Wrap>,
}

/// A key as one provider wrapped it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wrap {
    pub(crate) provider: String,
    pub(crate) root_key: String,
    pub(crate) wrapped: WrappedKey,
}

impl Keyring {
    /// The first generation.
    pub(crate) fn first(deployment: &str, tenant: &str, entries: Vec<Entry>) -> Self {
        Self {
            v: VERSION,
            deployment: deployment.to_owned(),
            tenant: tenant.to_owned(),
            scope: DEFAULT_SCOPE.to_owned(),
            generation: 1,
            entries,
        }
    }

    /// The next generation, in which `kek` is the active KEK version and the one before opens only;
    /// `None` when it is there already, because an earlier try was stored and only its answer was
    /// lost.
    pub(crate) fn rotated(
        &self,
        kek: Entry,
        now: Timestamp,
    ) -> Result<Option<Self>, DocumentFault> {
        if self.entry(kek.id).is_some() {
            return Ok(None);
        }
        let mut next = self.clone();
        next.generation = self
            .generation
            .checked_add(1)
            .ok_or(DocumentFault::Exhausted)?;
        for entry in &mut next.entries {
            if entry.purpose == Purpose::Kek && entry.state == State::Active {
                entry.state = State::DecryptOnly;
                entry.retired = Some(now);
            }
        }
        next.entries.push(kek);
        Ok(Some(next))
    }

    /// The next generation, with this first audit key; `None` when there is one already.
    pub(crate) fn with_audit_key(&self, audit: Entry) -> Result<Option<Self>, DocumentFault> {
        if self.has(Purpose::Audit) {
            return Ok(None);
        }
        let mut next = self.clone();
        next.generation = self
            .generation
            .checked_add(1)
            .ok_or(DocumentFault::Exhausted)?;
        next.entries.push(audit);
        Ok(Some(next))
    }

    /// Whether a key for this purpose was ever made.
    pub(crate) fn has(&self, purpose: Purpose) -> bool {
        self.entries.iter().any(|entry| entry.purpose == purpose)
    }

    pub(crate) fn entry(&self, id: KeyId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// The one active key for this purpose.
    pub(crate) fn active(&self, purpose: Purpose) -> Result<&Entry, DocumentFault> {
        let mut active = self
            .entries
            .iter()
            .filter(|entry| entry.purpose == purpose && entry.state == State::Active);
        match (active.next(), active.next()) {
            (Some(entry), None) => Ok(entry),
            _ => Err(DocumentFault::Active { purpose }),
        }
    }

    /// Refuses a document that is whole but lies in another's place.
    pub(crate) fn check_place(&self, deployment: &str, tenant: &str) -> Result<(), DocumentFault> {
        let placed = self.v == VERSION
            && self.deployment == deployment
            && self.tenant == tenant
            && self.scope == DEFAULT_SCOPE;
        if placed {
            Ok(())
        } else {
            Err(DocumentFault::Misplaced)
        }
    }
}

/// The document's path in the control store.
pub(crate) fn place(tenant: &str) -> [String; 3] {
    [
        "keyrings".to_owned(),
        tenant.to_owned(),
        format!("{DEFAULT_SCOPE}.json"),
    ]
}

const VERSION: u32 = 1;

/// The scope of a tenant that is not split further.
const DEFAULT_SCOPE: &str = "default";
