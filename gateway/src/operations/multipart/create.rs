//! `CreateMultipartUpload` and `AbortMultipartUpload`.

use http::{HeaderMap, Method, StatusCode};
use sealed_object::{Envelope, create_upload_as};

use super::super::store_headers::{mark_sealed, set};
use super::super::{Answered, Call, Operations, Place, document, empty};
use super::Ongoing;
use super::checksums::Chosen;
use crate::envelope;
use crate::error::GatewayError;
use crate::s3::xml::Writer;
use crate::upstream::{StoreRequest, UpstreamError};

impl Operations {
    pub(crate) async fn create_upload(&self, call: &Call) -> Answered {
        let chosen = Chosen::by(&call.request)?;
        let ongoing = self.begin(call, chosen).await?;
        let mut writer = Writer::new("InitiateMultipartUploadResult");
        writer
            .text("Bucket", &ongoing.place.bucket.name)
            .text("Key", &ongoing.place.key)
            .text("UploadId", &ongoing.id);
        let mut response = document(writer.finish());
        mark_sealed(&ongoing.place, ongoing.kek_id, response.headers_mut());
        if let Some(Chosen { algorithm, kind }) = chosen {
            let headers = response.headers_mut();
            set(headers, "x-amz-checksum-algorithm", algorithm.name());
            set(headers, "x-amz-checksum-type", kind.name());
        }
        Ok(response)
    }

    /// Begins an upload in the store, with its receipt.
    pub(super) async fn begin(
        &self,
        call: &Call,
        chosen: Option<Chosen>,
    ) -> Result<Ongoing, GatewayError> {
        let place = self.place(call).await?;
        let metadata = envelope::metadata_of(call.request.object_headers()?);
        let id = call.new_object_id(self.random.as_ref())?;
        let keys = self.keys.sealing_as(&place.bucket, &place.key, id);
        let keys = keys.await?;
        let (sealed, new) = create_upload_as(
            id,
            keys.suite,
            &keys.kek,
            &self.keys.context(&place.bucket, &place.key),
            &metadata,
            self.clock.millis(),
            self.random.as_ref(),
        )?;
        let upstream_id = self
            .begin_in_store(call.request.storage_headers(), &place, &sealed)
            .await?;
        let (id, upload) = new
            .with_checksum(chosen.map(Chosen::choice))
            .begin(&upstream_id);
        let id = id.encode();
        self.record_upload(&place.bucket, &upstream_id, &id).await?;
        Ok(Ongoing {
            place,
            upload,
            id,
            kek_id: sealed.header().kek_id(),
        })
    }

    /// Starts an upload in the store; gives the store's id for it.
    pub(super) async fn begin_in_store(
        &self,
        storage: HeaderMap,
        place: &Place,
        sealed: &Envelope,
    ) -> Result<String, GatewayError> {
        let request = StoreRequest::object(Method::POST, &place.bucket.upstream, &place.key)
            .with_query("uploads", "")
            .with_headers(storage);
        let (_, answer) = self
            .upstream
            .document(envelope::write(request, sealed)?, LONGEST_RESULT)
            .await?;
        let id = answer.child_text("UploadId").filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| UpstreamError::Unexpected("it gave no upload id".to_owned()))?;
        Ok(id.to_owned())
    }

    pub(crate) async fn abort_upload(&self, call: &Call) -> Answered {
        let ongoing = self.ongoing_of_any_suite(call).await?;
        self.abandon(&ongoing).await?;
        Ok(empty(StatusCode::NO_CONTENT))
    }

    /// Ends an upload without an object.
    pub(super) async fn abandon(&self, ongoing: &Ongoing) -> Result<(), GatewayError> {
        self.abort_in_store(&ongoing.place, ongoing.upload.upstream_id())
            .await?;
        self.forget_upload(ongoing).await;
        Ok(())
    }
}

const LONGEST_RESULT: usize = 64 * 1024;
