//! Multipart uploads: parts are staged like objects, and completing one only names their bodies.

use s3s::dto;

use super::wire::{description, live_tag, lock_headers};
use super::{Operations, tags, wire};
use crate::bodies::{Bodies, Layout, short_tag, stage};
use crate::edge::Intake;
use crate::fault::Fault;
use crate::index::{BucketRecord, Lock, Moment, PartRecord, Tables, UploadRecord, VersionRecord};

impl Operations {
    pub(super) async fn create_multipart_upload(
        &self,
        mut input: dto::CreateMultipartUploadInput,
        mut intake: Intake,
    ) -> Result<dto::CreateMultipartUploadOutput, Fault> {
        let locks = lock_headers!(input)?;
        let mut record = UploadRecord {
            initiated: self.now(),
            description: description!(input, intake),
            tags: tags::from_header(input.tagging.as_deref())?,
            lock: Lock::default(),
        };
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let upload_id = self
            .index
            .write(move |tables| {
                let bucket = tables.bucket(&bucket)?;
                record.lock = wire::lock(&bucket, &locks, record.initiated)?;
                // The number first, so that uploads of one key list in the order they began.
                let id = format!("{:016x}{:032x}", tables.next_seq(), Bodies::new_id());
                tables.put_upload(bucket.id, &key, &id, &record)?;
                Ok(id)
            })
            .await?;
        Ok(dto::CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload_id),
            ..dto::CreateMultipartUploadOutput::default()
        })
    }

    pub(super) async fn upload_part(
        &self,
        mut input: dto::UploadPartInput,
        _: Intake,
    ) -> Result<dto::UploadPartOutput, Fault> {
        let number = part_number(input.part_number)?;
        let length = wire::content_length(input.content_length)?;
        let md5 = wire::content_md5(input.content_md5.take())?;
        let staged = stage(&self.bodies, input.body.take(), length, md5).await?;
        let etag = hex::encode(staged.tag);
        let record = PartRecord {
            seq: 0,
            etag: etag.clone(),
            size: length,
            modified: self.now(),
        };
        self.index
            .write(move |tables| {
                let bucket = tables.bucket(&input.bucket)?;
                tables.upload(bucket.id, &input.key, &input.upload_id)?;
                let layout = tables.adopt(staged)?;
                tables.put_part(&input.upload_id, number, record, &layout)
            })
            .await?;
        Ok(dto::UploadPartOutput {
            e_tag: Some(wire::etag(&etag)),
            ..dto::UploadPartOutput::default()
        })
    }

    pub(super) async fn complete_multipart_upload(
        &self,
        input: dto::CompleteMultipartUploadInput,
        intake: Intake,
    ) -> Result<dto::CompleteMultipartUploadOutput, Fault> {
        let asked = named_parts(input.multipart_upload)?;
        let size = input
            .mpu_object_size
            .map(|size| u64::try_from(size).unwrap_or(u64::MAX));
        let (bucket, key) = (input.bucket.clone(), input.key.clone());
        let now = self.now();
        let (etag, version_id) = self
            .index
            .write(move |tables| {
                let bucket = tables.bucket(&bucket)?;
                let current = tables.current(bucket.id, &key)?;
                let upload = match tables.upload(bucket.id, &key, &input.upload_id) {
                    Err(Fault::NoSuchUpload) => return repeated(&bucket, current, &input.upload_id),
                    found => found?,
                };
                intake.target.allow_write(live_tag(current.as_ref()))?;
                let parts = chosen_parts(tables, &input.upload_id, &asked)?;
                let record = completed(upload, input.upload_id.clone(), &parts, now);
                if size.is_some_and(|size| size != record.size) {
                    return Err(Fault::InvalidRequest(
                        "The provided 'x-amz-mp-object-size' header does not match the size of the object",
                    ));
                }
                let mut layout = Layout::default();
                for part in &parts {
                    layout.append(tables.layout(part.seq)?);
                }
                let record = tables.put_version(&bucket, &key, record, &layout)?;
                tables.remove_upload(bucket.id, &key, &input.upload_id)?;
                Ok((record.etag.clone(), wire::version_id(&bucket, &record)))
            })
            .await?;
        Ok(dto::CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(wire::etag(&etag)),
            version_id,
            ..dto::CompleteMultipartUploadOutput::default()
        })
    }

    pub(super) async fn abort_multipart_upload(
        &self,
        input: dto::AbortMultipartUploadInput,
        _: Intake,
    ) -> Result<dto::AbortMultipartUploadOutput, Fault> {
        self.index
            .write(move |tables| {
                let bucket = tables.bucket(&input.bucket)?;
                tables.upload(bucket.id, &input.key, &input.upload_id)?;
                tables.remove_upload(bucket.id, &input.key, &input.upload_id)
            })
            .await?;
        Ok(dto::AbortMultipartUploadOutput::default())
    }

    pub(super) async fn list_parts(
        &self,
        input: dto::ListPartsInput,
        _: Intake,
    ) -> Result<dto::ListPartsOutput, Fault> {
        let limit = wire::page_limit(input.max_parts)?;
        let after = u32::try_from(input.part_number_marker.unwrap_or(0))
            .map_err(|_| Fault::InvalidArgument("A part number marker is not negative"))?;
        let (bucket, key, id) = (
            input.bucket.clone(),
            input.key.clone(),
            input.upload_id.clone(),
        );
        let mut parts = self
            .read(move |view| {
                let bucket = view.bucket(&bucket)?;
                view.upload(bucket.id, &key, &id)?;
                // One more than asked tells whether there is more.
                view.parts(&id, after, limit + 1)
            })
            .await?;
        let truncated = parts.len() > limit;
        parts.truncate(limit);
        let next = parts
            .last()
            .and_then(|(number, _)| i32::try_from(*number).ok());
        let parts = parts.into_iter().map(|(number, part)| dto::Part {
            part_number: i32::try_from(number).ok(),
            e_tag: Some(wire::etag(&part.etag)),
            size: Some(wire::size(part.size)),
            last_modified: Some(wire::timestamp(part.modified)),
            ..dto::Part::default()
        });
        Ok(dto::ListPartsOutput {
            parts: Some(parts.collect()),
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(truncated),
            max_parts: i32::try_from(limit).ok(),
            part_number_marker: Some(input.part_number_marker.unwrap_or(0)),
            next_part_number_marker: next.filter(|_| truncated),
            ..dto::ListPartsOutput::default()
        })
    }
}

