//! Objects read: `GetObject` and `HeadObject`, conditions, ranges, and the stream of bytes.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, header};
use s3s::dto;
use tokio::task::spawn_blocking;

use super::{Operations, WithHeaders, wire};
use crate::bodies::{BodyId, Layout, Piece, Pinned, Place, stream};
use crate::conditions::Conditions;
use crate::edge::{Intake, METADATA};
use crate::fault::Fault;
use crate::index::{BucketRecord, Description, VersionRecord, VersionRef, View};

impl Operations {
    pub(super) async fn get_object(
        &self,
        input: dto::GetObjectInput,
        intake: Intake,
    ) -> Result<WithHeaders<dto::GetObjectOutput>, Fault> {
        refuse_part(input.part_number)?;
        let asked = Asked::new(
            input.bucket,
            input.key,
            input.version_id.as_deref(),
            input.range,
            intake,
        )?;
        let index = Arc::clone(&self.index);
        let bodies = Arc::clone(&self.bodies);
        let opening = spawn_blocking(move || {
            bodies.pin_found(|| {
                let view = index.view()?;
                let found = asked.find(&view)?;
                let layout = view.layout(found.record.seq)?.slice(found.range());
                let (pieces, ids) = pieces(&view, &layout)?;
                Ok::<_, Fault>(((found, pieces), ids))
            })
        });
        let ((found, pieces), pinned) = opening.await.map_err(std::io::Error::other)??;
        let mut headers = stored_headers(&found.record.description);
        if input.response_expires.is_some() {
            headers.remove(header::EXPIRES);
        }
        Ok(WithHeaders(found.output(pieces, pinned), headers))
    }

    pub(super) async fn head_object(
        &self,
        input: dto::HeadObjectInput,
        intake: Intake,
    ) -> Result<WithHeaders<dto::HeadObjectOutput>, Fault> {
        refuse_part(input.part_number)?;
        let asked = Asked::new(
            input.bucket,
            input.key,
            input.version_id.as_deref(),
            input.range,
            intake,
        )?;
        let found = self.read(move |view| asked.find(view)).await?;
        let mut headers = stored_headers(&found.record.description);
        if !found.record.tags.is_empty() {
            // s3s has a field for it in the answer to GET only.
            headers.insert(TAG_COUNT, HeaderValue::from(found.record.tags.len()));
        }
        Ok(WithHeaders(found.head(), headers))
    }
}

/// Part boundaries are the gateway's: parts of sealed objects are not parts of the client's.
fn refuse_part(number: Option<i32>) -> Result<(), Fault> {
    match number {
        None => Ok(()),
        Some(_) => Err(Fault::NotImplemented("partNumber")),
    }
}

struct Asked {
    bucket: String,
    key: String,
    which: VersionRef,
    range: Option<dto::Range>,
    conditions: Conditions,
}

impl Asked {
    fn new(
        bucket: String,
        key: String,
        version_id: Option<&str>,
        range: Option<dto::Range>,
        intake: Intake,
    ) -> Result<Self, Fault> {
        Ok(Self {
            bucket,
            key,
            which: VersionRef::parse(version_id)?,
            range,
            conditions: intake.target,
        })
    }

    fn find(&self, view: &View) -> Result<Found, Fault> {
        let bucket = view.bucket(&self.bucket)?;
        let record = view.object(&bucket, &self.key, self.which)?;
        self.conditions
            .allow_read(&record.etag, record.modified.0)?;
        let part = match &self.range {
            None => None,
            // S3 answers the last bytes of an empty object with the whole of it, all nothing.
            Some(dto::Range::Suffix { .. }) if record.size == 0 => None,
            Some(range) => Some(
                range
                    .check(record.size)
                    .map_err(|_| Fault::InvalidRange { size: record.size })?,
            ),
        };
        Ok(Found {
            bucket,
            record,
            part,
        })
    }
}

struct Found {
    bucket: BucketRecord,
    record: VersionRecord,
    part: Option<Range<u64>>,
}

impl Found {
    fn range(&self) -> Range<u64> {
        self.part.clone().unwrap_or(0..self.record.size)
    }

    fn length(&self) -> u64 {
        let range = self.range();
        range.end - range.start
    }

