//! The four listings: objects (two versions of the API), object versions, uploads.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto;

use super::{Operations, wire};
use crate::edge::Intake;
use crate::fault::Fault;
use crate::index::VersionRef;
use crate::index::walk::{Listed, ListedVersion, Page, Query};

impl Operations {
    pub(super) async fn list_objects(
        &self,
        input: dto::ListObjectsInput,
        _: Intake,
    ) -> Result<dto::ListObjectsOutput, Fault> {
        let (query, text) = asked(
            input.prefix.as_ref(),
            input.delimiter.as_ref(),
            input.max_keys,
            input.encoding_type.as_ref(),
        )?;
        let after = input.marker.clone().filter(|marker| !marker.is_empty());
        let page = self.objects(input.bucket.clone(), query, after).await?;
        let truncated = page.next.is_some();
        let has_delimiter = input
            .delimiter
            .as_ref()
            .is_some_and(|text| !text.is_empty());
        // S3 names the next marker only where the last key does not say it.
        let next = page.next.filter(|_| has_delimiter);
        Ok(dto::ListObjectsOutput {
            is_truncated: Some(truncated),
            next_marker: next.map(|key| text.write(&key)),
            contents: Some(contents(page.items, text, true)),
            common_prefixes: Some(common_prefixes(&page.prefixes, text)),
            name: Some(input.bucket),
            // As it came: S3 encodes it in the other listings only, and clients decode accordingly.
            prefix: Some(input.prefix.unwrap_or_default()),
            marker: Some(text.write(input.marker.as_deref().unwrap_or_default())),
            max_keys: Some(input.max_keys.unwrap_or(PAGE).min(PAGE)),
            delimiter: filled(input.delimiter).map(|delimiter| text.write(&delimiter)),
            encoding_type: input.encoding_type,
            ..dto::ListObjectsOutput::default()
        })
    }

    pub(super) async fn list_objects_v2(
        &self,
        input: dto::ListObjectsV2Input,
        _: Intake,
    ) -> Result<dto::ListObjectsV2Output, Fault> {
        let (query, text) = asked(
            input.prefix.as_ref(),
            input.delimiter.as_ref(),
            input.max_keys,
            input.encoding_type.as_ref(),
        )?;
        let after = match &input.continuation_token {
            Some(token) => Some(token_key(token)?),
            None => input.start_after.clone().filter(|key| !key.is_empty()),
        };
        let page = self.objects(input.bucket.clone(), query, after).await?;
        let with_owner = input.fetch_owner == Some(true);
        let count = page.items.len() + page.prefixes.len();
        Ok(dto::ListObjectsV2Output {
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.map(hex::encode),
            key_count: i32::try_from(count).ok(),
            contents: Some(contents(page.items, text, with_owner)),
            common_prefixes: Some(common_prefixes(&page.prefixes, text)),
            name: Some(input.bucket),
            prefix: Some(text.write(input.prefix.as_deref().unwrap_or_default())),
            max_keys: Some(input.max_keys.unwrap_or(PAGE).min(PAGE)),
            delimiter: filled(input.delimiter).map(|delimiter| text.write(&delimiter)),
            continuation_token: input.continuation_token,
            start_after: input.start_after.map(|key| text.write(&key)),
            encoding_type: input.encoding_type,
            ..dto::ListObjectsV2Output::default()
        })
    }

