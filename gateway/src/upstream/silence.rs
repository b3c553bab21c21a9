//! How long the store may be silent: while it takes a request, before it answers, and between the pieces of
//! its answer. A client's own slowness does not count against the store.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

use super::error::Silence;
use super::{BoxError, StoreBody, TransportError};

/// Whose turn it is while a request's body is sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns(Arc<State>);

#[derive(Debug, Default)]
struct State {
    /// How often the store took some.
    taken: AtomicU64,
    /// It would take more, and whoever makes the bytes has none yet.
    ours: AtomicBool,
}

impl Turns {
    /// The store asked for bytes, and they were there or not.
    pub(super) fn asked(&self, were_there: bool) {
        self.0.ours.store(!were_there, Ordering::Relaxed);
        self.0.taken.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits for the answer, as long as the store is not silent for `limit` when it is its turn.
    pub(super) async fn answer<T>(
        &self,
        limit: Duration,
        answered: impl Future<Output = Result<T, TransportError>>,
    ) -> Result<T, TransportError> {
        let mut answered = std::pin::pin!(answered);
        let (mut taken, mut silent) = (0, 0);
        loop {
            if let Ok(answer) = tokio::time::timeout(limit / LOOKS, &mut answered).await {
                return answer;
            }
            let now = self.0.taken.load(Ordering::Relaxed);
            if self.0.ours.load(Ordering::Relaxed) || now != taken {
                (taken, silent) = (now, 0);
            } else {
                silent += 1;
            }
            if silent == LOOKS {
                return Err(TransportError(Silence.into()));
            }
        }
    }
}

/// An answer's body that ends with an error where the store falls silent.
pub(super) struct NeverSilent {
    body: StoreBody,
    limit: Duration,
    silence: Pin<Box<Sleep>>,
    /// The timer runs only while the store is waited for, not while the client is.
    waiting: bool,
}

impl NeverSilent {
    pub(super) fn new(body: StoreBody, limit: Duration) -> Self {
        Self {
            body,
            limit,
            silence: Box::pin(tokio::time::sleep(limit)),
            waiting: false,
        }
    }
}

impl Body for NeverSilent {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.waiting = false;
            return Poll::Ready(frame);
        }
        if !std::mem::replace(&mut self.waiting, true) {
            let deadline = Instant::now() + self.limit;
            self.silence.as_mut().reset(deadline);
        }
        ready!(self.silence.as_mut().poll(context));
        Poll::Ready(Some(Err(Silence.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The limit is kept to within a quarter of it.
const LOOKS: u32 = 4;
