//! An object copied onto itself in parts, by the store, under another header. Knows nothing of what is in it.

use std::ops::Range;

use http::{HeaderMap, Method};
use sealed_object::Envelope;

use super::super::look::Head;
use super::super::{Operations, Place};
use super::in_place::InPlace;
use crate::error::GatewayError;
use crate::s3::etag;
use crate::upstream::{StoreRequest, UpstreamError};

impl Operations {
    /// Copies these ranges of an object, whose name for copies is `source`, into one of this header in its place. Gives the
    /// store's answer and the `ETag` of the whole, unquoted; `None` where it is not any more as it was read.
    /// Asks for a store that decides conditional writes.
    pub(in super::super) async fn copy_onto_itself(
        &self,
        place: &Place,
        head: &Head,
        header: &Envelope,
        source: &str,
        ranges: &[Range<u64>],
    ) -> Result<Option<(HeaderMap, String)>, GatewayError> {
        let begun = self.begin_in_place(place, head, header).await?;
        let copied = self.copy_ranges(&begun, source, ranges).await;
        self.end_in_place(begun, copied).await
    }

    async fn copy_ranges(
        &self,
        begun: &InPlace<'_>,
        source: &str,
        ranges: &[Range<u64>],
    ) -> Result<Vec<(u16, String)>, GatewayError> {
        let (bucket, key) = (&begun.place.bucket.upstream, &begun.place.key);
        let quoted = format!("\"{}\"", begun.head.etag().unwrap_or_default());
        let mut parts = Vec::with_capacity(ranges.len());
        for (number, range) in (1_u16..).zip(ranges) {
            let last = range.end.saturating_sub(1);
            let request = StoreRequest::object(Method::PUT, bucket, key)
                .with_query("partNumber", number.to_string())
                .with_query("uploadId", begun.upload.as_str())
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
        Ok(parts)
    }
}

const LONGEST_RESULT: usize = 64 * 1024;
