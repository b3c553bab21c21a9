//! From the store to plaintext: opens sealed bytes as they arrive, for an answer or for a copy.
//!
//! Plaintext comes out only after its frame authenticated, the end of an object only after all of it did.
//! A failure breaks the answer off short of its announced length; it never ends cleanly.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http_body::{Body, Frame};
use sealed_object::{BodyOpener, Facts, SpanOpener, Tail};

use super::sealing::PlainSource;
use super::stored::Stored;
use crate::clock::Clock;
use crate::error::GatewayError;
use crate::upstream::{BoxError, StoreBody};

/// Plaintext of an object or of a range of it.
pub struct OpenedBody {
    stored: Stored,
    opener: Opener,
    input: Bytes,
    /// The end of a whole object, once it was read.
    tail: Option<Box<Tail>>,
    clock: Clock,
}

enum Opener {
    Whole(Box<BodyOpener>),
    Span(Box<SpanOpener>),
    Done,
}

impl std::fmt::Debug for OpenedBody {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("OpenedBody")
            .field("stored", &self.stored)
            .finish_non_exhaustive()
    }
}

impl OpenedBody {
    /// Opens a whole stored body.
    pub fn whole(stored: Stored, opener: BodyOpener, clock: Clock) -> Self {
        Self::new(stored, Opener::Whole(Box::new(opener)), clock)
    }

    /// Opens a span of one.
    pub fn span(stored: Stored, opener: SpanOpener, clock: Clock) -> Self {
        Self::new(stored, Opener::Span(Box::new(opener)), clock)
    }

    /// No plaintext at all.
    pub fn nothing(store: StoreBody, clock: Clock) -> Self {
        Self::new(Stored::none(store), Opener::Done, clock)
    }

    fn new(stored: Stored, opener: Opener, clock: Clock) -> Self {
        Self {
            stored,
            opener,
            input: Bytes::new(),
            tail: None,
            clock,
        }
    }

    fn push(&mut self) -> Result<Option<Bytes>, GatewayError> {
        let opened = match &mut self.opener {
            Opener::Whole(opener) => opener.push(&mut self.input),
            Opener::Span(opener) => opener.push(&mut self.input),
            Opener::Done => Ok(None),
        };
        Ok(opened?)
    }

    fn finish(&mut self) -> Result<Option<Bytes>, GatewayError> {
        match std::mem::replace(&mut self.opener, Opener::Done) {
            Opener::Whole(opener) => {
                let (last, tail) = opener.finish()?;
                self.tail = Some(Box::new(tail));
                Ok(Some(last).filter(|last| !last.is_empty()))
            }
            Opener::Span(opener) => {
                opener.finish()?;
                Ok(None)
            }
            Opener::Done => Ok(None),
        }
    }
}

impl PlainSource for OpenedBody {
    fn poll_plain(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, GatewayError>>> {
        loop {
            if !self.input.is_empty() {
                match self.push() {
                    Ok(Some(plain)) => return Poll::Ready(Some(Ok(plain))),
                    Ok(None) => continue,
                    Err(error) => return Poll::Ready(Some(Err(error))),
                }
            }
            match ready!(self.stored.poll_bytes(context)) {
                Some(Ok(bytes)) => self.input = bytes,
                None => return Poll::Ready(self.finish().transpose()),
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    fn facts(&self) -> Facts {
        Facts {
            completed_ms: self.clock.millis(),
            ..Facts::default()
        }
    }
}

impl OpenedBody {
    /// Reads all of it; for what is small enough to be checked whole before the answer begins. Of a whole
    /// object its end comes along.
    pub async fn collected(mut self) -> Result<(Bytes, Option<Box<Tail>>), GatewayError> {
        let mut all = BytesMut::new();
        while let Some(piece) = std::future::poll_fn(|context| self.poll_plain(context)).await {
            all.extend_from_slice(&piece?);
        }
        Ok((all.freeze(), self.tail))
    }
}

impl Body for OpenedBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = self.get_mut();
        let piece = ready!(this.poll_plain(context));
        Poll::Ready(piece.map(|piece| {
            piece.map(Frame::data).map_err(|error| {
                // Nothing more comes out, whoever asks.
                this.opener = Opener::Done;
                this.input.clear();
                this.stored.stop();
                error.into()
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        match self.opener {
            Opener::Done => true,
            // The end of a whole body is held back until all of it is checked; a span's is not.
            Opener::Whole(_) => false,
            Opener::Span(_) => self.stored.is_whole() && self.input.is_empty(),
        }
    }
}
