//! The rest of a key's life: looking at it, moving it to another root key, freezing, evicting and destroying it.
//! Each is one change of the keyring document by compare-and-swap. It must not know who decided.

use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::{Keyrings, documents::Needs};
use crate::{
    EncryptionContext, KeyError, KeyId, Purpose, RootKeyName, Scope, State, Wrap,
    control::{Entry, Keyring, Timestamp},
};

/// What can be told of a keyring: no secret, and no wrapped key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyringStatus {
    /// Whose.
    pub tenant: String,
    /// Of which of the tenant's scopes.
    pub scope: Scope,
    /// Grows by one with each change.
    pub generation: u64,
    /// Since when nothing is sealed or opened.
    pub frozen: Option<Timestamp>,
    /// How often all replicas were told to forget its keys.
    pub evictions: u64,
    /// Its keys, oldest first.
    pub keys: Vec<KeyStatus>,
}

/// What can be told of a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyStatus {
    /// Its id.
    pub id: KeyId,
    /// What it is for.
    pub purpose: Purpose,
    /// Where it is in its life.
    pub state: State,
    /// When it was made.
    pub created: Timestamp,
    /// When it became the active one.
    pub activated: Option<Timestamp>,
    /// When another took its place.
    pub retired: Option<Timestamp>,
    /// When it is destroyed, or was.
    pub destroy_after: Option<Timestamp>,
    /// What it is wrapped by.
    pub wraps: Vec<WrapStatus>,
}

/// By what a key is wrapped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrapStatus {
    /// The provider's name.
    pub provider: String,
    /// The root key's id or ARN.
    pub root_key: String,
}

impl KeyringStatus {
    fn of(keyring: &Keyring) -> Self {
        let key = |entry: &Entry| KeyStatus {
            id: entry.id,
            purpose: entry.purpose,
            state: entry.state,
            created: entry.created,
            activated: entry.activated,
            retired: entry.retired,
            destroy_after: entry.destroy_after,
            wraps: entry
                .wraps
                .iter()
                .map(|wrap| WrapStatus {
                    provider: wrap.provider.clone(),
                    root_key: wrap.root_key.clone(),
                })
                .collect(),
        };
        Self {
            tenant: keyring.tenant.clone(),
            scope: keyring.scope.clone(),
            generation: keyring.generation,
            frozen: keyring.frozen,
            evictions: keyring.evictions,
            keys: keyring.entries.iter().map(key).collect(),
        }
    }

    /// The active KEK version, if there is one.
    pub fn active_kek(&self) -> Option<&KeyStatus> {
        let is_active =
            |key: &&KeyStatus| key.purpose == Purpose::Kek && key.state == State::Active;
        self.keys.iter().find(is_active)
    }
}

impl Keyrings {
    /// The tenant's keyring, at most as old as a document may be.
    pub async fn status(&self, tenant: &str, scope: &Scope) -> Result<KeyringStatus, KeyError> {
        Ok(KeyringStatus::of(
            &*self.documents.current(tenant, scope).await?,
        ))
    }

    /// A KEK version, and the scope whose keyring has it; `KeyMissing` where none has.
    pub async fn kek_status(
        &self,
        tenant: &str,
        id: KeyId,
    ) -> Result<(Scope, KeyStatus), KeyError> {
        let (_, keyring) = self.holding(tenant, id, Purpose::Kek).await?;
        let status = KeyringStatus::of(&keyring);
        let found = status.keys.into_iter().find(|key| key.id == id);
        let found = found.ok_or_else(|| KeyError::KeyMissing {
            tenant: tenant.to_owned(),
            purpose: Purpose::Kek,
            id,
        })?;
        Ok((status.scope, found))
    }

    /// All tenants that have a keyring, by listing them: for administration, never on a request's path.
    pub async fn tenants(&self) -> Result<Vec<String>, KeyError> {
        let places = self.documents.store().list(&["keyrings"]).await?;
        let mut tenants: Vec<String> = places
            .iter()
            .filter_map(|place| {
                // `{prefix}/keyrings/{tenant}/default.json`; scopes lie one deeper.
                let parts: Vec<_> = place.parts().collect();
                let is_home = parts.last().is_some_and(|last| last.as_ref() == HOME);
                let tenant = parts.iter().rev().nth(1).filter(|_| is_home)?;
                Some(tenant.as_ref().to_owned())
            })
            .collect();
        tenants.sort();
        tenants.dedup();
        Ok(tenants)
    }

