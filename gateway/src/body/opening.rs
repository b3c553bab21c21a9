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
use crate::clock::Clock;
use crate::error::GatewayError;
use crate::upstream::{BoxError, StoreBody, UpstreamError};

/// Plaintext of an object or of a range of it.
pub struct OpenedBody {
    store: StoreBody,
    opener: Opener,
    input: Bytes,
    /// Stored bytes still wanted; what the store sends beyond is not looked at.
    wanted: u64,
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
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl OpenedBody {
    /// Opens a whole stored body of `stored` bytes.
    pub fn whole(store: StoreBody, opener: BodyOpener, stored: u64, clock: Clock) -> Self {
        Self {
            store,
            opener: Opener::Whole(Box::new(opener)),
            input: Bytes::new(),
            wanted: stored,
            tail: None,
            clock,
        }
    }

    /// Opens the first `stored` bytes of the store's answer, which are the span's.
    pub fn span(store: StoreBody, opener: SpanOpener, stored: u64, clock: Clock) -> Self {
        Self {
            store,
            opener: Opener::Span(Box::new(opener)),
            input: Bytes::new(),
            wanted: stored,
            tail: None,
            clock,
        }
    }

    /// No plaintext at all.
    pub fn nothing(store: StoreBody, clock: Clock) -> Self {
        Self {
            store,
            opener: Opener::Done,
            input: Bytes::new(),
            wanted: 0,
            tail: None,
            clock,
        }
    }

    fn poll_store(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, GatewayError>> {
        loop {
            if self.wanted == 0 {
                return Poll::Ready(Ok(None));
            }
            let Some(frame) = ready!(Pin::new(&mut self.store).poll_frame(context)) else {
                return Poll::Ready(Ok(None));
            };
            let frame = frame.map_err(|error| {
                UpstreamError::Transport(crate::upstream::TransportError(error))
            })?;
            let Ok(mut bytes) = frame.into_data() else {
                continue;
            };
            bytes.truncate(usize::try_from(self.wanted).unwrap_or(usize::MAX));
            self.wanted = self
                .wanted
                .saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
            return Poll::Ready(Ok(Some(bytes)));
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
            match ready!(self.poll_store(context)) {
                Ok(Some(bytes)) => self.input = bytes,
                Ok(None) => return Poll::Ready(self.finish().transpose()),
                Err(error) => return Poll::Ready(Some(Err(error))),
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
                this.wanted = 0;
                error.into()
            })
        }))
    }

    fn is_end_stream(&self) -> bool {
        match self.opener {
            Opener::Done => true,
            // The end of a whole body is held back until all of it is checked; a span's is not.
            Opener::Whole(_) => false,
            Opener::Span(_) => self.wanted == 0 && self.input.is_empty(),
        }
    }
}
