//! An object copied onto itself in parts, by the store, under another header. Knows nothing of what is in it.

use std::ops::Range;

use http::{HeaderMap, Method};
use sealed_object::Envelope;

use super::super::{Operations, Place};
use super::complete::complete_document;
use crate::error::{GatewayError, report};
use crate::s3::etag;
use crate::upstream::{StoreRequest, UpstreamError};

impl Operations {
    /// Copies these ranges of `source`, which has this `ETag`, into an object of this header at the place, in place of
    /// what has that `ETag`. Gives the store's answer and the `ETag` of the whole, unquoted. If anything fails,
    /// the upload is taken back and the key is as it was.
    pub(in super::super) async fn copy_onto_itself(
        &self,
        place: &Place,
        header: &Envelope,
        storage: HeaderMap,
        (source, tag): (&str, &str),
        ranges: &[Range<u64>],
    ) -> Result<(HeaderMap, String), GatewayError> {
        let upload = self.begin_in_store(storage, place, header).await?;
        let copied = self
            .copy_ranges(place, &upload, (source, tag), ranges)
            .await;
        if copied.is_err() {
            let request = StoreRequest::object(Method::DELETE, &place.bucket.upstream, &place.key)
                .with_query("uploadId", upload.as_str());
            if let Err(error) = self.upstream.send(request).await {
                tracing::warn!(
                    error = report(&error),
                    "parts of a copy that failed stay behind"
                );
            }
        }
        copied
    }

    async fn copy_ranges(
        &self,
        place: &Place,
        upload: &str,
        (source, tag): (&str, &str),
        ranges: &[Range<u64>],
    ) -> Result<(HeaderMap, String), GatewayError> {
        let (bucket, key) = (&place.bucket.upstream, &place.key);
        let quoted = format!("\"{tag}\"");
        let mut parts = Vec::with_capacity(ranges.len());
        for (number, range) in (1_u16..).zip(ranges) {
            let last = range.end.saturating_sub(1);
            let request = StoreRequest::object(Method::PUT, bucket, key)
                .with_query("partNumber", number.to_string())
                .with_query("uploadId", upload)
                .with_header("x-amz-copy-source", source)
                .with_header("x-amz-copy-source-if-match", &quoted)
                .with_header(
                    "x-amz-copy-source-range",
                    &format!("bytes={}-{last}", range.start),
                );
            let (_, result) = self.upstream.document(request, LONGEST_RESULT).await?;
            let part = result.child_text("ETag").map(etag::unquoted);
            let part = part.filter(|tag| !tag.is_empty()).ok_or_else(|| {
                UpstreamError::Unexpected("it gave no ETag for a copied part".to_owned())
            })?;
            parts.push((number, part.to_owned()));
        }
        let mut request = StoreRequest::object(Method::POST, bucket, key)
            .with_query("uploadId", upload)
            .with_document(complete_document(&parts));
        if self.store.conditional_writes {
            request = request.with_header("if-match", &quoted);
        }
        let (headers, result) = self.upstream.document(request, LONGEST_RESULT).await?;
        let tag = etag::unquoted(result.child_text("ETag").unwrap_or_default());
        self.check_committed(&parts, tag)?;
        Ok((headers, tag.to_owned()))
    }
}

const LONGEST_RESULT: usize = 64 * 1024;
