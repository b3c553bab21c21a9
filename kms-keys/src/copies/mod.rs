//! Copies of the documents without which no stored object can be opened: the deployment's, the
//! keyrings, the index of KEKs and the buckets'. One document is brought from one place to another
//! here, and never over a newer one. It must not unwrap tenants' keys.

mod all;
mod backup;
mod mirror;
mod retired;

use std::cmp::Ordering;

use bytes::Bytes;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use crate::{
    ControlStore, DeploymentKey, DocumentFault, KeyError, PlacedDocuments, Timestamp, Written,
    control::{Keyring, Mac, kek_index, place, read_unverified, refused_at},
};
use all::bring_all;
pub use all::{Fates, Tell};
pub use backup::{Backup, BackupCounts, BackupError, write_backup};
pub use mirror::{Mirror, Prepare};
use retired::is_retired;

/// How a document was found at the place it is to be brought to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fate {
    /// The same is there.
    Same,
    /// None was there; it is brought.
    Missing,
    /// An older one was there; it is brought.
    Older,
    /// What was there is no document of ours; it is brought.
    Damaged,
    /// One is there that was begun anew when ours was lost: both are joined, so that no key is.
    Forked,
    /// A newer one is there, and stays.
    Newer,
    /// None is there, as its bucket was deleted since: it stays away.
    Retired,
    /// Another one of no other age is there, and stays: somebody has to look.
    Differs,
    /// One of another deployment is there, and stays.
    Foreign,
    /// What was to be brought cannot be trusted itself; it is not brought.
    Unusable,
}

impl Fate {
    /// Whether the place gets the document.
    pub fn is_brought(self) -> bool {
        matches!(
            self,
            Self::Missing | Self::Older | Self::Damaged | Self::Forked
        )
    }

    /// Whether somebody has to look at it.
    pub fn is_trouble(self) -> bool {
        matches!(self, Self::Differs | Self::Foreign | Self::Unusable)
    }
}

/// Which of two places follows the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// To the mirror: it follows.
    Mirroring,
    /// Back from a copy: keyrings with keys of their own are joined.
    Restoring,
}

/// Where a document comes from.
pub(crate) enum Source<'a> {
    /// A store, of which it is read after the place was: so the place never gets something older
    /// than it had.
    Store(&'a ControlStore),
    /// A file, or whoever has just written it.
    Given(&'a Bytes),
}

/// Whether what is found to be missing is brought, or only told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only told.
    Look,
    /// Brought.
    Bring,
}

/// Brings one document to its place in `to`.
pub(crate) async fn bring(
    to: &ControlStore,
    deployment: &DeploymentKey,
    path: &Path,
    source: &Source<'_>,
    (direction, mode): (Direction, Mode),
) -> Result<Fate, KeyError> {
    for _ in 0..ATTEMPTS {
        let (there, version) = to.read_at(path).await?.unzip();
        let ours = match source {
            Source::Given(bytes) => Some((*bytes).clone()),
            Source::Store(store) => store.read_at(path).await?.map(|(bytes, _)| bytes),
        };
        let Some(ours) = ours else {
            // It was there when it was listed, and is gone.
            return Ok(Fate::Unusable);
        };
        let fate = match compare(deployment, path, &ours, there.as_ref(), direction) {
            Fate::Missing
                if direction == Direction::Restoring
                    && is_retired(to, deployment, path, &ours).await? =>
            {
                Fate::Retired
            }
            fate => fate,
        };
        if mode == Mode::Look || !fate.is_brought() {
            return Ok(fate);
        }
        let next = match (&there, fate) {
            (Some(there), Fate::Forked) => {
                joined(deployment, &ours, there).map_err(|fault| refused_at(path, fault))?
            }
            _ => ours,
        };
        if let Written::Stored(_) = to.write_at(path, next, version).await? {
            return Ok(fate);
        }
    }
    Err(KeyError::Contended {
        path: path.to_string(),
    })
}

fn joined(deployment: &DeploymentKey, ours: &[u8], there: &[u8]) -> Result<Bytes, DocumentFault> {
    let (lost, _) = deployment.verify::<Keyring>(ours)?;
    let (there, _) = deployment.verify::<Keyring>(there)?;
    Ok(deployment.write(&there.joined(&lost)?)?.0)
}

/// How `ours` relates to what is `there`.
fn compare(
    deployment: &DeploymentKey,
    path: &Path,
    ours: &Bytes,
    there: Option<&Bytes>,
    direction: Direction,
) -> Fate {
    let Ok(our_age) = age_of(deployment, path, ours) else {
        return Fate::Unusable;
    };
    let Some(there) = there else {
        return Fate::Missing;
    };
    if ours == there {
        return Fate::Same;
    }
    match (our_age, age_of(deployment, path, there)) {
        (_, Err(_)) if is_foreign(deployment, there) => Fate::Foreign,
        (_, Err(_)) => Fate::Damaged,
        (Age::Keyring(ours, mac), Ok(Age::Keyring(there, its_mac))) => {
            let (follows, precedes) = (ours.can_follow(&there), there.can_follow(&ours));
            match (ours.generation.cmp(&there.generation), direction) {
                (Ordering::Equal, _) if mac.matches(&its_mac) => Fate::Same,
                (Ordering::Greater, _) if follows => Fate::Older,
                (Ordering::Less, _) if precedes => Fate::Newer,
                (_, Direction::Restoring) => Fate::Forked,
                (_, Direction::Mirroring) => Fate::Differs,
            }
        }
        (Age::Fixed(mac), Ok(Age::Fixed(its_mac))) if mac.matches(&its_mac) => Fate::Same,
        // The bucket was made again since, or two made it at once and one died midway. Which id is the
        // objects' is clear only where the place that leads has the later one.
        (Age::Bucket(ours), Ok(Age::Bucket(there))) => match (ours.cmp(&there), direction) {
            (Ordering::Greater, Direction::Mirroring) => Fate::Older,
            (Ordering::Less, Direction::Restoring) => Fate::Newer,
            _ => Fate::Differs,
        },
        _ => Fate::Differs,
    }
}

