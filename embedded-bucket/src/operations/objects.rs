//! Objects written and deleted.

use s3s::dto;

use super::wire::{description, live_tag, lock_headers};
use super::{Operations, tags, wire};
use crate::bodies::stage;
use crate::conditions::Conditions;
use crate::edge::Intake;
use crate::fault::Fault;
use crate::index::{Removed, VersionRecord, VersionRef};

impl Operations {
    pub(super) async fn put_object(
        &self,
        mut input: dto::PutObjectInput,
        mut intake: Intake,
    ) -> Result<dto::PutObjectOutput, Fault> {
        let length = wire::content_length(input.content_length)?;
        let md5 = wire::content_md5(input.content_md5.take())?;
        let locks = lock_headers!(input)?;
        let mut record = VersionRecord {
            seq: 0,
            null: false,
            marker: false,
            etag: String::new(),
            size: length,
            modified: self.now(),
            upload: None,
            description: description!(input, intake),
            tags: tags::from_header(input.tagging.as_deref())?,
            lock: crate::index::Lock::default(),
        };
        let staged = stage(&self.bodies, input.body.take(), length, md5).await?;
        record.etag = hex::encode(staged.tag);
        let (bucket, record) = self
            .index
            .write(move |tables| {
                let bucket = tables.bucket(&input.bucket)?;
                let current = tables.current(bucket.id, &input.key)?;
                intake.target.allow_write(live_tag(current.as_ref()))?;
                record.lock = wire::lock(&bucket, &locks, record.modified)?;
                let layout = tables.adopt(staged)?;
                let record = tables.put_version(&bucket, &input.key, record, &layout)?;
                Ok((bucket, record))
            })
            .await?;
        Ok(dto::PutObjectOutput {
            e_tag: Some(wire::etag(&record.etag)),
            version_id: wire::version_id(&bucket, &record),
            ..dto::PutObjectOutput::default()
        })
    }

    pub(super) async fn delete_object(
        &self,
        input: dto::DeleteObjectInput,
        intake: Intake,
    ) -> Result<dto::DeleteObjectOutput, Fault> {
        if input.if_match_size.is_some() || input.if_match_last_modified_time.is_some() {
            return Err(Fault::NotImplemented("A condition on size or time"));
        }
        let deletion = Deletion {
            which: VersionRef::parse(input.version_id.as_deref())?,
            key: input.key,
            conditions: intake.target,
        };
        let bypass = input.bypass_governance_retention == Some(true);
        let removed = self.remove(input.bucket, deletion, bypass).await?;
        Ok(dto::DeleteObjectOutput {
            delete_marker: removed.marker.then_some(true),
            version_id: removed.version_id,
            ..dto::DeleteObjectOutput::default()
        })
    }

    pub(super) async fn delete_objects(
        &self,
        input: dto::DeleteObjectsInput,
        _: Intake,
    ) -> Result<dto::DeleteObjectsOutput, Fault> {
        if input.delete.objects.len() > DELETIONS {
            return Err(Fault::MalformedXml);
        }
        let bucket = input.bucket;
        let name = bucket.clone();
        self.read(move |view| view.bucket(&name)).await?;
        let bypass = input.bypass_governance_retention == Some(true);
        let quiet = input.delete.quiet == Some(true);
        // All at once, so that they share a commit.
        let outcomes = input.delete.objects.into_iter().map(|object| {
            let bucket = bucket.clone();
            async move {
                let (key, version_id) = (object.key.clone(), object.version_id.clone());
                let outcome = self.remove_one(bucket, object, bypass).await;
                (key, version_id, outcome)
            }
        });
        let mut output = dto::DeleteObjectsOutput::default();
        for (key, version_id, outcome) in futures_util::future::join_all(outcomes).await {
            match outcome {
                Ok(_) if quiet => {}
                Ok(removed) => {
                    let shown = deleted(key, version_id, removed);
                    output.deleted.get_or_insert_default().push(shown);
                }
                Err(fault) => {
                    let error = s3s::S3Error::from(fault);
                    output.errors.get_or_insert_default().push(dto::Error {
                        code: Some(error.code().as_str().to_owned()),
                        message: error.message().map(ToOwned::to_owned),
                        key: Some(key),
                        version_id,
                    });
                }
            }
        }
        Ok(output)
    }

    async fn remove_one(
        &self,
        bucket: String,
        object: dto::ObjectIdentifier,
        bypass: bool,
    ) -> Result<Removed, Fault> {
        if object.size.is_some() || object.last_modified_time.is_some() {
            return Err(Fault::NotImplemented("A condition on size or time"));
        }
        let deletion = Deletion {
            which: VersionRef::parse(object.version_id.as_deref())?,
            key: object.key,
            conditions: object
                .e_tag
                .map(|tag| Conditions::on_tag(tag.value()))
                .unwrap_or_default(),
        };
        self.remove(bucket, deletion, bypass).await
    }

    async fn remove(
        &self,
        bucket: String,
        deletion: Deletion,
        bypass: bool,
    ) -> Result<Removed, Fault> {
        let now = self.now();
        self.index
            .write(move |tables| {
                let bucket = tables.bucket(&bucket)?;
                let Deletion {
                    key,
                    which,
                    conditions,
                } = deletion;
                let target = tables.version(bucket.id, &key, which)?;
                conditions.allow_delete(live_tag(target.as_ref()))?;
                tables.remove_version(&bucket, &key, which, now, bypass)
            })
            .await
    }
}

struct Deletion {
    key: String,
    which: VersionRef,
    conditions: Conditions,
}

fn deleted(key: String, asked: Option<String>, removed: Removed) -> dto::DeletedObject {
    dto::DeletedObject {
        key: Some(key),
        delete_marker: removed.marker.then_some(true),
        delete_marker_version_id: removed.version_id.filter(|_| removed.marker),
        version_id: asked,
    }
}

/// How many keys one `DeleteObjects` may name.
const DELETIONS: usize = 1000;