    /// Rotates if the active KEK version became active at least `age` ago, and neither the scope nor the tenant is
    /// frozen. One rotation, however many replicas find it due at once. Gives the new version's id. A scope for
    /// which that fails is not [overdue](Self::take_overdue) for a minute.
    pub async fn rotate_if_older(
        &self,
        tenant: &str,
        scope: &Scope,
        age: Duration,
    ) -> Result<Option<KeyId>, KeyError> {
        let rotated = self.rotate_old(tenant, scope, age).await;
        if rotated.is_err() {
            self.overdue.fail(tenant, scope, (self.clock.0)());
        }
        rotated
    }

    async fn rotate_old(
        &self,
        tenant: &str,
        scope: &Scope,
        age: Duration,
    ) -> Result<Option<KeyId>, KeyError> {
        let now = (self.clock.0)();
        let home = self.documents.current(tenant, &Scope::tenant()).await?;
        let keyring = self.documents.current(tenant, scope).await?;
        let Ok(active) = keyring.active(Purpose::Kek) else {
            return Ok(None);
        };
        let is_frozen = home.frozen.is_some() || keyring.frozen.is_some();
        if !active.is_older(now, age) || is_frozen {
            return Ok(None);
        }
        let due = active.id;
        let kek = self.new_entry(tenant, scope, Purpose::Kek).await?;
        let rotated = |keyring: &Keyring| match keyring.active(Purpose::Kek) {
            Ok(active) if active.id == due => keyring.rotated(kek.clone(), now.into()),
            _ => Ok(None),
        };
        let keyring = self
            .documents
            .change((tenant, scope), Needs::Mirror, rotated)
            .await?;
        Ok(keyring.entry(kek.id).map(|entry| entry.id))
    }

    /// Stops all use of a scope's keys, or, for the default scope, of all the tenant's; on every replica within the
    /// age of a document.
    pub async fn freeze(&self, tenant: &str, scope: &Scope) -> Result<KeyringStatus, KeyError> {
        let now = Timestamp::from((self.clock.0)());
        self.set_frozen(tenant, scope, Some(now)).await
    }

    /// Ends a freeze of the same.
    pub async fn thaw(&self, tenant: &str, scope: &Scope) -> Result<KeyringStatus, KeyError> {
        self.set_frozen(tenant, scope, None).await
    }

    /// Has every replica forget the unwrapped forms of a scope's keys, or, for the default scope, of all the tenant's,
    /// within the age of a document, so that what changed at the KMS takes effect at once.
    pub async fn evict(&self, tenant: &str, scope: &Scope) -> Result<KeyringStatus, KeyError> {
        let evict = |keyring: &Keyring| {
            let mut next = keyring.next()?;
            next.evictions = keyring.evictions.saturating_add(1);
            Ok(Some(next))
        };
        let needs = Needs::NoNewerMirror;
        let changed = self.documents.change((tenant, scope), needs, evict);
        let keyring = changed.await?;
        self.tend().await;
        Ok(KeyringStatus::of(&keyring))
    }

