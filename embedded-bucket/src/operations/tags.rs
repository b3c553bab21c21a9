//! Object tags: read from header and document, checked, stored with the version.

use std::collections::BTreeSet;

use percent_encoding::percent_decode_str;
use s3s::dto;

use super::{Operations, wire};
use crate::edge::Intake;
use crate::fault::Fault;
use crate::index::{VersionRef, with_bytes};

impl Operations {
    pub(super) async fn put_object_tagging(
        &self,
        input: dto::PutObjectTaggingInput,
        _: Intake,
    ) -> Result<dto::PutObjectTaggingOutput, Fault> {
        let tags = input.tagging.tag_set.into_iter().map(|tag| {
            let key = tag.key.ok_or(Fault::MalformedXml)?;
            Ok((key, tag.value.unwrap_or_default()))
        });
        let tags = checked(tags.collect::<Result<_, Fault>>()?)?;
        let version_id = self
            .retag(input.bucket, input.key, input.version_id, tags)
            .await?;
        Ok(dto::PutObjectTaggingOutput { version_id })
    }

    pub(super) async fn delete_object_tagging(
        &self,
        input: dto::DeleteObjectTaggingInput,
        _: Intake,
    ) -> Result<dto::DeleteObjectTaggingOutput, Fault> {
        let version_id = self
            .retag(input.bucket, input.key, input.version_id, Vec::new())
            .await?;
        Ok(dto::DeleteObjectTaggingOutput { version_id })
    }

    pub(super) async fn get_object_tagging(
        &self,
        input: dto::GetObjectTaggingInput,
        _: Intake,
    ) -> Result<dto::GetObjectTaggingOutput, Fault> {
        let which = VersionRef::parse(input.version_id.as_deref())?;
        let (tags, version_id) = self
            .read(move |view| {
                let bucket = view.bucket(&input.bucket)?;
                let record = view.object(&bucket, &input.key, which)?;
                let version_id = wire::version_id(&bucket, &record);
                Ok((record.tags, version_id))
            })
            .await?;
        let tags = tags.into_iter().map(|(key, value)| dto::Tag {
            key: Some(key),
            value: Some(value),
        });
        Ok(dto::GetObjectTaggingOutput {
            tag_set: tags.collect(),
            version_id,
        })
    }

    async fn retag(
        &self,
        bucket: String,
        key: String,
        version_id: Option<String>,
        tags: Vec<(String, String)>,
    ) -> Result<Option<String>, Fault> {
        let which = VersionRef::parse(version_id.as_deref())?;
        self.index
            .write(move |tables| {
                let bucket = tables.bucket(&bucket)?;
                let mut record = with_bytes(tables.version(bucket.id, &key, which)?, which)?;
                record.tags = tags;
                tables.amend_version(bucket.id, &key, &record)?;
                Ok(wire::version_id(&bucket, &record))
            })
            .await
    }
}

/// The `x-amz-tagging` header: `key=value` pairs, URL-encoded, joined by `&`.
///
/// # Errors
/// [`Fault::InvalidTag`].
pub(super) fn from_header(header: Option<&str>) -> Result<Vec<(String, String)>, Fault> {
    let pairs = header
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    let tags = pairs.map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(key)?, decoded(value)?))
    });
    checked(tags.collect::<Result<_, Fault>>()?)
}

fn decoded(text: &str) -> Result<String, Fault> {
    let text = text.replace('+', " ");
    let decoded = percent_decode_str(&text).decode_utf8();
    let decoded = decoded.map_err(|_| Fault::InvalidTag("A tag is not UTF-8"))?;
    Ok(decoded.into_owned())
}

/// In the order of their keys. S3's limits: ten tags, keys of 1 to 128 characters, values up to 256, no key twice.
fn checked(mut tags: Vec<(String, String)>) -> Result<Vec<(String, String)>, Fault> {
    if tags.len() > 10 {
        return Err(Fault::InvalidTag("Object tags cannot be greater than 10"));
    }
    let mut seen = BTreeSet::new();
    for (key, value) in &tags {
        if !(1..=128).contains(&key.chars().count()) {
            return Err(Fault::InvalidTag("The TagKey you have provided is invalid"));
        }
        if value.chars().count() > 256 {
            return Err(Fault::InvalidTag(
                "The TagValue you have provided is invalid",
            ));
        }
        if !seen.insert(key) {
            return Err(Fault::InvalidTag(
                "Cannot provide multiple Tags with the same key",
            ));
        }
    }
    tags.sort();
    Ok(tags)
}
