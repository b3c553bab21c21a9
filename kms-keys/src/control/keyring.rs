//! The keyring document: the wrapped keys of one tenant's scope and the life of each. It must not
//! know how it is stored, nor see an unwrapped key.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::{DocumentFault, EncryptionContext, KeyId, Scope, Wrap};

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
    pub(crate) scope: Scope,
    pub(crate) generation: u64,
    /// Since when nothing under these keys is sealed or opened. In the tenant's default keyring it
    /// holds for all of the tenant's scopes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) frozen: Option<Timestamp>,
    /// How often all replicas were told to forget these keys' unwrapped forms; in the tenant's
    /// default keyring, those of all of its scopes.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) evictions: u64,
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

impl Entry {
    /// Whether it became the active one at least `age` ago.
    pub(crate) fn is_older(&self, now: SystemTime, age: Duration) -> bool {
        let since = SystemTime::from(self.activated.unwrap_or(self.created));
        now.duration_since(since).is_ok_and(|passed| passed >= age)
    }
}

impl Keyring {
    /// The first generation.
    pub(crate) fn first(
        deployment: &str,
        tenant: &str,
        scope: &Scope,
        entries: Vec<Entry>,
    ) -> Self {
        Self {
            v: VERSION,
            deployment: deployment.to_owned(),
            tenant: tenant.to_owned(),
            scope: scope.clone(),
            generation: 1,
            frozen: None,
            evictions: 0,
            entries,
        }
    }

    /// A copy that is the next generation, to be changed.
    pub(crate) fn next(&self) -> Result<Self, DocumentFault> {
        let mut next = self.clone();
        next.generation = self
            .generation
            .checked_add(1)
            .ok_or(DocumentFault::Exhausted)?;
        Ok(next)
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
        let mut next = self.next()?;
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
        let mut next = self.next()?;
        next.entries.push(audit);
        Ok(Some(next))
    }

    /// Whether this one can have come of `other` by changes: every key of that is in it, and what is
    /// destroyed there is destroyed.
    pub(crate) fn can_follow(&self, other: &Self) -> bool {
        other.entries.iter().all(|before| {
            let after = self.entry(before.id);
            after.is_some_and(|after| {
                after.state == State::Destroyed || before.state != State::Destroyed
            })
        })
    }

    /// A generation that follows both, with the keys of both: the keyring was lost and begun anew before
    /// `lost` was brought back, and objects are sealed under keys of either. What is active in this one
    /// stays it, and what is destroyed in one of them is destroyed.
    pub(crate) fn joined(&self, lost: &Self) -> Result<Self, DocumentFault> {
        let mut joined = self.clone();
        let newest = self.generation.max(lost.generation);
        joined.generation = newest.checked_add(1).ok_or(DocumentFault::Exhausted)?;
        joined.frozen = self.frozen.or(lost.frozen);
        joined.evictions = self.evictions.max(lost.evictions).saturating_add(1);
        for present in &mut joined.entries {
            if let Some(entry) = lost.entry(present.id)
                && entry.state == State::Destroyed
            {
                present.clone_from(entry);
            }
        }
        // The active one of `lost` stays it where none is left in this one.
        let here = joined.clone();
        for entry in &lost.entries {
            if here.entry(entry.id).is_some() {
                continue;
            }
            let mut entry = entry.clone();
            if entry.state == State::Active
                && let Ok(active) = here.active(entry.purpose)
            {
                entry.state = State::DecryptOnly;
                entry.retired = Some(active.activated.unwrap_or(active.created));
            }
            joined.entries.push(entry);
        }
        // Oldest first, as they would have come.
        joined.entries.sort_by_key(|entry| entry.created);
        Ok(joined)
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

    /// The newest key for this purpose, whatever its state.
    pub(crate) fn last(&self, purpose: Purpose) -> Option<&Entry> {
        let mut all = self.entries.iter().rev();
        all.find(|entry| entry.purpose == purpose)
    }

    /// Refuses a document that is whole but lies in another's place.
    pub(crate) fn check_place(
        &self,
        deployment: &str,
        tenant: &str,
        scope: &Scope,
    ) -> Result<(), DocumentFault> {
        let placed = self.v == VERSION
            && self.deployment == deployment
            && self.tenant == tenant
            && self.scope == *scope;
        if placed {
            Ok(())
        } else {
            Err(DocumentFault::Misplaced)
        }
    }
}

/// The document's path in the control store: `keyrings/<tenant>/default.json`, or
/// `keyrings/<tenant>/scopes/<hash>.json`, the hash being the first 20 bytes of the BLAKE3 of the
/// scope's name, which may be too long or too strange for a path.
pub(crate) fn place(tenant: &str, scope: &Scope) -> Vec<String> {
    let mut place = vec!["keyrings".to_owned(), tenant.to_owned()];
    match scope.prefix() {
        None => place.push("default.json".to_owned()),
        Some(prefix) => {
            let hash = blake3::hash(prefix.as_bytes()).to_hex();
            let short: String = hash.chars().take(HASH_DIGITS).collect();
            place.extend(["scopes".to_owned(), format!("{short}.json")]);
        }
    }
    place
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde asks for this form"
)]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

const VERSION: u32 = 1;
const HASH_DIGITS: usize = 40;
