//! Backups of keyrings and what is restored from them, beside a gateway or without one: by a configuration, a
//! store and the root key alone. Who can run this holds the keys already.

use std::fs::{self, File, OpenOptions};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kms_keys::{
    Backup, BackupCounts, BackupError, ControlStore, Fate, Fates, Mode, Timestamp, WhenMissing,
    write_backup,
};
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::ToolError;
use super::custody::DEPLOYMENT;
use crate::assemble::{AssembleError, connect, make_system_bucket, open_mirror};
use crate::clock::Clock;
use crate::config::Config;
use crate::key_management::KeyManagement;

/// A backup that was written and read again.
#[derive(Debug)]
pub struct BackedUp {
    /// The file.
    pub file: PathBuf,
    /// The deployment's id.
    pub deployment: String,
    /// What is in it.
    pub counts: BackupCounts,
    /// Documents that cannot be trusted any more and are not in it.
    pub unusable: Vec<String>,
}

/// What a restoration did, or would do.
#[derive(Debug)]
pub struct Restored {
    /// The deployment's id.
    pub deployment: String,
    /// How many documents had which fate.
    pub fates: Fates,
    /// Every document that is not the same at both places.
    pub told: Vec<(String, Fate)>,
}

/// Where to restore from.
#[derive(Debug)]
pub enum Copy {
    /// A file of [`back_up`].
    File(PathBuf),
    /// The configuration's mirror; one tenant's documents, or all.
    Mirror(Option<String>),
}

/// Writes a backup to `to`: a new file, or a directory, in which it gets a name by deployment and time. It has that
/// name only once it was read again as a whole.
pub async fn back_up(
    config: &Config,
    tenant: Option<&str>,
    to: &Path,
    clock: &Clock,
) -> Result<BackedUp, ToolError> {
    let (_, control) = connect(config, &system_bucket(config), clock)?;
    if let Err(error) = control.head(&DEPLOYMENT.into()).await {
        return Err(ToolError::Asked(format!(
            "the system bucket {} has no {DEPLOYMENT}: {error}",
            system_bucket(config)
        )));
    }
    let keyrings = management(config, clock).await?;
    let keyrings = keyrings.keyrings(&control, None).await?;
    let deployment = keyrings.deployment();
    let made = Timestamp::from(clock.now());
    let file = named(to, deployment.id(), made);
    let partly = partly(&file);
    let out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&partly)
        .map_err(ToolError::file(&partly))?;
    let mut out = BufWriter::new(out);
    let mut unusable = Vec::new();
    let mut tell = |path: &object_store::path::Path, _: Fate| unusable.push(path.to_string());
    let store = ControlStore::new(control, "");
    let about = (tenant, made);
    let counts = write_backup(&store, deployment, about, &mut out, &mut tell).await?;
    let out = out
        .into_inner()
        .map_err(std::io::IntoInnerError::into_error);
    out.and_then(|out| out.sync_all())
        .map_err(ToolError::file(&partly))?;
    let read = Backup::verified(open(&partly)?, keyrings.providers()).await?;
    let as_written = BackupCounts {
        unusable: 0,
        ..counts
    };
    if read.counts() != as_written {
        return Err(BackupError::Altered.into());
    }
    // Never over a file that is there: `create_new` was of another name.
    fs::hard_link(&partly, &file).map_err(ToolError::file(&file))?;
    fs::remove_file(&partly).map_err(ToolError::file(&partly))?;
    Ok(BackedUp {
        file,
        deployment: deployment.id().to_owned(),
        counts,
        unusable,
    })
}

/// Brings back what the system bucket lacks, or only tells of it. Never over a newer generation, and nothing of
/// another deployment.
pub async fn restore(
    config: &Config,
    from: &Copy,
    mode: Mode,
    clock: &Clock,
) -> Result<Restored, ToolError> {
    let bucket = system_bucket(config);
    let (upstream, control) = connect(config, &bucket, clock)?;
    if mode == Mode::Bring {
        make_system_bucket(&upstream, &bucket).await?;
    }
    let management = management(config, clock).await?;
    let control: Arc<dyn ObjectStore> = control;
    let system = ControlStore::new(control, "");
    let mut told = Vec::new();
    let mut tell = |path: &object_store::path::Path, fate: Fate| {
        if fate != Fate::Same {
            told.push((path.to_string(), fate));
        }
    };
    let (deployment, fates) = match from {
        Copy::File(file) => {
            let backup = Backup::verified(open(file)?, management.providers()).await?;
            let deployment = backup.deployment().to_owned();
            (deployment, backup.restore(&system, mode, &mut tell).await?)
        }
        Copy::Mirror(tenant) => {
            let mirror = open_mirror(config, clock)?;
            let mirror = mirror.ok_or_else(|| {
                ToolError::Asked("the configuration has no [keys.mirror]".to_owned())
            })?;
            let how = (tenant.as_deref(), mode);
            let providers = management.providers();
            mirror
                .restore_lost(&system, providers, how, &mut tell)
                .await?
        }
    };
    told.sort();
    Ok(Restored {
        deployment,
        fates,
        told,
    })
}

async fn management(config: &Config, clock: &Clock) -> Result<KeyManagement, ToolError> {
    let management = KeyManagement::configured(config, WhenMissing::Refuse, clock).await;
    Ok(management.map_err(AssembleError::from)?)
}

fn system_bucket(config: &Config) -> String {
    format!("{}system", config.bucket_prefix)
}

fn named(to: &Path, deployment: &str, made: Timestamp) -> PathBuf {
    if !to.is_dir() {
        return to.to_owned();
    }
    // A colon is no part of a file's name everywhere.
    let made = made.to_string().replace(':', "-");
    to.join(format!("sealgate-keys-{deployment}-{made}.backup"))
}

fn partly(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    name.into()
}

fn open(file: &Path) -> Result<BufReader<File>, ToolError> {
    let opened = File::open(file).map_err(ToolError::file(file))?;
    Ok(BufReader::new(opened))
}
