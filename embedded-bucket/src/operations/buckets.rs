//! Buckets: created, deleted, listed, and their versioning.

use s3s::dto;

use super::{Operations, wire};
use crate::edge::Intake;
use crate::fault::Fault;
use crate::index::{BucketLock, BucketRecord, Versioning, View};

impl Operations {
    pub(super) async fn create_bucket(
        &self,
        input: dto::CreateBucketInput,
        _: Intake,
    ) -> Result<dto::CreateBucketOutput, Fault> {
        let created = self.now();
        let locked = input.object_lock_enabled_for_bucket == Some(true);
        let name = input.bucket;
        let location = format!("/{name}");
        self.index
            .write(move |tables| {
                match tables.bucket(&name) {
                    Ok(_) => return Err(Fault::BucketAlreadyOwnedByYou),
                    Err(Fault::NoSuchBucket) => {}
                    Err(other) => return Err(other),
                }
                let record = BucketRecord {
                    id: tables.next_seq(),
                    created,
                    versioning: if locked {
                        Versioning::Enabled
                    } else {
                        Versioning::Off
                    },
                    lock: locked.then(BucketLock::default),
                };
                tables.put_bucket(&name, &record)
            })
            .await?;
        Ok(dto::CreateBucketOutput {
            location: Some(location),
        })
    }

    pub(super) async fn delete_bucket(
        &self,
        input: dto::DeleteBucketInput,
        _: Intake,
    ) -> Result<dto::DeleteBucketOutput, Fault> {
        let name = input.bucket;
        self.index
            .write(move |tables| tables.remove_bucket(&name))
            .await?;
        Ok(dto::DeleteBucketOutput {})
    }

    pub(super) async fn head_bucket(
        &self,
        input: dto::HeadBucketInput,
        _: Intake,
    ) -> Result<dto::HeadBucketOutput, Fault> {
        self.read(move |view| view.bucket(&input.bucket)).await?;
        Ok(dto::HeadBucketOutput::default())
    }

    pub(super) async fn get_bucket_location(
        &self,
        input: dto::GetBucketLocationInput,
        _: Intake,
    ) -> Result<dto::GetBucketLocationOutput, Fault> {
        self.read(move |view| view.bucket(&input.bucket)).await?;
        // An empty constraint is us-east-1, the region a gateway without regions stands for.
        Ok(dto::GetBucketLocationOutput::default())
    }

    pub(super) async fn list_buckets(
        &self,
        input: dto::ListBucketsInput,
        _: Intake,
    ) -> Result<dto::ListBucketsOutput, Fault> {
        let prefix = input.prefix.clone().unwrap_or_default();
        let buckets = self.read(View::buckets).await?;
        let buckets = buckets
            .into_iter()
            .filter(|(name, _)| name.starts_with(&prefix))
            .map(|(name, record)| dto::Bucket {
                name: Some(name),
                creation_date: Some(wire::timestamp(record.created)),
                ..dto::Bucket::default()
            });
        Ok(dto::ListBucketsOutput {
            buckets: Some(buckets.collect()),
            prefix: input.prefix,
            ..dto::ListBucketsOutput::default()
        })
    }

    pub(super) async fn put_bucket_versioning(
        &self,
        input: dto::PutBucketVersioningInput,
        _: Intake,
    ) -> Result<dto::PutBucketVersioningOutput, Fault> {
        let asked = input.versioning_configuration;
        if asked
            .mfa_delete
            .is_some_and(|mfa| mfa.as_str() != dto::MFADelete::DISABLED)
        {
            return Err(Fault::NotImplemented("MFA delete"));
        }
        let versioning = match asked
            .status
            .as_ref()
            .map(dto::BucketVersioningStatus::as_str)
        {
            Some(dto::BucketVersioningStatus::ENABLED) => Versioning::Enabled,
            Some(dto::BucketVersioningStatus::SUSPENDED) => Versioning::Suspended,
            _ => return Err(Fault::MalformedXml),
        };
        let name = input.bucket;
        self.index
            .write(move |tables| {
                let mut record = tables.bucket(&name)?;
                if record.lock.is_some() && versioning != Versioning::Enabled {
                    return Err(Fault::InvalidBucketState(
                        "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.",
                    ));
                }
                record.versioning = versioning;
                tables.put_bucket(&name, &record)
            })
            .await?;
        Ok(dto::PutBucketVersioningOutput {})
    }

    pub(super) async fn get_bucket_versioning(
        &self,
        input: dto::GetBucketVersioningInput,
        _: Intake,
    ) -> Result<dto::GetBucketVersioningOutput, Fault> {
        let record = self.read(move |view| view.bucket(&input.bucket)).await?;
        let status = match record.versioning {
            Versioning::Off => None,
            Versioning::Enabled => Some(dto::BucketVersioningStatus::ENABLED),
            Versioning::Suspended => Some(dto::BucketVersioningStatus::SUSPENDED),
        };
        Ok(dto::GetBucketVersioningOutput {
            status: status.map(dto::BucketVersioningStatus::from_static),
            mfa_delete: None,
        })
    }

    /// There is no lifecycle here, and so says S3 of a bucket without one.
    pub(super) async fn get_bucket_lifecycle_configuration(
        &self,
        input: dto::GetBucketLifecycleConfigurationInput,
        _: Intake,
    ) -> Result<dto::GetBucketLifecycleConfigurationOutput, Fault> {
        self.read(move |view| view.bucket(&input.bucket)).await?;
        Err(Fault::NoLifecycle)
    }

    pub(super) async fn get_bucket_request_payment(
        &self,
        input: dto::GetBucketRequestPaymentInput,
        _: Intake,
    ) -> Result<dto::GetBucketRequestPaymentOutput, Fault> {
        self.read(move |view| view.bucket(&input.bucket)).await?;
        Ok(dto::GetBucketRequestPaymentOutput {
            payer: Some(dto::Payer::from_static(dto::Payer::BUCKET_OWNER)),
        })
    }

    /// Never accelerated, of which S3 says nothing.
    pub(super) async fn get_bucket_accelerate_configuration(
        &self,
        input: dto::GetBucketAccelerateConfigurationInput,
        _: Intake,
    ) -> Result<dto::GetBucketAccelerateConfigurationOutput, Fault> {
        self.read(move |view| view.bucket(&input.bucket)).await?;
        Ok(dto::GetBucketAccelerateConfigurationOutput::default())
    }
}
