//! Whether the mirror has the keyrings that this replica seals under and changes, and none that is newer
//! than those. It must not know what a keyring says.

use std::sync::atomic::Ordering;

use super::{Current, Documents, Slot};
use crate::{
    DocumentFault, Fate, KeyError, Scope,
    control::{Keyring, Mac},
};

impl Documents {
    /// Returns once the mirror, if there is one, has this generation, or a newer one that the store
    /// has too; asks it once for each generation.
    pub(in crate::keyrings) async fn confirm(
        &self,
        tenant: &str,
        scope: &Scope,
        keyring: &Keyring,
    ) -> Result<(), KeyError> {
        let Some(mirror) = &self.mirror else {
            return Ok(());
        };
        let slot = self.slot(tenant, scope)?;
        let is_confirmed = || slot.confirmed.load(Ordering::Acquire) >= keyring.generation;
        if is_confirmed() {
            return Ok(());
        }
        let work = async {
            self.ready().await?;
            let (bytes, _) = self.encode(&slot, keyring)?;
            let path = self.store.path(&slot.place);
            match mirror.keep(&self.deployment, &path, &bytes).await? {
                // Another replica changed it a moment ago, or somebody put an old one back.
                Fate::Newer => self.look_again(&slot).await,
                _ => Ok(()),
            }
        };
        let name = (slot.name.clone(), keyring.generation);
        self.confirming.join(&name, work).await?;
        slot.confirmed
            .fetch_max(keyring.generation, Ordering::AcqRel);
        Ok(())
    }

    /// Refuses, before a key is made for nothing, what a change would be refused for: a mirror that does not
    /// answer, or is ahead.
    pub(in crate::keyrings) async fn ask_mirror(
        &self,
        tenant: &str,
        scope: &Scope,
    ) -> Result<(), KeyError> {
        self.ready().await?;
        let slot = self.slot(tenant, scope)?;
        let mirrored = self.mirrored(&slot).await?;
        match slot.held().current {
            // It may have been changed since.
            Some(held) if self.check_not_behind(&slot, &held, mirrored).is_err() => {
                self.look_again(&slot).await
            }
            _ => Ok(()),
        }
    }

    /// Refuses a keyring that is behind the mirror's as it is now.
    async fn look_again(&self, slot: &Slot) -> Result<(), KeyError> {
        let mirrored = self.mirrored(slot).await?;
        let _one_at_a_time = slot.turn.lock().await;
        self.read(slot).await?;
        match slot.held().current {
            Some(newest) => self.check_not_behind(slot, &newest, mirrored),
            None => Ok(()),
        }
    }

    /// Returns once the mirror, if there is one, was found to be fit, and to have the deployment's document.
    pub(super) async fn ready(&self) -> Result<(), KeyError> {
        let Some(mirror) = self.mirror.as_ref().filter(|mirror| !mirror.is_ready()) else {
            return Ok(());
        };
        let system = self.store.whole();
        let work = mirror.make_ready(&system, &self.deployment);
        self.readying.join(&(), work).await
    }

    /// What the mirror, if there is one, holds of a keyring.
    pub(super) async fn mirrored(&self, slot: &Slot) -> Result<Option<(u64, Mac)>, KeyError> {
        let Some(mirror) = &self.mirror else {
            return Ok(None);
        };
        let path = self.store.path(&slot.place);
        mirror.generation(&self.deployment, &path).await
    }

    /// Refuses a keyring that is older than the mirror's, or another of its generation.
    pub(super) fn check_not_behind(
        &self,
        slot: &Slot,
        newest: &Current,
        mirrored: Option<(u64, Mac)>,
    ) -> Result<(), KeyError> {
        let found = newest.keyring.generation;
        match mirrored {
            Some((mirrored, mac))
                if mirrored > found || mirrored == found && !mac.matches(&newest.mac) =>
            {
                let fault = DocumentFault::BehindMirror { found, mirrored };
                Err(self.store.refused(&slot.place, fault))
            }
            _ => Ok(()),
        }
    }
}
