//! What is to be done about keys by the time: rotations that are due, keys whose waiting is over, a look at the
//! mirror. One replica at a time does it, by a lease, however many there are; the others tell what it found.

use std::time::{Duration, SystemTime};

use kms_keys::{Fate, KeyId, KeyringStatus, Mode, Scope, State, Timestamp};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::turn::{Found, Turn};
use super::{Admin, AdminError};
use crate::control::ControlError;

/// How the deployment's keys are, for whoever watches.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyHealth {
    /// The age of the oldest active KEK version.
    pub oldest_active: Duration,
    /// Tenants whose active KEK version is older than the cryptoperiod, as nobody could rotate it.
    pub overdue: u64,
    /// KEK versions that wait for their destruction.
    pub pending_destruction: u64,
    /// Tenants whose keys are frozen.
    pub frozen: u64,
    /// Documents that the mirror has otherwise, or alone, and that somebody has to look at.
    pub mirror_differences: u64,
    /// How long ago both places were last compared; nothing without a mirror.
    pub mirror_age: Duration,
}

impl Admin {
    /// Does what is due, or leaves it to the replica whose turn it is. To be called every so often on every replica.
    /// One tenant's trouble does not hold up the others.
    pub async fn tend_keys(&self) -> Result<KeyHealth, AdminError> {
        let found = match self.take_turn().await? {
            Turn::Anothers(health) => return Ok(health),
            Turn::Ours(found) => found,
        };
        // The comparison of millions of documents takes longer than a turn.
        let found = self.keeping_turn(self.do_what_is_due(found)).await?;
        self.record_found(found).await?;
        Ok(found.health)
    }

    async fn do_what_is_due(&self, before: Found) -> Result<Found, AdminError> {
        let mut health = KeyHealth::default();
        for tenant in self.keyrings.tenants().await? {
            if let Err(error) = self.tend_tenant(&tenant).await {
                tracing::error!(tenant, %error, "the keys of a tenant could not be tended");
            }
            match self.keyrings.status(&tenant, &Scope::tenant()).await {
                Ok(status) => health.take(&status, self.clock.now(), self.cryptoperiod),
                Err(error) => tracing::error!(tenant, %error, "a keyring cannot be read"),
            }
        }
        let mut compared = before.compared;
        if self.keyrings.mirror().is_some() {
            health.mirror_differences = before.health.mirror_differences;
            if let Some(differences) = self.look_at_mirror(compared).await {
                health.mirror_differences = differences;
                compared = self.clock.now().into();
            }
            let age = self.clock.now().duration_since(compared.into());
            health.mirror_age = age.unwrap_or_default();
        }
        Ok(Found { compared, health })
    }

    /// Rotates the scopes that this replica wrote to under a version past its time. To be called every few seconds.
    pub async fn rotate_overdue(&self) {
        for (tenant, scope) in self.keyrings.take_overdue() {
            if let Err(error) = self.rotate_if_due(&tenant, &scope).await {
                tracing::error!(tenant, %scope, %error, "a scope could not be rotated");
            }
        }
    }

    async fn rotate_if_due(&self, tenant: &str, scope: &Scope) -> Result<(), AdminError> {
        let period = self.cryptoperiod;
        let rotated = self.keyrings.rotate_if_older(tenant, scope, period);
        if let Some(id) = rotated.await? {
            let made = vec![id.to_string()];
            self.record_own("RotateKey", tenant, made).await?;
        }
        Ok(())
    }

    /// Once a day: brings to the mirror what it lacks, and gives how many documents somebody has to look at.
    async fn look_at_mirror(&self, compared: Timestamp) -> Option<u64> {
        let since = self.clock.now().duration_since(compared.into());
        if since.is_ok_and(|since| since < COMPARED_EVERY) {
            return None;
        }
        let mut forth = |path: &Path, fate: Fate| {
            if fate.is_trouble() || fate == Fate::Newer {
                tracing::error!(%path, ?fate, "the mirror of keyrings has something else");
            }
        };
        let mut back = |path: &Path, fate: Fate| {
            if fate == Fate::Missing {
                tracing::error!(%path, "only the mirror of keyrings has this");
            } else if fate == Fate::Unusable {
                tracing::error!(%path, "the mirror has this otherwise than we wrote it");
            }
        };
        let forth = self.keyrings.follow(Mode::Bring, &mut forth).await;
        let back = self.keyrings.restore(None, Mode::Look, &mut back).await;
        match (forth, back) {
            (Ok(Some(forth)), Ok(Some(back))) => {
                let only_there = back.missing.saturating_add(back.unusable);
                let differ = forth.trouble().saturating_add(forth.newer);
                Some(differ.saturating_add(only_there))
            }
            (Err(error), _) | (_, Err(error)) => {
                tracing::error!(%error, "the mirror of keyrings could not be compared");
                None
            }
            _ => None,
        }
    }

    async fn tend_tenant(&self, tenant: &str) -> Result<(), AdminError> {
        self.rotate_if_due(tenant, &Scope::tenant()).await?;
        for scope in self.scopes_with_plans(tenant).await? {
            let destroyed = self.keyrings.destroy_due(tenant, &scope).await?;
            if !destroyed.is_empty() {
                let ids = destroyed.iter().map(KeyId::to_string).collect();
                self.record_own("KeysDestroyed", tenant, ids).await?;
            }
        }
        match self.certify(tenant).await {
            // Another replica was faster.
            Ok(()) | Err(AdminFailure::Control(ControlError::Exists { .. })) => Ok(()),
            Err(AdminFailure::Control(error)) => Err(error.into()),
            Err(AdminFailure::Admin(error)) => Err(error),
        }
    }
}

impl KeyHealth {
    fn take(&mut self, status: &KeyringStatus, now: SystemTime, cryptoperiod: Duration) {
        if let Some(active) = status.active_kek() {
            let since = SystemTime::from(active.activated.unwrap_or(active.created));
            let age = now.duration_since(since).unwrap_or_default();
            self.oldest_active = self.oldest_active.max(age);
            self.overdue = self.overdue.saturating_add(u64::from(age >= cryptoperiod));
        }
        let waiting = status
            .keys
            .iter()
            .filter(|key| key.state == State::PendingDestroy);
        let waiting = u64::try_from(waiting.count()).unwrap_or(u64::MAX);
        self.pending_destruction = self.pending_destruction.saturating_add(waiting);
        let frozen = u64::from(status.frozen.is_some());
        self.frozen = self.frozen.saturating_add(frozen);
    }
}

pub(super) enum AdminFailure {
    Control(ControlError),
    Admin(AdminError),
}

impl From<ControlError> for AdminFailure {
    fn from(error: ControlError) -> Self {
        Self::Control(error)
    }
}

impl From<AdminError> for AdminFailure {
    fn from(error: AdminError) -> Self {
        Self::Admin(error)
    }
}

/// Every document at both places is read for it.
pub(super) const COMPARED_EVERY: Duration = Duration::from_hours(24);
