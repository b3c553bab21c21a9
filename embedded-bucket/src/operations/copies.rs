//! Copies: `CopyObject` and `UploadPartCopy`; bodies are shared, so no byte moves.

use s3s::dto;
use s3s::dto::CopySource;

use super::wire::{description, live_tag, lock_headers};
use super::{Operations, multipart, tags, wire};
use crate::conditions::Conditions;
use crate::edge::Intake;
use crate::fault::Fault;
use crate::index::{BucketRecord, PartRecord, Tables, VersionRecord, VersionRef, with_bytes};

impl Operations {
    pub(super) async fn copy_object(
        &self,
        mut input: dto::CopyObjectInput,
        mut intake: Intake,
    ) -> Result<dto::CopyObjectOutput, Fault> {
        let source = Source::new(input.copy_source.clone(), intake.source.clone())?;
        let replaced = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == dto::MetadataDirective::REPLACE);
        let retagged = input
            .tagging_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == dto::TaggingDirective::REPLACE);
        let locks = lock_headers!(input)?;
        let description = description!(input, intake);
        let tags = tags::from_header(input.tagging.as_deref())?;
        let now = self.now();
        let copied = self
            .index
            .write(move |tables| {
                let (source_bucket, found) = source.find(tables)?;
                let bucket = tables.bucket(&input.bucket)?;
                let current = tables.current(bucket.id, &input.key)?;
                intake.target.allow_write(live_tag(current.as_ref()))?;
                if source.is_current(&input.bucket, &input.key) && !replaced {
                    return Err(Fault::InvalidRequest(
                        "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata.",
                    ));
                }
                let lock = wire::lock(&bucket, &locks, now)?;
                let layout = tables.layout(found.seq)?;
                let source_version = wire::version_id(&source_bucket, &found);
                let record = VersionRecord {
                    modified: now,
                    upload: None,
                    description: if replaced { description } else { found.description },
                    tags: if retagged { tags } else { found.tags },
                    lock,
                    ..found
                };
                let record = tables.put_version(&bucket, &input.key, record, &layout)?;
                Ok((source_version, wire::version_id(&bucket, &record), record))
            })
            .await?;
        let (copy_source_version_id, version_id, record) = copied;
        Ok(dto::CopyObjectOutput {
            copy_object_result: Some(dto::CopyObjectResult {
                e_tag: Some(wire::etag(&record.etag)),
                last_modified: Some(wire::timestamp(record.modified)),
                ..dto::CopyObjectResult::default()
            }),
            copy_source_version_id,
            version_id,
            ..dto::CopyObjectOutput::default()
        })
    }

    pub(super) async fn upload_part_copy(
        &self,
        input: dto::UploadPartCopyInput,
        intake: Intake,
    ) -> Result<dto::UploadPartCopyOutput, Fault> {
        let number = multipart::part_number(input.part_number)?;
        let source = Source::new(input.copy_source, intake.source)?;
        let range = input
            .copy_source_range
            .as_deref()
            .map(copy_range)
            .transpose()?;
        let modified = self.now();
        let (etag, version_id) = self
            .index
            .write(move |tables| {
                let bucket = tables.bucket(&input.bucket)?;
                tables.upload(bucket.id, &input.key, &input.upload_id)?;
                let (source_bucket, found) = source.find(tables)?;
                let range = match range {
                    None => 0..found.size,
                    Some((first, last)) if last < found.size => first..last + 1,
                    Some(_) => return Err(Fault::InvalidRange { size: found.size }),
                };
                let record = PartRecord {
                    etag: part_tag(&found, &range),
                    size: range.end - range.start,
                    modified,
                    seq: 0,
                };
                let layout = tables.layout(found.seq)?.slice(range);
                let etag = record.etag.clone();
                tables.put_part(&input.upload_id, number, record, &layout)?;
                Ok((etag, wire::version_id(&source_bucket, &found)))
            })
            .await?;
        Ok(dto::UploadPartCopyOutput {
            copy_part_result: Some(dto::CopyPartResult {
                e_tag: Some(wire::etag(&etag)),
                last_modified: Some(wire::timestamp(modified)),
                ..dto::CopyPartResult::default()
            }),
            copy_source_version_id: version_id,
            ..dto::UploadPartCopyOutput::default()
        })
    }
}

/// What a copy reads.
struct Source {
    bucket: String,
    key: String,
    which: VersionRef,
    conditions: Conditions,
}

impl Source {
    fn new(source: CopySource, conditions: Conditions) -> Result<Self, Fault> {
        let CopySource::Bucket {
            bucket,
            key,
            version_id,
        } = source
        else {
            return Err(Fault::NotImplemented("A copy source by ARN"));
        };
        Ok(Self {
            bucket: bucket.into(),
            key: key.into(),
            which: VersionRef::parse(version_id.as_deref())?,
            conditions,
        })
    }

    fn find(&self, tables: &Tables<'_>) -> Result<(BucketRecord, VersionRecord), Fault> {
        let bucket = tables.bucket(&self.bucket)?;
        let found = tables.version(bucket.id, &self.key, self.which)?;
        let found = with_bytes(found, self.which)?;
        self.conditions
            .allow_source(&found.etag, found.modified.0)?;
        Ok((bucket, found))
    }

    fn is_current(&self, bucket: &str, key: &str) -> bool {
        self.which == VersionRef::Current && self.bucket == bucket && self.key == key
    }
}

/// A copied part's tag: of the source's tag and the range, since the bytes are not read again.
fn part_tag(found: &VersionRecord, range: &std::ops::Range<u64>) -> String {
    let mut hasher = blake3::Hasher::new();
    hasher.update(found.etag.as_bytes());
    hasher.update(&range.start.to_be_bytes());
    hasher.update(&range.end.to_be_bytes());
    hex::encode(crate::bodies::short_tag(&hasher))
}

/// `x-amz-copy-source-range`: only `bytes=first-last`.
fn copy_range(header: &str) -> Result<(u64, u64), Fault> {
    match dto::Range::parse(header) {
        Ok(dto::Range::Int {
            first,
            last: Some(last),
        }) => Ok((first, last)),
        _ => Err(Fault::InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last",
        )),
    }
}
