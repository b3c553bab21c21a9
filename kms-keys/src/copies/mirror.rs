//! A second place for the documents without which no stored object can be opened, in another store.
//!
//! A change is acknowledged when the mirror has it. Nothing is sealed under a key whose keyring this
//! replica has not seen in the mirror. So whatever an object was sealed under is in both places.
//!
//! A gateway starts without its mirror. So whether that can be relied on is found out when it is first
//! needed, and again until it is so: it decides conditional writes, and it has the deployment's document.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use object_store::{ObjectStore, path::Path};

use super::{
    ATTEMPTS, BackupError, Direction, Fate, Fates, Mode, Source, Tell,
    backup::check_same_deployment, bring, bring_all, bring_deployment,
};
use crate::{
    ControlStore, DeploymentKey, DocumentFault, KeyError, Providers, Written,
    control::{Keyring, Mac, refused_at},
};

/// The mirror of a deployment's documents: the same names in another bucket.
#[derive(Clone)]
pub struct Mirror(Arc<Inner>);

struct Inner {
    store: ControlStore,
    prepare: Prepare,
    is_prepared: AtomicBool,
    is_ready: AtomicBool,
}

/// Makes the mirror's bucket where it is missing, and tries whether its store decides conditional writes:
/// `DocumentFault::Unconditional` where it does not.
pub type Prepare = Arc<dyn Fn() -> BoxFuture<'static, Result<(), KeyError>> + Send + Sync>;

impl Mirror {
    /// A mirror in `store`, a bucket of its own, which `prepare` makes ready to be written to.
    pub fn new(store: Arc<dyn ObjectStore>, prepare: Prepare) -> Self {
        Self(Arc::new(Inner {
            store: ControlStore::new(store, ""),
            prepare,
            is_prepared: AtomicBool::new(false),
            is_ready: AtomicBool::new(false),
        }))
    }

    fn store(&self) -> &ControlStore {
        &self.0.store
    }

    /// Has it prepared, unless it was since the start.
    pub(crate) async fn prepare(&self) -> Result<(), KeyError> {
        if self.0.is_prepared.load(Ordering::Acquire) {
            return Ok(());
        }
        let prepared = (self.0.prepare)().await;
        prepared.map_err(|error| failed(&super::deployment_path(), error))?;
        self.0.is_prepared.store(true, Ordering::Release);
        Ok(())
    }

    /// Whether [`make_ready`](Self::make_ready) was there once since the start.
    pub(crate) fn is_ready(&self) -> bool {
        self.0.is_ready.load(Ordering::Acquire)
    }

    /// Has it prepared, and hold the deployment's document of `system`.
    ///
    /// # Errors
    /// `Corrupt` where it never can be relied on: it ignores conditions, or is another deployment's.
    pub(crate) async fn make_ready(
        &self,
        system: &ControlStore,
        deployment: &DeploymentKey,
    ) -> Result<(), KeyError> {
        self.prepare().await?;
        let path = super::deployment_path();
        let Some((own, _)) = system.read_at(&path).await? else {
            return Err(refused_at(&path, DocumentFault::Vanished { seen: 1 }));
        };
        let brought = bring_deployment(self.store(), deployment, &own, Mode::Bring).await;
        match brought.map_err(|error| failed(&path, error))? {
            Fate::Foreign => Err(failed(&path, refused_at(&path, DocumentFault::Misplaced))),
            Fate::Unusable => Err(refused_at(&path, DocumentFault::Mac)),
            _ => {
                self.0.is_ready.store(true, Ordering::Release);
                Ok(())
            }
        }
    }

    /// Has the mirror hold this document of a keyring or of the index. A newer one stays, and is told.
    pub(crate) async fn keep(
        &self,
        deployment: &DeploymentKey,
        path: &Path,
        bytes: &Bytes,
    ) -> Result<Fate, KeyError> {
        let how = (Direction::Mirroring, Mode::Bring);
        let brought = bring(self.store(), deployment, path, &Source::Given(bytes), how).await;
        match brought.map_err(|error| failed(path, error))? {
            fate @ (Fate::Same | Fate::Missing | Fate::Older | Fate::Newer) => Ok(fate),
            Fate::Damaged => {
                tracing::warn!(%path, "the mirror had no document of ours there; it was replaced");
                Ok(Fate::Damaged)
            }
            Fate::Retired | Fate::Differs | Fate::Forked | Fate::Foreign | Fate::Unusable => {
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
        let found = self.store().read_at(path).await;
        let Some((bytes, _)) = found.map_err(|error| failed(path, error))? else {
            return Ok(None);
        };
        let verified = deployment.verify::<Keyring>(&bytes).ok();
        Ok(verified.map(|(keyring, mac)| (keyring.generation, mac)))
    }

    /// Has the mirror hold a bucket's document.
    pub async fn keep_bucket(&self, path: &Path, bytes: Bytes) -> Result<(), KeyError> {
        for _ in 0..ATTEMPTS {
            let there = self.store().read_at(path).await;
            let version = there.map_err(|error| failed(path, error))?;
            let version = version.map(|(_, version)| version);
            let written = self.store().write_at(path, bytes.clone(), version).await;
            if let Written::Stored(_) = written.map_err(|error| failed(path, error))? {
                return Ok(());
            }
        }
        let path = path.to_string();
        Err(KeyError::Contended { path })
    }

    /// Removes a bucket's document.
    pub async fn drop_bucket(&self, path: &Path) -> Result<(), KeyError> {
        let removed = self.store().remove_at(path).await;
        removed.map_err(|error| failed(path, error))
    }

    /// Whether the mirror holds a deployment's document.
    pub(crate) async fn has_deployment(&self) -> Result<bool, KeyError> {
        let path = super::deployment_path();
        let found = self.store().read_at(&path).await;
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
        if mode == Mode::Bring {
            self.prepare().await?;
        }
        let how = (Direction::Mirroring, mode);
        bring_all((system, self.store()), deployment, None, how, tell).await
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
        bring_all((self.store(), system), deployment, tenant, how, tell).await
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
        let found = self.store().read_at(&path).await?;
        let Some((bytes, _)) = found else {
            let beside = "the configuration that names this mirror".to_owned();
            return Err(refused_at(&path, DocumentFault::Lost { beside }).into());
        };
        let deployment = DeploymentKey::of_copy(self.store(), providers, &bytes).await?;
        check_same_deployment(system, &deployment, &bytes).await?;
        let how = (tenant, mode);
        let fates = self.restore(system, &deployment, how, tell).await?;
        Ok((deployment.id().to_owned(), fates))
    }
}

impl fmt::Debug for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Mirror").field(self.store()).finish()
    }
}

fn failed(path: &Path, error: KeyError) -> KeyError {
    KeyError::NotMirrored {
        path: path.to_string(),
        source: Arc::new(error),
    }
}
