//! An upload of the gateway's own that takes an object's place once it is whole, if the object is by then as it was read.
//! Knows nothing of what is in it.

use http::{HeaderMap, Method};
use sealed_object::Envelope;

use super::super::look::{Head, Look};
use super::super::store_headers::set;
use super::super::{Operations, Place};
use super::complete::complete_document;
use super::own::Own;
use crate::error::GatewayError;
use crate::s3::etag;
use crate::upstream::StoreRequest;

/// Such an upload, and the object as it was read.
pub(super) struct InPlace<'a> {
    pub(super) place: &'a Place,
    pub(super) head: &'a Head,
    /// The store's id of it.
    pub(super) upload: String,
    tags: String,
    own: Own,
}

impl Operations {
    /// Begins one for an object of this header, stored, tagged and locked as what it is to take the place of.
    pub(super) async fn begin_in_place<'a>(
        &self,
        place: &'a Place,
        head: &'a Head,
        envelope: &Envelope,
    ) -> Result<InPlace<'a>, GatewayError> {
        let tags = self.tags_of(place, head.version()).await?;
        let mut storage = head.storage(self.clock.now());
        if !tags.is_empty() {
            set(&mut storage, "x-amz-tagging", &tags);
        }
        let upload = self.begin_in_store(storage, place, envelope).await?;
        Ok(InPlace {
            place,
            head,
            own: self.own_unrecorded(place, &upload),
            upload,
            tags,
        })
    }

    /// Puts the parts in the object's place if that is as it was, and gives the store's answer and the new `ETag`,
    /// unquoted. Otherwise, and if anything failed, the upload is taken back and the key is as it is.
    pub(super) async fn end_in_place(
        &self,
        begun: InPlace<'_>,
        sent: Result<Vec<(u16, String)>, GatewayError>,
    ) -> Result<Option<(HeaderMap, String)>, GatewayError> {
        let done = match sent {
            Ok(parts) => match self.is_as_it_was(&begun).await {
                Ok(true) => self.take_place(&begun, &parts).await.map_err(Some),
                Ok(false) => Err(None),
                Err(error) => Err(Some(error)),
            },
            Err(error) => Err(Some(error)),
        };
        match self.settle(begun.own, done).await {
            Ok(done) => Ok(Some(done)),
            Err(None) => Ok(None),
            Err(Some(error)) => Err(error),
        }
    }

    async fn take_place(
        &self,
        begun: &InPlace<'_>,
        parts: &[(u16, String)],
    ) -> Result<(HeaderMap, String), GatewayError> {
        let (place, was) = (begun.place, begun.head.etag().unwrap_or_default());
        let request = StoreRequest::object(Method::POST, &place.bucket.upstream, &place.key)
            .with_query("uploadId", begun.upload.as_str())
            .with_header("if-match", &format!("\"{was}\""))
            .with_document(complete_document(parts));
        let (headers, result) = self.upstream.document(request, LONGEST_RESULT).await?;
        let tag = etag::unquoted(result.child_text("ETag").unwrap_or_default());
        self.check_committed(parts, tag)?;
        Ok((headers, tag.to_owned()))
    }

    /// A condition sees another body. Another description of the same body, other tags, another lock: these are looked
    /// for last of all.
    async fn is_as_it_was(&self, begun: &InPlace<'_>) -> Result<bool, GatewayError> {
        let Look::Sealed(now) = self.look_at(begun.place, None).await? else {
            return Ok(false);
        };
        let (head, tags) = (begun.head, self.tags_of(begun.place, now.version()).await?);
        Ok(now.envelope == head.envelope
            && now.version() == head.version()
            && now.etag() == head.etag()
            && now.lock() == head.lock()
            && tags == begun.tags)
    }
}

const LONGEST_RESULT: usize = 64 * 1024;