/// A part's number, from 1 to 10 000.
///
/// # Errors
/// [`Fault::InvalidArgument`].
pub(super) fn part_number(number: i32) -> Result<u32, Fault> {
    match u32::try_from(number) {
        Ok(number @ 1..=10_000) => Ok(number),
        _ => Err(Fault::InvalidArgument(
            "Part number must be an integer between 1 and 10000, inclusive",
        )),
    }
}

/// The parts that a completion names: numbers, strictly ascending, and tags.
fn named_parts(upload: Option<dto::CompletedMultipartUpload>) -> Result<Vec<(u32, String)>, Fault> {
    let parts = upload.and_then(|upload| upload.parts).unwrap_or_default();
    if parts.is_empty() {
        return Err(Fault::MalformedXml);
    }
    let mut named: Vec<(u32, String)> = Vec::with_capacity(parts.len());
    for part in parts {
        let number = part_number(part.part_number.ok_or(Fault::MalformedXml)?)?;
        let tag = part.e_tag.ok_or(Fault::MalformedXml)?.into_value();
        if named.last().is_some_and(|(before, _)| *before >= number) {
            return Err(Fault::InvalidPartOrder);
        }
        named.push((number, tag));
    }
    Ok(named)
}

/// The stored parts that were named, checked for tags and sizes.
fn chosen_parts(
    tables: &Tables<'_>,
    upload: &str,
    named: &[(u32, String)],
) -> Result<Vec<PartRecord>, Fault> {
    let mut stored = tables.parts(upload)?.into_iter();
    let mut chosen = Vec::with_capacity(named.len());
    for (number, tag) in named {
        // Both ascend, so one pass finds them all.
        let found = stored.find(|(candidate, _)| candidate >= number);
        match found {
            Some((candidate, part)) if candidate == *number && part.etag == *tag => {
                chosen.push(part);
            }
            _ => return Err(Fault::InvalidPart),
        }
    }
    let but_last = chosen.split_last().map_or(&[][..], |(_, before)| before);
    if but_last.iter().any(|part| part.size < SMALLEST_PART) {
        return Err(Fault::EntityTooSmall);
    }
    Ok(chosen)
}

fn completed(upload: UploadRecord, id: String, parts: &[PartRecord], now: Moment) -> VersionRecord {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        // Tags are ours, 32 hex digits; were one not, its text would do as well.
        match hex::decode(&part.etag) {
            Ok(tag) => hasher.update(&tag),
            Err(_) => hasher.update(part.etag.as_bytes()),
        };
    }
    let tag = hex::encode(short_tag(&hasher));
    VersionRecord {
        seq: 0,
        null: false,
        marker: false,
        etag: format!("{tag}-{}", parts.len()),
        size: parts.iter().map(|part| part.size).sum(),
        modified: now,
        upload: Some(id),
        description: upload.description,
        tags: upload.tags,
        lock: upload.lock,
    }
}

/// A completion whose first answer was lost succeeds again, as long as the object is the newest.
fn repeated(
    bucket: &BucketRecord,
    current: Option<VersionRecord>,
    upload: &str,
) -> Result<(String, Option<String>), Fault> {
    match current {
        Some(record) if record.upload.as_deref() == Some(upload) => {
            Ok((record.etag.clone(), wire::version_id(bucket, &record)))
        }
        _ => Err(Fault::NoSuchUpload),
    }
}

/// S3's least size of a part that is not the last, in bytes.
const SMALLEST_PART: u64 = 5 * 1024 * 1024;
