//! The keys and the store without the request path: from a configuration, or from a copy of the system bucket.

use std::path::PathBuf;
use std::sync::Arc;

use audit::{AuditKey, Identity};
use kms_keys::{LocalFile, PlacedDocuments, WhenMissing};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt as _};

use super::ToolError;
use crate::assemble::{AssembleError, audit_identity, connect, documents_in};
use crate::buckets::{Bucket, Buckets};
use crate::clock::Clock;
use crate::config::{Config, Suites};
use crate::control::Control;
use crate::key_management::KeyManagement;
use crate::key_scopes::KeyScopes;
use crate::keys::{Keys, SuitesOfTenants};
use crate::s3::BucketName;
use crate::trail::AuditKeys;
use crate::upstream::Upstream;

/// What tools with keys work with. Nothing in it makes a key or a bucket by itself.
#[derive(Debug)]
pub struct Custody {
    /// The store; none beside a copy of the system bucket.
    pub upstream: Option<Upstream>,
    /// Logical buckets.
    pub buckets: Buckets,
    /// Tenants' keys.
    pub keys: Keys,
    /// Tenants' audit keys, that open the trail.
    pub audit_keys: AuditKeys,
    /// Whose trail it is.
    pub identity: Arc<Identity>,
    /// The system bucket.
    pub system: Arc<dyn ObjectStore>,
    /// Control documents.
    pub control: Control,
}

/// A copy of the system bucket in a directory, with the root keys that belong to it.
#[derive(Debug)]
pub struct SystemCopy {
    /// The directory; `system/deployment.json` lies in it.
    pub directory: PathBuf,
    /// The root key file.
    pub root_keys: PathBuf,
}

impl Custody {
    /// By a configuration, as the gateway would. A store that no gateway has written to is refused.
    pub async fn configured(config: &Config, clock: &Clock) -> Result<Self, ToolError> {
        let system_bucket = format!("{}system", config.bucket_prefix);
        let (upstream, control) = connect(config, &system_bucket, clock)?;
        if let Err(error) = control.head(&Path::from(DEPLOYMENT)).await {
            return Err(ToolError::Asked(format!(
                "the system bucket {system_bucket} has no {DEPLOYMENT}: {error}"
            )));
        }
        let management = KeyManagement::configured(config, WhenMissing::Refuse, clock)
            .await
            .map_err(AssembleError::from)?;
        let suites = SuitesOfTenants::declared(config.suites, &config.tenants);
        let custody = Self::of(control, management, clock, &config.bucket_prefix, suites).await?;
        Ok(Self {
            upstream: Some(upstream),
            ..custody
        })
    }

    /// From copies of the documents that open one bucket's objects.
    pub async fn copied(
        copy: &SystemCopy,
        tenant: &str,
        bucket: &BucketName,
        clock: &Clock,
    ) -> Result<Self, ToolError> {
        let memory: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        for name in [
            DEPLOYMENT.to_owned(),
            format!("system/keyrings/{tenant}/default.json"),
            format!("tenants/{tenant}/buckets/{bucket}.json"),
        ] {
            let path = copy.directory.join(&name);
            let bytes = std::fs::read(&path).map_err(ToolError::file(&path))?;
            memory
                .put(&Path::from(name), bytes.into())
                .await
                .map_err(AssembleError::from)?;
        }
        for below in ["system/keyrings", "system/keks"] {
            copy_scopes(copy, &format!("{below}/{tenant}"), &memory).await?;
        }
        // Whoever leaves takes what was sealed with any suite.
        let suites = SuitesOfTenants::declared(Suites::default(), &[]);
        let file =
            LocalFile::open(&copy.root_keys, WhenMissing::Refuse).map_err(AssembleError::from)?;
        let management = KeyManagement::of_file(file, clock);
        Self::of(memory, management, clock, "", suites).await
    }

    async fn of(
        control: Arc<dyn ObjectStore>,
        management: KeyManagement,
        clock: &Clock,
        prefix: &str,
        suites: SuitesOfTenants,
    ) -> Result<Self, ToolError> {
        let keyrings = management
            .keyrings(&control, None)
            .await
            .map_err(AssembleError::from)?;
        let keyrings = Arc::new(keyrings);
        Ok(Self {
            upstream: None,
            system: Arc::clone(&control),
            control: documents_in(&control, &keyrings, clock),
            buckets: Buckets::new(control, PlacedDocuments::of(keyrings.deployment()), prefix),
            identity: Arc::new(audit_identity(&keyrings)),
            audit_keys: AuditKeys::new(Arc::clone(&keyrings)),
            // Nothing is sealed here.
            keys: Keys::new(keyrings, suites, KeyScopes::default()),
        })
    }

    /// Every key under which the trail may speak of the tenant: its own, and the deployment's, under which events
    /// are sealed while no key of the tenant is to be had.
    pub async fn trail_keys(&self, tenant: &str) -> Result<Vec<AuditKey>, ToolError> {
        let mut keys = self
            .audit_keys
            .all(tenant)
            .await
            .map_err(AssembleError::from)?;
        keys.push(self.identity.audit_key().clone());
        Ok(keys)
    }

    /// The bucket of that name; an error if the tenant has none.
    pub async fn bucket(&self, tenant: &str, name: &BucketName) -> Result<Bucket, ToolError> {
        let found = self.buckets.find_now(tenant, name).await?;
        found.ok_or_else(|| ToolError::Asked(format!("tenant {tenant} has no bucket {name}")))
    }

    /// The store, for what needs one.
    pub fn store(&self) -> Result<&Upstream, ToolError> {
        self.upstream
            .as_ref()
            .ok_or_else(|| ToolError::Asked("there is no store to read from".to_owned()))
    }
}

/// Documents of key scopes, where a tenant has some.
async fn copy_scopes(
    copy: &SystemCopy,
    below: &str,
    memory: &Arc<dyn ObjectStore>,
) -> Result<(), ToolError> {
    for name in [below.to_owned(), format!("{below}/scopes")] {
        let directory = copy.directory.join(&name);
        let Ok(entries) = std::fs::read_dir(&directory) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let Some(file) = path.file_name().and_then(|file| file.to_str()) else {
                continue;
            };
            if !path.is_file() {
                continue;
            }
            let bytes = std::fs::read(&path).map_err(ToolError::file(&path))?;
            let place = Path::from(format!("{name}/{file}"));
            memory
                .put(&place, bytes.into())
                .await
                .map_err(AssembleError::from)?;
        }
    }
    Ok(())
}

pub(super) const DEPLOYMENT: &str = "system/deployment.json";
