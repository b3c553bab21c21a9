//! All documents of a deployment, or of one tenant, brought from one store to another.

use futures_util::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::{Direction, Fate, Mode, SYSTEM, Source, bring, bring_deployment, deployment_path};
use crate::{ControlStore, DeploymentKey, KeyError};

/// How many documents had which fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fates {
    /// See [`Fate::Same`].
    pub same: u64,
    /// See [`Fate::Missing`].
    pub missing: u64,
    /// See [`Fate::Older`].
    pub older: u64,
    /// See [`Fate::Damaged`].
    pub damaged: u64,
    /// See [`Fate::Forked`].
    pub forked: u64,
    /// See [`Fate::Newer`].
    pub newer: u64,
    /// See [`Fate::Retired`].
    pub retired: u64,
    /// See [`Fate::Differs`].
    pub differs: u64,
    /// See [`Fate::Foreign`].
    pub foreign: u64,
    /// See [`Fate::Unusable`].
    pub unusable: u64,
}

impl Fates {
    /// One more.
    pub fn count(&mut self, fate: Fate) {
        let counter = match fate {
            Fate::Same => &mut self.same,
            Fate::Missing => &mut self.missing,
            Fate::Older => &mut self.older,
            Fate::Damaged => &mut self.damaged,
            Fate::Forked => &mut self.forked,
            Fate::Newer => &mut self.newer,
            Fate::Retired => &mut self.retired,
            Fate::Differs => &mut self.differs,
            Fate::Foreign => &mut self.foreign,
            Fate::Unusable => &mut self.unusable,
        };
        *counter = counter.saturating_add(1);
    }

    /// One more, told of where it is not the same.
    pub(super) fn meet(&mut self, path: &Path, fate: Fate, tell: Tell<'_>) {
        self.count(fate);
        if fate != Fate::Same {
            tell(path, fate);
        }
    }

    /// How many were brought, or would be.
    pub fn brought(&self) -> u64 {
        self.missing
            .saturating_add(self.older)
            .saturating_add(self.damaged)
            .saturating_add(self.forked)
    }

    /// How many somebody has to look at.
    pub fn trouble(&self) -> u64 {
        self.differs
            .saturating_add(self.foreign)
            .saturating_add(self.unusable)
    }
}

/// Told of each document that is not the same at both places.
pub type Tell<'a> = &'a mut (dyn FnMut(&Path, Fate) + Send);

/// Brings all documents, of one tenant if one is named, the deployment's own last: without it no gateway
/// begins on what is half restored.
pub(super) async fn bring_all(
    (from, to): (&ControlStore, &ControlStore),
    deployment: &DeploymentKey,
    tenant: Option<&str>,
    how: (Direction, Mode),
    tell: Tell<'_>,
) -> Result<Fates, KeyError> {
    let mut fates = Fates::default();
    let mut brought = places(from, tenant)
        .await?
        .map_ok(|path| async move {
            let fate = bring(to, deployment, &path, &Source::Store(from), how).await?;
            Ok((path, fate))
        })
        .try_buffer_unordered(AT_ONCE);
    while let Some((path, fate)) = brought.try_next().await? {
        fates.meet(&path, fate, &mut *tell);
    }
    let (own, (_, mode)) = (deployment_path(), how);
    if let Some((bytes, _)) = from.read_at(&own).await? {
        let fate = bring_deployment(to, deployment, &bytes, mode).await?;
        fates.meet(&own, fate, tell);
    }
    Ok(fates)
}

/// Where all documents but the deployment's lie; page by page, as there may be millions.
pub(super) async fn places(
    store: &ControlStore,
    tenant: Option<&str>,
) -> Result<BoxStream<'static, Result<Path, KeyError>>, KeyError> {
    let (system, tenants) = (Path::from(SYSTEM), Path::from("tenants"));
    let folders = ["keyrings", "keks"].map(|folder| system.clone().join(folder));
    let mut below = Vec::new();
    if let Some(tenant) = tenant {
        below.extend(folders.map(|folder| folder.join(tenant)));
        below.push(tenants.join(tenant).join("buckets"));
    } else {
        below.extend(folders);
        let all = store.folders(&tenants).await?;
        below.extend(all.into_iter().map(|tenant| tenant.join("buckets")));
    }
    let listed: Vec<_> = below
        .iter()
        .map(|below| store.list_from(below, None))
        .collect();
    Ok(stream::iter(listed).flatten().boxed())
}

const AT_ONCE: usize = 16;
