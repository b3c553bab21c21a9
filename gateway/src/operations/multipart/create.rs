//! `CreateMultipartUpload` and `AbortMultipartUpload`.

use http::{Method, StatusCode};
use sealed_object::create_upload;

use super::super::store_headers::{mark_sealed, set};
use super::super::{Answered, Call, Operations, document, empty};
use crate::checksum::Algorithm;
use crate::envelope;
use crate::error::GatewayError;
use crate::s3::xml::Writer;
use crate::upstream::{StoreRequest, UpstreamError};

impl Operations {
    pub(crate) async fn create_upload(&self, call: &Call) -> Answered {
        let place = self.place(call).await?;
        let metadata = envelope::metadata_of(call.request.object_headers()?);
        let algorithm = call
            .request
            .text("x-amz-checksum-algorithm")?
            .map(Algorithm::from_name)
            .transpose()
            .map_err(crate::body::BodyError::from)?;
        let keys = self.keys.sealing(&place.bucket.tenant).await?;
        let (sealed, new) = create_upload(
            keys.suite,
            &keys.kek,
            &self.keys.context(&place.bucket, &place.key),
            &metadata,
            self.clock.millis(),
            self.random.as_ref(),
        )?;
        let request = StoreRequest::object(Method::POST, &place.bucket.upstream, &place.key)
            .with_query("uploads", "")
            .with_headers(call.request.storage_headers());
        let (_, answer) = self
            .upstream
            .document(envelope::write(request, &sealed)?, LONGEST_RESULT)
            .await?;
        let upstream_id = answer.child_text("UploadId").filter(|id| !id.is_empty());
        let upstream_id = upstream_id
            .ok_or_else(|| UpstreamError::Unexpected("it gave no upload id".to_owned()))?;
        let (id, _) = new.begin(upstream_id);
        self.record_upload(&place.bucket, upstream_id, &id.encode())
            .await?;

        let mut writer = Writer::new("InitiateMultipartUploadResult");
        writer
            .text("Bucket", &place.bucket.name)
            .text("Key", &place.key)
            .text("UploadId", id.encode());
        let mut response = document(writer.finish());
        mark_sealed(&place, sealed.header().kek_id(), response.headers_mut());
        if let Some(algorithm) = algorithm {
            set(
                response.headers_mut(),
                "x-amz-checksum-algorithm",
                algorithm.name(),
            );
        }
        Ok(response)
    }

    pub(crate) async fn abort_upload(&self, call: &Call) -> Answered {
        let ongoing = self.ongoing_of_any_suite(call).await?;
        let request = StoreRequest::object(
            Method::DELETE,
            &ongoing.place.bucket.upstream,
            &ongoing.place.key,
        )
        .with_query("uploadId", ongoing.upload.upstream_id());
        self.upstream
            .send(request)
            .await
            .map_err(GatewayError::from)?;
        self.forget_upload(&ongoing).await;
        Ok(empty(StatusCode::NO_CONTENT))
    }
}

const LONGEST_RESULT: usize = 64 * 1024;
