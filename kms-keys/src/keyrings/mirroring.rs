//! The mirror as the keyrings use it: opened with the deployment, looked at as a whole, restored
//! from. It must not know when that is done.

use std::time::SystemTime;

use super::Keyrings;
use crate::{
    ControlStore, DeploymentKey, DocumentFault, Fates, KeyError, KeyErrorKind, KeyId, Mirror, Mode,
    Providers, Scope, Tell, control::kek_index,
};

impl Keyrings {
    /// The mirror, if there is one.
    pub fn mirror(&self) -> Option<&Mirror> {
        self.documents.mirror()
    }

    /// Brings to the mirror what it lacks, or only tells of it; `None` where there is none. Reads
    /// every document at both places.
    pub async fn follow(&self, mode: Mode, tell: Tell<'_>) -> Result<Option<Fates>, KeyError> {
        let Some(mirror) = self.mirror() else {
            return Ok(None);
        };
        let system = self.documents.store().whole();
        let fates = mirror.follow(&system, self.deployment(), mode, tell);
        fates.await.map(Some)
    }

    /// Brings back from the mirror what the system bucket lacks, of one tenant or of all, or only
    /// tells of it; never over a newer generation. `None` where there is no mirror.
    pub async fn restore(
        &self,
        tenant: Option<&str>,
        mode: Mode,
        tell: Tell<'_>,
    ) -> Result<Option<Fates>, KeyError> {
        let Some(mirror) = self.mirror() else {
            return Ok(None);
        };
        let system = self.documents.store().whole();
        let fates = mirror.restore(&system, self.deployment(), (tenant, mode), tell);
        fates.await.map(Some)
    }

    pub(super) async fn mirror_index(
        &self,
        tenant: &str,
        kek: KeyId,
        scope: &Scope,
    ) -> Result<(), KeyError> {
        let Some(mirror) = self.mirror() else {
            return Ok(());
        };
        let (store, deployment) = (self.documents.store(), self.deployment());
        let place = kek_index::place(tenant, kek);
        let bytes = kek_index::document(deployment, tenant, kek, scope)
            .map_err(|fault| store.refused(&place, fault))?;
        let path = store.path(&place);
        mirror.keep(deployment, &path, &bytes).await.map(drop)
    }
}

/// Opens the deployment, and has the mirror hold its document. A mirror that is away, or refuses us, is
/// no reason not to go on: objects can be read without it.
pub(super) async fn open_deployment(
    store: &ControlStore,
    mirror: Option<&Mirror>,
    providers: &Providers,
    now: SystemTime,
) -> Result<DeploymentKey, KeyError> {
    let Some(mirror) = mirror else {
        return DeploymentKey::open(store, providers, now).await;
    };
    let place = &[DEPLOYMENT];
    if store.read(place).await?.is_none() {
        // A first start, then.
        mirror.prepare().await?;
        // Read once more where the mirror has it: another replica may have made it this moment.
        if mirror.has_deployment().await? && store.read(place).await?.is_none() {
            let beside = format!("its copy in the mirror, {}", store.path(place));
            return Err(store.refused(place, DocumentFault::Lost { beside }));
        }
    }
    let deployment = DeploymentKey::open(store, providers, now).await?;
    match mirror.make_ready(&store.whole(), &deployment).await {
        Err(error) if error.kind() != KeyErrorKind::Corrupt => {
            let error: &dyn std::error::Error = &error;
            tracing::error!(
                error,
                "the mirror of keyrings is away: no new keys meanwhile"
            );
        }
        kept => kept?,
    }
    Ok(deployment)
}

const DEPLOYMENT: &str = "deployment.json";
