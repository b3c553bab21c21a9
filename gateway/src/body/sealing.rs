//! From plaintext to the store: a stream that seals while the store takes it.
//!
//! The last frame, the manifest and the trailer leave only after the source ended well, that is after
//! its length, signatures and checksums were verified. If the source fails, the stream fails, the request
//! to the store is cut short of its announced length, and the store keeps nothing.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use sealed_object::{Facts, PartFacts, PartSealer, SealedBytes, SingleSealer, Summary};

use crate::error::GatewayError;
use crate::upstream::{BoxError, SealedBody};

/// Where plaintext comes from: a verified upload, or an object being opened for a copy.
pub trait PlainSource: Send + Unpin + 'static {
    /// The next piece; `None` only when everything arrived and every check passed.
    fn poll_plain(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, GatewayError>>>;

    /// What is known at the end and kept with the object.
    fn facts(&self) -> Facts;
}

/// Something that seals plaintext: a whole object, or one part.
pub trait Seals: Send + Unpin + 'static {
    /// What is known once all is sealed.
    type Outcome: Send + 'static;

    /// Takes from the front of `input`; gives a piece when one is full.
    fn push(&mut self, input: &mut Bytes) -> sealed_object::Result<Option<SealedBytes>>;

    /// Gives the last piece.
    fn finish(self, facts: Facts) -> sealed_object::Result<(SealedBytes, Self::Outcome)>;

    /// How many sealed bytes there will be.
    fn stored(&self) -> u64;
}

impl Seals for SingleSealer {
    type Outcome = Summary;

    fn push(&mut self, input: &mut Bytes) -> sealed_object::Result<Option<SealedBytes>> {
        self.push(input)
    }

    fn finish(self, facts: Facts) -> sealed_object::Result<(SealedBytes, Summary)> {
        self.finish(facts)
    }

    fn stored(&self) -> u64 {
        self.stored().0
    }
}

impl Seals for PartSealer {
    type Outcome = PartFacts;

    fn push(&mut self, input: &mut Bytes) -> sealed_object::Result<Option<SealedBytes>> {
        self.push(input)
    }

    fn finish(self, _facts: Facts) -> sealed_object::Result<(SealedBytes, PartFacts)> {
        self.finish()
    }

    fn stored(&self) -> u64 {
        self.stored().0
    }
}

/// How the sealing went; asked for after the store has answered.
#[derive(Debug)]
pub struct Sealing<O>(Slot<O>);

/// What was sealed, and what the source proved about it.
type Slot<O> = Arc<Mutex<Option<Result<(O, Facts), GatewayError>>>>;

impl<O> Sealing<O> {
    /// The outcome. A failure of the source (a bad checksum, a client that went away) is why the store's
    /// request failed, and is told instead of the store's complaint.
    pub fn outcome<R>(
        self,
        stored: Result<R, GatewayError>,
    ) -> Result<(R, O, Facts), GatewayError> {
        let sealed = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        match (stored, sealed) {
            (_, Some(Err(source))) => Err(source),
            (Err(store), _) => Err(store),
            (Ok(response), Some(Ok((outcome, facts)))) => Ok((response, outcome, facts)),
            (Ok(_), None) => Err(GatewayError::Unexpected(
                "the store answered before it had the whole object",
            )),
        }
    }
}

/// Makes the body of a request to the store, and the handle that tells how the sealing went.
pub fn seal<P: PlainSource, S: Seals>(source: P, sealer: S) -> (SealedBody, Sealing<S::Outcome>) {
    let slot = Arc::new(Mutex::new(None));
    let length = sealer.stored();
    let stream = SealingStream {
        source,
        sealer: Some(sealer),
        input: Bytes::new(),
        slot: Arc::clone(&slot),
    };
    (SealedBody::stream(length, Box::pin(stream)), Sealing(slot))
}

struct SealingStream<P, S: Seals> {
    source: P,
    /// Gone once it finished or failed.
    sealer: Option<S>,
    input: Bytes,
    slot: Slot<S::Outcome>,
}

impl<P: PlainSource, S: Seals> SealingStream<P, S> {
    fn settle(&mut self, result: Result<(S::Outcome, Facts), GatewayError>) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    }

    fn poll_sealed(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<SealedBytes>, GatewayError>> {
        loop {
            let Some(sealer) = &mut self.sealer else {
                return Poll::Ready(Ok(None));
            };
            if !self.input.is_empty() {
                if let Some(sealed) = sealer.push(&mut self.input)? {
                    return Poll::Ready(Ok(Some(sealed)));
                }
                continue;
            }
            if let Some(piece) = ready!(self.source.poll_plain(context)) {
                self.input = piece?;
            } else {
                let Some(sealer) = self.sealer.take() else {
                    return Poll::Ready(Ok(None));
                };
                let facts = self.source.facts();
                let (last, outcome) = sealer.finish(facts.clone())?;
                self.settle(Ok((outcome, facts)));
                return Poll::Ready(Ok(Some(last)));
            }
        }
    }
}

impl<P: PlainSource, S: Seals> Stream for SealingStream<P, S> {
    type Item = Result<SealedBytes, BoxError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        match ready!(this.poll_sealed(context)) {
            Ok(sealed) => Poll::Ready(sealed.map(Ok)),
            Err(error) => {
                this.sealer = None;
                this.settle(Err(error));
                Poll::Ready(Some(Err("the upload failed its checks".into())))
            }
        }
    }
}