/// What tells one version of a document from another.
enum Age {
    Keyring(Box<Keyring>, Mac),
    /// It never changes.
    Fixed(Mac),
    /// When the bucket was made.
    Bucket(Timestamp),
}

/// What is read of a bucket's document here.
#[derive(Deserialize)]
struct Bucket {
    id: String,
    created: Timestamp,
}

/// The age of a document that is ours and belongs where it lies.
fn age_of(deployment: &DeploymentKey, path: &Path, bytes: &[u8]) -> Result<Age, DocumentFault> {
    let system = Path::from(SYSTEM);
    let below: Vec<String> = path.parts().map(|part| part.as_ref().to_owned()).collect();
    let (place, age) = match below.get(1).map(String::as_str) {
        _ if below.first().is_none_or(|first| first != SYSTEM) => {
            let bucket = PlacedDocuments::of(deployment).read::<Bucket>(path, bytes)?;
            return Ok(Age::Bucket(bucket.created));
        }
        Some("keyrings") => {
            let (keyring, mac) = deployment.verify::<Keyring>(bytes)?;
            keyring.check_place(deployment.id(), &keyring.tenant, &keyring.scope)?;
            let place = place(&keyring.tenant, &keyring.scope);
            (place, Age::Keyring(Box::new(keyring), mac))
        }
        Some("keks") => {
            let (place, mac) = kek_index::placed(deployment, bytes)?;
            (place.to_vec(), Age::Fixed(mac))
        }
        _ => return Err(DocumentFault::Misplaced),
    };
    let expected = place
        .iter()
        .fold(system, |path, segment| path.join(segment.as_str()));
    if expected == *path {
        Ok(age)
    } else {
        Err(DocumentFault::Misplaced)
    }
}

/// Whether bytes that do not verify say of themselves that they are another deployment's.
fn is_foreign(deployment: &DeploymentKey, bytes: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct OfDeployment {
        deployment: String,
    }
    read_unverified::<OfDeployment>(bytes)
        .is_ok_and(|document| document.deployment != deployment.id())
}

/// Whether a document may be another deployment's. Of a bucket's nobody can tell without that one's
/// key: of that form, it is either forged or another's.
fn may_be_foreign(deployment: &DeploymentKey, path: &Path, bytes: &[u8]) -> bool {
    match age_of(deployment, path, bytes) {
        Err(DocumentFault::Mac) if !path.as_ref().starts_with(SYSTEM) => true,
        Err(_) => is_foreign(deployment, bytes),
        Ok(_) => false,
    }
}

/// Brings the deployment's own document, which has no generation and grows only: it gets wraps. One
/// that is not this deployment's is brought nowhere.
pub(crate) async fn bring_deployment(
    to: &ControlStore,
    deployment: &DeploymentKey,
    ours: &Bytes,
    mode: Mode,
) -> Result<Fate, KeyError> {
    let path = deployment_path();
    for _ in 0..ATTEMPTS {
        let (there, version) = to.read_at(&path).await?.unzip();
        let fate = compare_deployments(deployment, ours, there.as_deref());
        if mode == Mode::Look || !fate.is_brought() {
            return Ok(fate);
        }
        if let Written::Stored(_) = to.write_at(&path, ours.clone(), version).await? {
            return Ok(fate);
        }
    }
    Err(KeyError::Contended {
        path: path.to_string(),
    })
}

fn compare_deployments(deployment: &DeploymentKey, ours: &[u8], there: Option<&[u8]>) -> Fate {
    let Ok(our_wraps) = deployment.wraps_in(ours) else {
        return Fate::Unusable;
    };
    let Some(there) = there else {
        return Fate::Missing;
    };
    let Ok(wraps) = deployment.wraps_in(there) else {
        let claimed = DeploymentKey::claimed_id(there);
        return match claimed {
            Some(id) if id != deployment.id() => Fate::Foreign,
            _ => Fate::Damaged,
        };
    };
    if wraps == our_wraps {
        Fate::Same
    } else if wraps.iter().all(|wrap| our_wraps.contains(wrap)) {
        Fate::Older
    } else {
        Fate::Newer
    }
}

fn deployment_path() -> Path {
    Path::from(SYSTEM).join("deployment.json")
}

/// The folder of keyrings, their index and the deployment in the system bucket.
const SYSTEM: &str = "system";

/// How often a document is brought against other writers before giving up.
const ATTEMPTS: usize = 16;