    /// Has every key of the scope that is not destroyed wrapped under `to` (none: where a new key would be) and under
    /// nothing else. Gives how many moved. What fails leaves the rest as it is and can be repeated.
    pub async fn rewrap(
        &self,
        tenant: &str,
        scope: &Scope,
        to: Option<&RootKeyName>,
    ) -> Result<u64, KeyError> {
        if let Some(to) = to {
            self.providers.describe(to).await?;
        }
        let keyring = self.documents.current(tenant, scope).await?;
        let mut moved = Vec::new();
        for entry in keyring
            .entries
            .iter()
            .filter(|entry| !entry.wraps.is_empty())
        {
            let wraps = self.rewrapped(tenant, entry, to).await?;
            if wraps != entry.wraps {
                moved.push((entry.clone(), wraps));
            }
        }
        let count = u64::try_from(moved.len()).unwrap_or(u64::MAX);
        if moved.is_empty() {
            return Ok(0);
        }
        let rewrap = |keyring: &Keyring| {
            let mut next = keyring.next()?;
            for (before, after) in &moved {
                // A key that was destroyed or moved meanwhile stays as it is.
                let same =
                    |entry: &&mut Entry| entry.id == before.id && entry.wraps == before.wraps;
                if let Some(entry) = next.entries.iter_mut().find(same) {
                    entry.wraps.clone_from(after);
                }
            }
            Ok(Some(next))
        };
        let keyring = self
            .documents
            .change((tenant, scope), Needs::Mirror, rewrap)
            .await?;
        tracing::info!(tenant, %scope, count, generation = keyring.generation, "rewrapped");
        Ok(count)
    }

    /// Makes KEK versions wait for their destruction at `after`: `only` this one, which must not be the active
    /// one, or all of the tenant's. Meanwhile they are refused. Audit keys and AUX keys stay: the record of what
    /// was is not destroyed with it.
    pub async fn schedule_destruction(
        &self,
        tenant: &str,
        scope: &Scope,
        only: Option<KeyId>,
        after: SystemTime,
    ) -> Result<KeyringStatus, KeyError> {
        if let Some(id) = only {
            let keyring = self.documents.current(tenant, scope).await?;
            let entry = kek_entry(&keyring, id)?;
            if entry.state == State::Active {
                let why = "is the active version: rotate first, or destroy all of the tenant's";
                return Err(not_now(&keyring, id, why));
            }
        }
        let wait = |keyring: &Keyring| {
            let mut next = keyring.next()?;
            let mut changed = false;
            for entry in &mut next.entries {
                let meant = entry.purpose == Purpose::Kek && only.is_none_or(|id| id == entry.id);
                let lives = match entry.state {
                    State::Active => only.is_none(),
                    State::DecryptOnly => true,
                    State::PendingDestroy | State::Destroyed => false,
                };
                if meant && lives {
                    entry.state = State::PendingDestroy;
                    entry.destroy_after = Some(after.into());
                    changed = true;
                }
            }
            Ok(changed.then_some(next))
        };
        let keyring = self
            .documents
            .change((tenant, scope), Needs::Mirror, wait)
            .await?;
        Ok(KeyringStatus::of(&keyring))
    }

    /// Takes back the destruction of what waits for it: `only` this version, or all. The version that was active
    /// is active again, unless another is by now.
    pub async fn cancel_destruction(
        &self,
        tenant: &str,
        scope: &Scope,
        only: Option<KeyId>,
    ) -> Result<KeyringStatus, KeyError> {
        if let Some(id) = only {
            let keyring = self.documents.current(tenant, scope).await?;
            if kek_entry(&keyring, id)?.state != State::PendingDestroy {
                return Err(not_now(&keyring, id, "does not wait for its destruction"));
            }
        }
        let cancel = |keyring: &Keyring| {
            let mut next = keyring.next()?;
            let mut has_active = keyring.active(Purpose::Kek).is_ok();
            let mut changed = false;
            // The newest first: if any was active, it is that one.
            for entry in next.entries.iter_mut().rev() {
                let meant = only.is_none_or(|id| id == entry.id);
                if entry.state != State::PendingDestroy || !meant {
                    continue;
                }
                let active = !has_active && entry.retired.is_none();
                has_active |= active;
                entry.state = if active {
                    State::Active
                } else {
                    State::DecryptOnly
                };
                entry.destroy_after = None;
                changed = true;
            }
            Ok(changed.then_some(next))
        };
        // It makes no key either, and would be too late once the mirror is back.
        let needs = Needs::NoNewerMirror;
        let keyring = self
            .documents
            .change((tenant, scope), needs, cancel)
            .await?;
        Ok(KeyringStatus::of(&keyring))
    }