    fn content_range(&self) -> Option<String> {
        let size = self.record.size;
        self.part
            .as_ref()
            .map(|part| format!("bytes {}-{}/{size}", part.start, part.end - 1))
    }

    fn output(self, pieces: VecDeque<Piece>, pinned: Pinned) -> dto::GetObjectOutput {
        let body = stream(pieces, pinned, self.length());
        let tag_count = i32::try_from(self.record.tags.len()).ok();
        let head = self.head();
        dto::GetObjectOutput {
            body: Some(body),
            accept_ranges: head.accept_ranges,
            cache_control: head.cache_control,
            content_disposition: head.content_disposition,
            content_encoding: head.content_encoding,
            content_language: head.content_language,
            content_length: head.content_length,
            content_range: head.content_range,
            content_type: head.content_type,
            e_tag: head.e_tag,
            last_modified: head.last_modified,
            object_lock_legal_hold_status: head.object_lock_legal_hold_status,
            object_lock_mode: head.object_lock_mode,
            object_lock_retain_until_date: head.object_lock_retain_until_date,
            tag_count: tag_count.filter(|count| *count > 0),
            version_id: head.version_id,
            website_redirect_location: head.website_redirect_location,
            ..dto::GetObjectOutput::default()
        }
    }

    fn head(self) -> dto::HeadObjectOutput {
        let (length, content_range) = (self.length(), self.content_range());
        let version_id = wire::version_id(&self.bucket, &self.record);
        let VersionRecord {
            description,
            lock,
            etag,
            modified,
            ..
        } = self.record;
        dto::HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: description.cache_control,
            content_disposition: description.content_disposition,
            content_encoding: description.content_encoding,
            content_language: description.content_language,
            content_length: Some(wire::size(length)),
            content_range,
            content_type: description
                .content_type
                .or_else(|| Some(UNTYPED.to_owned())),
            e_tag: Some(wire::etag(&etag)),
            last_modified: Some(wire::timestamp(modified)),
            object_lock_legal_hold_status: lock
                .legal_hold
                .map(|on| dto::ObjectLockLegalHoldStatus::from_static(wire::hold_name(on))),
            object_lock_mode: lock
                .retention
                .map(|kept| dto::ObjectLockMode::from_static(wire::lock_mode_name(kept.mode))),
            object_lock_retain_until_date: lock.retention.map(|kept| wire::timestamp(kept.until)),
            version_id,
            website_redirect_location: description.website_redirect,
            ..dto::HeadObjectOutput::default()
        }
    }
}

/// The headers that go back byte for byte: user metadata and `Expires`.
fn stored_headers(description: &Description) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let expires = description.expires.as_ref();
    if let Some(value) = expires.and_then(|text| HeaderValue::from_str(text).ok()) {
        headers.insert(header::EXPIRES, value);
    }
    for (name, value) in &description.metadata {
        let bytes: Vec<u8> = value
            .chars()
            .filter_map(|character| u8::try_from(character).ok())
            .collect();
        let name = HeaderName::try_from(format!("{METADATA}{name}"));
        // Both were headers when they came in.
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(&bytes)) {
            headers.insert(name, value);
        }
    }
    headers
}

/// What to stream, and the files it comes from.
fn pieces(view: &View, layout: &Layout) -> Result<(VecDeque<Piece>, Vec<BodyId>), Fault> {
    let mut pieces = VecDeque::with_capacity(layout.extents().len());
    let mut ids = Vec::new();
    for extent in layout.extents() {
        pieces.push_back(match extent.place {
            Place::File => {
                ids.push(extent.body);
                Piece::InFile {
                    body: extent.body,
                    offset: extent.offset,
                    length: extent.length,
                }
            }
            Place::Index => {
                let bytes = view.small_body(extent.body)?;
                let start = usize::try_from(extent.offset).map_err(|_| Fault::Dangling)?;
                let length = usize::try_from(extent.length).map_err(|_| Fault::Dangling)?;
                if bytes.len() < start.saturating_add(length) {
                    return Err(Fault::Dangling);
                }
                Piece::Ready(bytes.slice(start..start + length))
            }
        });
    }
    Ok((pieces, ids))
}

const TAG_COUNT: HeaderName = HeaderName::from_static("x-amz-tagging-count");

/// S3's content type for an object stored without one.
const UNTYPED: &str = "binary/octet-stream";
