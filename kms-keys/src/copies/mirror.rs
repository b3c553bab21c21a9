//! A second place for the documents without which no stored object can be opened, in another store.
//!
//! A change is acknowledged when the mirror has it. Nothing is sealed under a key whose keyring this
//! replica has not seen in the mirror. So whatever an object was sealed under is in both places.

use std::sync::Arc;

use bytes::Bytes;
use object_store::{ObjectStore, path::Path};

use super::{
    ATTEMPTS, BackupError, Direction, Fate, Fates, Mode, Source, Tell, bring, bring_all,
    bring_deployment,
};
use crate::{
    ControlStore, DeploymentKey, DocumentFault, KeyError, Providers, Written,
    control::{Keyring, Mac, refused_at},
};

/// The mirror of a deployment's documents: the same names in another bucket.
#[derive(Clone, Debug)]
pub struct Mirror(Arc<ControlStore>);

impl Mirror {
    /// A mirror in `store`, a bucket of its own that decides conditional writes.
    pub fn new(store: Arc<dyn ObjectStore>) -> Self {
        Self(Arc::new(ControlStore::new(store, "")))
    }

    /// Has the mirror hold this document of a keyring or of the index, or a newer one.
    pub(crate) async fn keep(
        &self,
        deployment: &DeploymentKey,
        path: &Path,
        bytes: &Bytes,
    ) -> Result<(), KeyError> {
        let how = (Direction::Mirroring, Mode::Bring);
        let brought = bring(&self.0, deployment, path, &Source::Given(bytes), how).await;
        match brought.map_err(|error| failed(path, error))? {
            Fate::Same | Fate::Missing | Fate::Older | Fate::Newer => Ok(()),
            Fate::Damaged => {
                tracing::warn!(%path, "the mirror had no document of ours there; it was replaced");
                Ok(())
            }
            Fate::Differs | Fate::Forked | Fate::Foreign | Fate::Unusable => {
                Err(failed(path, refused_at(path, DocumentFault::MirrorDiffers)))
            }
        }
    }

    /// The generation that the mirror holds of a keyring; `None` where it holds none that is ours.
    pub(crate) async fn generation(
        &self,
        deployment: &DeploymentKey,
        path: &Path,
    ) -> Result<Option<(u64, Mac)>, KeyError> {
        let found = self.0.read_at(path).await;
        let Some((bytes, _)) = found.map_err(|error| failed(path, error))? else {
            return Ok(None);
        };
        let verified = deployment.verify::<Keyring>(&bytes).ok();
        Ok(verified.map(|(keyring, mac)| (keyring.generation, mac)))
    }

    /// Has the mirror hold a bucket's document.
    pub async fn keep_bucket(&self, path: &Path, bytes: Bytes) -> Result<(), KeyError> {
        for _ in 0..ATTEMPTS {
            let there = self.0.read_at(path).await;
            let version = there.map_err(|error| failed(path, error))?;
            let version = version.map(|(_, version)| version);
            let written = self.0.write_at(path, bytes.clone(), version).await;
            if let Written::Stored(_) = written.map_err(|error| failed(path, error))? {
                return Ok(());
            }
        }
        let path = path.to_string();
        Err(KeyError::Contended { path })
    }

    /// Removes a bucket's document.
    pub async fn drop_bucket(&self, path: &Path) -> Result<(), KeyError> {
        let removed = self.0.remove_at(path).await;
        removed.map_err(|error| failed(path, error))
    }

    /// Has the mirror hold the deployment's document. One that holds another deployment's is
    /// refused.
    pub(crate) async fn keep_deployment(
        &self,
        deployment: &DeploymentKey,
        bytes: &Bytes,
    ) -> Result<(), KeyError> {
        let path = super::deployment_path();
        let brought = bring_deployment(&self.0, deployment, bytes, Mode::Bring).await;
        match brought.map_err(|error| failed(&path, error))? {
            Fate::Foreign => Err(refused_at(&path, DocumentFault::Misplaced)),
            _ => Ok(()),
        }
    }

    /// Whether the mirror holds a deployment's document.
    pub(crate) async fn has_deployment(&self) -> Result<bool, KeyError> {
        let path = super::deployment_path();
        let found = self.0.read_at(&path).await;
        Ok(found.map_err(|error| failed(&path, error))?.is_some())
    }

    /// Brings whatever the mirror lacks.
    pub(crate) async fn follow(
        &self,
        system: &ControlStore,
        deployment: &DeploymentKey,
        mode: Mode,
        tell: Tell<'_>,
    ) -> Result<Fates, KeyError> {
        let how = (Direction::Mirroring, mode);
        bring_all((system, &self.0), deployment, None, how, tell).await
    }

    /// Brings back what the system bucket lacks.
    pub(crate) async fn restore(
        &self,
        system: &ControlStore,
        deployment: &DeploymentKey,
        (tenant, mode): (Option<&str>, Mode),
        tell: Tell<'_>,
    ) -> Result<Fates, KeyError> {
        let how = (Direction::Restoring, mode);
        bring_all((&self.0, system), deployment, tenant, how, tell).await
    }

    /// Brings back what the system bucket lacks where no gateway runs, be it the deployment's own
    /// document. Gives the deployment's id.
    ///
    /// # Errors
    /// `Foreign` where the system bucket is another deployment's; nothing is changed then.
    pub async fn restore_lost(
        &self,
        system: &ControlStore,
        providers: &Providers,
        (tenant, mode): (Option<&str>, Mode),
        tell: Tell<'_>,
    ) -> Result<(String, Fates), BackupError> {
        let path = super::deployment_path();
        let found = self.0.read_at(&path).await?;
        let Some((bytes, _)) = found else {
            let beside = "the configuration that names this mirror".to_owned();
            return Err(refused_at(&path, DocumentFault::Lost { beside }).into());
        };
        let deployment = DeploymentKey::of_copy(&self.0, providers, &bytes).await?;
        let fate = bring_deployment(system, &deployment, &bytes, mode).await?;
        let id = deployment.id().to_owned();
        if fate == Fate::Foreign {
            return Err(BackupError::Foreign { backup: id });
        }
        let how = (tenant, mode);
        let mut fates = self.restore(system, &deployment, how, tell).await?;
        fates.count(fate);
        Ok((id, fates))
    }
}

fn failed(path: &Path, error: KeyError) -> KeyError {
    KeyError::NotMirrored {
        path: path.to_string(),
        source: Arc::new(error),
    }
}