    pub(super) async fn list_object_versions(
        &self,
        input: dto::ListObjectVersionsInput,
        _: Intake,
    ) -> Result<dto::ListObjectVersionsOutput, Fault> {
        let (query, text) = asked(
            input.prefix.as_ref(),
            input.delimiter.as_ref(),
            input.max_keys,
            input.encoding_type.as_ref(),
        )?;
        let key_marker = input.key_marker.clone().filter(|key| !key.is_empty());
        let version_marker = input.version_id_marker.clone().filter(|id| !id.is_empty());
        if version_marker.is_some() && key_marker.is_none() {
            return Err(Fault::InvalidArgument(
                "A version-id marker cannot be specified without a key marker.",
            ));
        }
        let name = input.bucket.clone();
        let page = self
            .read(move |view| {
                let bucket = view.bucket(&name)?;
                let after = key_marker.as_deref();
                let which = VersionRef::parse(version_marker.as_deref())?;
                let after_seq = view.seq_of(bucket.id, after, which)?;
                view.versions(bucket.id, &query, after, after_seq)
            })
            .await?;
        let next_id = page
            .items
            .last()
            .map(|(_, listed)| listed.record.version_id());
        // A page that ends with a common prefix goes on behind it; no version is to be named.
        let ends_with_item = page.items.last().map(|(key, _)| key) == page.next.as_ref();
        let mut output = dto::ListObjectVersionsOutput {
            is_truncated: Some(page.next.is_some()),
            next_version_id_marker: next_id.filter(|_| page.next.is_some() && ends_with_item),
            next_key_marker: page.next.map(|key| text.write(&key)),
            common_prefixes: Some(common_prefixes(&page.prefixes, text)),
            name: Some(input.bucket),
            prefix: Some(text.write(input.prefix.as_deref().unwrap_or_default())),
            key_marker: Some(text.write(input.key_marker.as_deref().unwrap_or_default())),
            version_id_marker: Some(input.version_id_marker.unwrap_or_default()),
            max_keys: Some(input.max_keys.unwrap_or(PAGE).min(PAGE)),
            delimiter: filled(input.delimiter).map(|delimiter| text.write(&delimiter)),
            encoding_type: input.encoding_type,
            ..dto::ListObjectVersionsOutput::default()
        };
        for (key, listed) in page.items {
            add_version(&mut output, text.write(&key), listed);
        }
        Ok(output)
    }

    pub(super) async fn list_multipart_uploads(
        &self,
        input: dto::ListMultipartUploadsInput,
        _: Intake,
    ) -> Result<dto::ListMultipartUploadsOutput, Fault> {
        let (query, text) = asked(
            input.prefix.as_ref(),
            input.delimiter.as_ref(),
            input.max_uploads,
            input.encoding_type.as_ref(),
        )?;
        let (name, key, id) = (
            input.bucket.clone(),
            input.key_marker.clone().filter(|key| !key.is_empty()),
            input.upload_id_marker.clone().filter(|id| !id.is_empty()),
        );
        let page = self
            .read(move |view| {
                let bucket = view.bucket(&name)?;
                view.uploads(bucket.id, &query, key.as_deref(), id.as_deref())
            })
            .await?;
        let last = page
            .items
            .last()
            .filter(|(key, _)| Some(key) == page.next.as_ref());
        let next_upload_id_marker = last.map(|(_, (id, _))| id.clone());
        let uploads = page
            .items
            .into_iter()
            .map(|(key, (id, record))| dto::MultipartUpload {
                key: Some(text.write(&key)),
                upload_id: Some(id),
                initiated: Some(wire::timestamp(record.initiated)),
                storage_class: Some(dto::StorageClass::from_static(dto::StorageClass::STANDARD)),
                ..dto::MultipartUpload::default()
            });
        Ok(dto::ListMultipartUploadsOutput {
            uploads: Some(uploads.collect()),
            is_truncated: Some(page.next.is_some()),
            next_key_marker: page.next.map(|key| text.write(&key)),
            next_upload_id_marker,
            common_prefixes: Some(common_prefixes(&page.prefixes, text)),
            bucket: Some(input.bucket),
            prefix: Some(text.write(input.prefix.as_deref().unwrap_or_default())),
            key_marker: Some(text.write(input.key_marker.as_deref().unwrap_or_default())),
            upload_id_marker: Some(input.upload_id_marker.unwrap_or_default()),
            max_uploads: Some(input.max_uploads.unwrap_or(PAGE).min(PAGE)),
            delimiter: filled(input.delimiter).map(|delimiter| text.write(&delimiter)),
            encoding_type: input.encoding_type,
            ..dto::ListMultipartUploadsOutput::default()
        })
    }

