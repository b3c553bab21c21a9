//! Listings of objects and versions: the store's own pages, with sizes and `ETags` put right as they
//! stream by. No store request beyond the listing's own.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Method, Response};
use http_body::{Body, Frame};
use sealed_object::Sealed;
use sealed_object::geometry::plain_of;

use super::store_headers::set;
use super::{Answered, Call, Operations};
use crate::body::Answer;
use crate::s3::xml::ListingRewriter;
use crate::upstream::{BoxError, StoreBody, StoreRequest};

impl Operations {
    pub(super) async fn list_objects(&self, call: &Call) -> Answered {
        let bucket = self.bucket(call).await?;
        // Refused here, so that the client reads which parameter is wrong.
        call.request.query.check_listing()?;
        let mut request = StoreRequest::bucket(Method::GET, &bucket.upstream);
        for (name, value) in call
            .request
            .query
            .pairs()
            .filter(|(name, _)| LISTING_PARAMETERS.contains(name))
        {
            request = request.with_query(name, value);
        }
        let stored = self.upstream.send(request).await?;
        let rewriter = ListingRewriter::new(&bucket.name, &bucket.tenant, |stored| {
            plain_of(Sealed(stored)).map(|plain| plain.0)
        });
        let mut response = Response::new(Answer::stream(Rewritten {
            store: stored.body,
            rewriter: Some(rewriter),
        }));
        set(response.headers_mut(), "content-type", "application/xml");
        set(response.headers_mut(), "x-amz-bucket-region", &self.region);
        Ok(response)
    }
}

/// A listing as it is rewritten.
struct Rewritten {
    store: StoreBody,
    rewriter: Option<ListingRewriter>,
}

impl Body for Rewritten {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        loop {
            let Some(rewriter) = &mut this.rewriter else {
                return Poll::Ready(None);
            };
            let mut out = Vec::new();
            match ready!(Pin::new(&mut this.store).poll_frame(context)) {
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        rewriter.push(&piece, &mut out);
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    if let Some(rewriter) = this.rewriter.take() {
                        rewriter.finish(&mut out);
                    }
                }
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(out.into()))));
            }
        }
    }
}

const LISTING_PARAMETERS: &[&str] = &[
    "continuation-token",
    "delimiter",
    "encoding-type",
    "fetch-owner",
    "key-marker",
    "list-type",
    "marker",
    "max-keys",
    "prefix",
    "start-after",
    "version-id-marker",
    "versions",
];