    /// Destroys what has waited long enough: its wrapped forms are gone from the document, and every replica
    /// refuses the key within the age of a document. Gives the ids of what was destroyed by this call.
    pub async fn destroy_due(&self, tenant: &str, scope: &Scope) -> Result<Vec<KeyId>, KeyError> {
        let now = Timestamp::from((self.clock.0)());
        let is_due = |entry: &Entry| {
            entry.state == State::PendingDestroy
                && entry.destroy_after.is_some_and(|after| after <= now)
        };
        let before = self.documents.current(tenant, scope).await?;
        let due: Vec<KeyId> = before
            .entries
            .iter()
            .filter(|entry| is_due(entry))
            .map(|entry| entry.id)
            .collect();
        if due.is_empty() {
            return Ok(due);
        }
        let destroy = |keyring: &Keyring| {
            let mut next = keyring.next()?;
            let mut changed = false;
            for entry in next.entries.iter_mut().filter(|entry| is_due(entry)) {
                entry.state = State::Destroyed;
                entry.destroy_after = Some(now);
                entry.wraps.clear();
                changed = true;
            }
            Ok(changed.then_some(next))
        };
        let keyring = self
            .documents
            .change((tenant, scope), Needs::Mirror, destroy)
            .await?;
        self.tend().await;
        let gone = |id: &KeyId| {
            let entry = keyring.entry(*id);
            entry.is_some_and(|entry| {
                entry.state == State::Destroyed && entry.destroy_after == Some(now)
            })
        };
        Ok(due.into_iter().filter(gone).collect())
    }

    async fn set_frozen(
        &self,
        tenant: &str,
        scope: &Scope,
        frozen: Option<Timestamp>,
    ) -> Result<KeyringStatus, KeyError> {
        let set = |keyring: &Keyring| {
            if keyring.frozen.is_some() == frozen.is_some() {
                return Ok(None);
            }
            let mut next = keyring.next()?;
            next.frozen = frozen;
            // What was unwrapped before leaves memory too.
            next.evictions = keyring.evictions.saturating_add(1);
            Ok(Some(next))
        };
        // An old keyring that somebody put back is no reason to let readers go on, but not built upon.
        let needs = match frozen {
            Some(_) => Needs::Nothing,
            None => Needs::NoNewerMirror,
        };
        let keyring = self.documents.change((tenant, scope), needs, set).await?;
        self.tend().await;
        Ok(KeyringStatus::of(&keyring))
    }

    /// Checked before the old form goes: the new one opens to the same key.
    async fn rewrapped(
        &self,
        tenant: &str,
        entry: &Entry,
        to: Option<&RootKeyName>,
    ) -> Result<Vec<Wrap>, KeyError> {
        let (id, purpose) = (entry.id, entry.purpose);
        let context = EncryptionContext::for_key(self.deployment().id(), tenant, id, purpose);
        let what = format!("{purpose} key {id} of tenant {tenant}");
        // Audit keys are the deployment's, so that the trail goes on when a tenant takes its root key away.
        let holder = (purpose != Purpose::Audit).then_some(tenant);
        let targets = match to {
            Some(to) => vec![to.clone()],
            None => self.providers.targets(holder),
        };
        let wraps = self
            .providers
            .rewrap(&what, &entry.wraps, &targets, &context);
        let wraps = wraps.await?;
        if wraps != entry.wraps {
            let before = self.providers.unwrap(&what, &entry.wraps, &context).await?;
            let after = self.providers.unwrap(&what, &wraps, &context).await?;
            if before != after {
                let why = "does not open to itself under the other root key";
                let tenant = tenant.to_owned();
                return Err(KeyError::NotNow { tenant, id, why });
            }
        }
        Ok(wraps)
    }
}

fn kek_entry(keyring: &Keyring, id: KeyId) -> Result<&Entry, KeyError> {
    let found = keyring
        .entry(id)
        .filter(|entry| entry.purpose == Purpose::Kek);
    found.ok_or_else(|| KeyError::KeyMissing {
        tenant: keyring.tenant.clone(),
        purpose: Purpose::Kek,
        id,
    })
}

fn not_now(keyring: &Keyring, id: KeyId, why: &'static str) -> KeyError {
    KeyError::NotNow {
        tenant: keyring.tenant.clone(),
        id,
        why,
    }
}

/// The document of a tenant's default scope.
const HOME: &str = "default.json";