    async fn objects(
        &self,
        bucket: String,
        query: Query,
        after: Option<String>,
    ) -> Result<Page<Listed>, Fault> {
        self.read(move |view| {
            let bucket = view.bucket(&bucket)?;
            view.objects(bucket.id, &query, after.as_deref())
        })
        .await
    }
}

/// How names are written into a document.
#[derive(Debug, Clone, Copy)]
struct Text {
    url: bool,
}

impl Text {
    fn write(self, name: &str) -> String {
        if self.url {
            utf8_percent_encode(name, ENCODED).to_string()
        } else {
            name.to_owned()
        }
    }
}

fn asked(
    prefix: Option<&String>,
    delimiter: Option<&String>,
    limit: Option<i32>,
    encoding: Option<&dto::EncodingType>,
) -> Result<(Query, Text), Fault> {
    let url = match encoding.map(dto::EncodingType::as_str) {
        None | Some("") => false,
        Some(dto::EncodingType::URL) => true,
        Some(_) => {
            return Err(Fault::InvalidArgument(
                "Invalid Encoding Method specified in Request",
            ));
        }
    };
    let query = Query {
        prefix: prefix.cloned().unwrap_or_default(),
        delimiter: delimiter.cloned().filter(|delimiter| !delimiter.is_empty()),
        limit: wire::page_limit(limit)?,
    };
    Ok((query, Text { url }))
}

fn token_key(token: &str) -> Result<String, Fault> {
    let key = hex::decode(token)
        .ok()
        .and_then(|key| String::from_utf8(key).ok());
    key.ok_or(Fault::InvalidArgument(
        "The continuation token provided is incorrect",
    ))
}

fn contents(items: Vec<(String, Listed)>, text: Text, with_owner: bool) -> Vec<dto::Object> {
    let objects = items.into_iter().map(|(key, listed)| dto::Object {
        key: Some(text.write(&key)),
        e_tag: Some(wire::etag(&listed.etag)),
        size: Some(wire::size(listed.size)),
        last_modified: Some(wire::timestamp(listed.modified)),
        storage_class: Some(dto::ObjectStorageClass::from_static(
            dto::ObjectStorageClass::STANDARD,
        )),
        owner: with_owner.then(owner),
        ..dto::Object::default()
    });
    objects.collect()
}

/// Of everything here. Who owns a tenant's objects is known to whoever uses this bucket.
fn owner() -> dto::Owner {
    dto::Owner {
        id: Some(OWNER.to_owned()),
        display_name: Some(OWNER.to_owned()),
    }
}

/// An empty delimiter is none.
fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

fn common_prefixes(prefixes: &[String], text: Text) -> Vec<dto::CommonPrefix> {
    let prefixes = prefixes.iter().map(|prefix| dto::CommonPrefix {
        prefix: Some(text.write(prefix)),
    });
    prefixes.collect()
}

fn add_version(output: &mut dto::ListObjectVersionsOutput, key: String, listed: ListedVersion) {
    let ListedVersion { record, newest } = listed;
    let version_id = Some(record.version_id());
    let last_modified = Some(wire::timestamp(record.modified));
    if record.marker {
        output
            .delete_markers
            .get_or_insert_default()
            .push(dto::DeleteMarkerEntry {
                key: Some(key),
                version_id,
                is_latest: Some(newest),
                last_modified,
                owner: Some(owner()),
            });
    } else {
        output
            .versions
            .get_or_insert_default()
            .push(dto::ObjectVersion {
                key: Some(key),
                version_id,
                is_latest: Some(newest),
                last_modified,
                e_tag: Some(wire::etag(&record.etag)),
                size: Some(wire::size(record.size)),
                storage_class: Some(dto::ObjectVersionStorageClass::from_static(
                    dto::ObjectVersionStorageClass::STANDARD,
                )),
                owner: Some(owner()),
                ..dto::ObjectVersion::default()
            });
    }
}

const OWNER: &str = "embedded-bucket";

/// S3's page, in entries.
const PAGE: i32 = 1000;

/// What `encoding-type=url` encodes: all but S3's unreserved characters and the slash.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');
