//! What may go to the store: sealed bytes, or a small document that the gateway wrote itself.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http_body::{Body, Frame, SizeHint};
use sealed_object::SealedBytes;

use super::silence::Turns;

/// Any error a body can end with.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Sealed bytes as they are made.
pub type SealedStream = Pin<Box<dyn Stream<Item = Result<SealedBytes, BoxError>> + Send>>;

/// A body of sealed bytes of known length. It can only be made of [`SealedBytes`], and those only by
/// sealing: there is no way to hand plaintext to the store.
///
/// ```compile_fail,E0308
/// # use gateway::upstream::{SealedBody, StoreRequest};
/// fn plaintext(request: StoreRequest, plaintext: bytes::Bytes) -> StoreRequest {
///     request.with_sealed(SealedBody::ready(plaintext))
/// }
/// ```
pub struct SealedBody {
    length: u64,
    content: Content,
}

enum Content {
    Ready(Option<Bytes>),
    Stream(SealedStream),
}

impl SealedBody {
    /// No bytes.
    pub fn empty() -> Self {
        Self {
            length: 0,
            content: Content::Ready(None),
        }
    }

    /// Bytes already sealed.
    pub fn ready(bytes: SealedBytes) -> Self {
        let bytes = bytes.into_bytes();
        Self {
            length: length_of(&bytes),
            content: Content::Ready(Some(bytes)),
        }
    }

    /// `length` bytes that are sealed as the store takes them. If the stream errors, the request to the
    /// store is cut short of its length, and the store keeps nothing.
    pub fn stream(length: u64, stream: SealedStream) -> Self {
        Self {
            length,
            content: Content::Stream(stream),
        }
    }
}

impl std::fmt::Debug for SealedBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "SealedBody({} bytes)", self.length)
    }
}

/// The body of a request to the store. Outside this folder it can be made of a [`SealedBody`] only.
#[derive(Debug)]
pub struct StoreRequestBody {
    body: SealedBody,
    /// Where it is told whose turn it is.
    turns: Turns,
}

impl StoreRequestBody {
    /// A document of the S3 protocol that the gateway wrote, a sealed control document, or a piece of the trail.
    pub(super) fn document(document: impl Into<Bytes>) -> Self {
        let bytes = document.into();
        SealedBody {
            length: length_of(&bytes),
            content: Content::Ready(Some(bytes)),
        }
        .into()
    }

    /// Tells `turns` when the store takes some of it.
    pub(super) fn count(&mut self, turns: Turns) {
        self.turns = turns;
    }

    /// The length in bytes, exact.
    pub fn length(&self) -> u64 {
        self.body.length
    }
}

impl From<SealedBody> for StoreRequestBody {
    fn from(body: SealedBody) -> Self {
        Self {
            body,
            turns: Turns::default(),
        }
    }
}

impl Body for StoreRequestBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let piece = match &mut self.body.content {
            Content::Ready(bytes) => Poll::Ready(
                bytes
                    .take()
                    .filter(|bytes| !bytes.is_empty())
                    .map(|bytes| Ok(Frame::data(bytes))),
            ),
            Content::Stream(stream) => stream.as_mut().poll_next(context).map(|piece| {
                piece.map(|piece| piece.map(|sealed| Frame::data(sealed.into_bytes())))
            }),
        };
        self.turns.asked(piece.is_ready());
        piece
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.body.length)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.body.content, Content::Ready(None))
    }
}

fn length_of(bytes: &Bytes) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
