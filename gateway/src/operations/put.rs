//! PutObject: sealed as it arrives, committed by the store only after the last check.

use http::{Method, Response, StatusCode};
use sealed_object::{Error, Metadata, Plain, seal_single_as};

use super::folders::is_folder;
use super::multipart::{Written, is_large};
use super::store_headers::{mark_sealed, pass_written_facts, set};
use super::{Answered, Call, Operations, Place, checksums};
use crate::body::{Answer, PlainSource, Upload, seal};
use crate::envelope::{metadata_of, write};
use crate::error::GatewayError;
use crate::trail::{self, Uploaded};
use crate::upstream::StoreRequest;

impl Operations {
    pub(super) async fn put_object(&self, call: Call, incoming: Upload) -> Answered {
        let place = self.place(&call).await?;
        let body = call.body(incoming)?;
        let length = Plain(body.length());
        self.put(&call, &place, length, body).await
    }

    /// Seals `length` bytes from `source` into the place.
    pub(super) async fn put(
        &self,
        call: &Call,
        place: &Place,
        length: Plain,
        source: impl PlainSource,
    ) -> Answered {
        let metadata = metadata_of(call.request.object_headers()?);
        if length > LARGEST {
            return Err(Error::TooLarge.into());
        }
        if is_large(length) {
            return self.put_large(call, place, &metadata, length, source).await;
        }
        let id = call.new_object_id(self.random.as_ref())?;
        let keys = self.keys.sealing_as(&place.bucket, &place.key, id);
        let keys = keys.await?;
        let (envelope, sealer) = seal_single_as(
            id,
            keys.suite,
            &keys.kek,
            &keys.aux,
            &self.keys.context(&place.bucket, &place.key),
            length,
            &metadata,
            self.clock.millis(),
            &self.random,
        )?;
        let (body, sealing) = seal(source, sealer);
        let request = StoreRequest::object(Method::PUT, &place.bucket.upstream, &place.key)
            .with_headers(call.request.storage_headers())
            .with_headers(call.request.write_conditions_for_store())
            .with_sealed(body);
        let stored = self
            .upstream
            .send(write(request, &envelope)?)
            .await
            .map_err(GatewayError::from);
        let (stored, summary, facts) = match sealing.outcome(stored) {
            Ok(outcome) => outcome,
            Err(error) => return Err(self.refused_write(call, place, error).await),
        };

        if is_folder(&place.key) {
            self.check_kept(place, &stored.headers, length, &envelope)
                .await?;
        }

        let mut response = Response::new(Answer::empty());
        *response.status_mut() = StatusCode::OK;
        let headers = response.headers_mut();
        pass_written_facts(&stored.headers, headers);
        headers.remove(http::header::LAST_MODIFIED);
        mark_sealed(place, envelope.header().kek_id(), headers);
        checksums::say(&checksums::of_upload(&facts, summary.crc64), headers);
        let uploaded = Uploaded::of(keys.suite, &summary, &[]);
        let facts = trail::Facts::uploaded(&summary, &stored.headers, uploaded)
            .under(envelope.header().kek_id(), keys.suite);
        response.extensions_mut().insert(facts);
        Ok(response)
    }

    /// The same in parts, for more than one request to the store can carry.
    async fn put_large(
        &self,
        call: &Call,
        place: &Place,
        metadata: &Metadata,
        length: Plain,
        source: impl PlainSource,
    ) -> Answered {
        let storage = call.request.storage_headers();
        let written = self.write_in_parts(call, place, metadata, storage, length, source);
        match written.await {
            Ok(written) => Ok(put_in_parts(place, &written)),
            Err(error) => Err(self.refused_write(call, place, error).await),
        }
    }
}

/// The answer for an object that was written in parts.
fn put_in_parts(place: &Place, written: &Written) -> Response<Answer> {
    let mut response = Response::new(Answer::empty());
    let headers = response.headers_mut();
    pass_written_facts(&written.headers, headers);
    set(headers, "etag", &format!("\"{}\"", written.etag));
    mark_sealed(place, written.kek_id, headers);
    let crc64 = written.summary.crc64;
    checksums::say(&checksums::of_upload(&written.facts, crc64), headers);
    let (summary, uploaded) = (&written.summary, written.uploaded.clone());
    let facts = trail::Facts::uploaded(summary, &written.headers, uploaded)
        .under(written.kek_id, written.suite);
    response.extensions_mut().insert(facts);
    response
}

/// S3's limit on one `PutObject`.
const LARGEST: Plain = Plain(5 * 1024 * 1024 * 1024);
