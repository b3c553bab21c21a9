//! `UploadPart` and `UploadPartCopy`: each part sealed under fresh key material, however often it is sent.
//!
//! A part under 5 MiB, or with the last number, is staged in the system bucket: stores refuse a small part
//! before the footer, and leave no number behind the last for it.

use http::{Method, Response, StatusCode};
use sealed_object::geometry::is_staged;
use sealed_object::{PartToken, Plain};

use super::super::checksums::say_of_part;
use super::super::read::Source;
use super::super::store_headers::{mark_sealed, set, store_etag};
use super::super::{Answered, Call, Operations, document};
use super::checksums::{kept_of_part, of_part};
use super::{Ongoing, records};
use crate::body::{Answer, BodyError, Calculating, PlainSource, Upload, seal};
use crate::checksum::{Algorithm, Value};
use crate::error::GatewayError;
use crate::s3::range::{ByteRange, Satisfied};
use crate::s3::xml::Writer;
use crate::s3::{Code, S3Error};
use crate::upstream::{StoreRequest, UpstreamError};

impl Operations {
    pub(crate) async fn upload_part(&self, call: Call, incoming: Upload) -> Answered {
        let number = part_number(&call)?;
        let ongoing = self.ongoing(&call).await?;
        let mut body = call.body(incoming)?;
        if let Some(chosen) = ongoing.chosen() {
            chosen
                .check_part(body.promised())
                .map_err(BodyError::from)?;
            if chosen.algorithm != Algorithm::Crc64Nvme {
                body = body.calculating(chosen.algorithm);
            }
        }
        let length = Plain(body.length());
        let (token, checksum) = self.store_part(&ongoing, number, length, body).await?;
        let mut response = Response::new(Answer::empty());
        *response.status_mut() = StatusCode::OK;
        set(response.headers_mut(), "etag", &format!("\"{token}\""));
        mark_sealed(&ongoing.place, ongoing.kek_id, response.headers_mut());
        say_of_part(&checksum, response.headers_mut());
        Ok(response)
    }

    pub(crate) async fn upload_part_copy(&self, call: &Call) -> Answered {
        let number = part_number(call)?;
        let ongoing = self.ongoing(call).await?;
        let (place, named) = self.copy_source(call).await?;
        let source = Source {
            place: &place,
            version: named.version.as_deref(),
            conditions: call.request.source_conditions_for_store(),
        };
        let range = copied_range(call)?;
        let reading = self
            .read(&source, range)
            .await
            .map_err(|error| match error {
                GatewayError::Upstream(error) if error.code() == Some(Code::NotModified) => {
                    Code::PreconditionFailed
                        .because(
                            "At least one of the preconditions on the copy source did not hold.",
                        )
                        .into()
                }
                other => other,
            })?;
        let whole = |asked: ByteRange| matches!((asked, reading.range), (ByteRange::Between(_, last), Some(found)) if found.last == last);
        if !range.is_none_or(whole) {
            return Err(Code::InvalidRange.because(format!("The range of x-amz-copy-source-range reaches past the end of the source, which has {} bytes.", reading.size)).into());
        }
        let length = Plain(reading.range.map_or(reading.size, Satisfied::length));
        call.leave
            .again(|context| context.size = Some(length.0))
            .await?;
        let algorithm = ongoing.chosen().map(|chosen| chosen.algorithm);
        let body = Calculating::new(reading.body, algorithm);
        let (token, checksum) = self.store_part(&ongoing, number, length, body).await?;
        let mut writer = Writer::new("CopyPartResult");
        writer
            .text("LastModified", records::iso_time(self.clock.now()))
            .text("ETag", format!("\"{token}\""))
            .text(checksum.algorithm().element_name(), checksum.to_string());
        let mut response = document(writer.finish());
        mark_sealed(&ongoing.place, ongoing.kek_id, response.headers_mut());
        if let Some(version) = reading
            .store
            .get("x-amz-version-id")
            .and_then(|value| value.to_str().ok())
        {
            set(
                response.headers_mut(),
                "x-amz-copy-source-version-id",
                version,
            );
        }
        Ok(response)
    }

    /// Seals one part into the store, or into the staging area, and leaves its receipt. Gives the part's
    /// `ETag`.
    pub(super) async fn store_part(
        &self,
        ongoing: &Ongoing,
        number: u16,
        length: Plain,
        source: impl PlainSource,
    ) -> Result<(String, Value), GatewayError> {
        let upload = &ongoing.upload;
        let sealer = upload.part(number, length, &self.random)?;
        let staged = is_staged(number, length);
        let request = if staged {
            StoreRequest::object(
                Method::PUT,
                &self.system_bucket,
                &records::staged(upload, number, &sealer.salt()),
            )
            .with_header("content-type", "application/octet-stream")
        } else {
            StoreRequest::object(
                Method::PUT,
                &ongoing.place.bucket.upstream,
                &ongoing.place.key,
            )
            .with_query("partNumber", number.to_string())
            .with_query("uploadId", upload.upstream_id())
        };
        let (body, sealing) = seal(source, sealer);
        let stored = self
            .upstream
            .send(request.with_sealed(body))
            .await
            .map_err(GatewayError::from);
        let (stored, part, facts) = sealing.outcome(stored)?;
        let etag = store_etag(&stored.headers)
            .ok_or_else(|| UpstreamError::Unexpected("it gave no ETag for a part".to_owned()))?;
        if staged {
            // The store was not asked about the upload yet: it may have ended.
            self.check_exists(ongoing).await?;
        }
        let token = PartToken::new(part, &etag, staged, &kept_of_part(facts))?;
        let checksum = of_part(&token);
        let token = token.encode(upload);
        self.record_part(upload, number, &token).await?;
        Ok((token, checksum))
    }
}

fn part_number(call: &Call) -> Result<u16, S3Error> {
    let number = call
        .request
        .query
        .get("partNumber")
        .and_then(|text| text.parse().ok());
    let refused = || {
        Code::InvalidArgument
            .because("The part number must be a whole number from 1 to 10000.")
            .with("ArgumentName", "partNumber")
    };
    number
        .filter(|number| (1..=10_000).contains(number))
        .ok_or_else(refused)
}

/// `x-amz-copy-source-range: bytes=first-last`; no other form.
fn copied_range(call: &Call) -> Result<Option<ByteRange>, S3Error> {
    let Some(text) = call.request.text("x-amz-copy-source-range")? else {
        return Ok(None);
    };
    match ByteRange::parse(text) {
        Some(range @ ByteRange::Between(..)) => Ok(Some(range)),
        _ => Err(Code::InvalidArgument
            .because("The header x-amz-copy-source-range must be bytes=first-last.")
            .with("ArgumentName", "x-amz-copy-source-range")),
    }
}
