//! The client's side of the connection while its request is handled: read by an operation, and drained a
//! little when the request is refused early.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

use super::BodyError;
use crate::clock::Clock;
use crate::limits::Meter;

/// A request body that has not been read yet. Whoever handles the request reads it; whoever answers
/// keeps a handle to drain it.
#[derive(Debug, Clone)]
pub struct Upload(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    incoming: Incoming,
    /// Read too far ahead, and to be read again.
    returned: Bytes,
    /// The client waits for `100 Continue`, which the first read sends. Unread, it need not be drained.
    waits: bool,
    /// Nothing more of it will come over the connection.
    ended: bool,
    /// What the first read found, until it is taken.
    first: Poll<Option<Result<Frame<Bytes>, hyper::Error>>>,
    /// Bytes read so far.
    received: u64,
    /// Where they are counted beside, and by which clock.
    meter: Option<(Arc<Meter>, Clock)>,
}

impl Upload {
    /// The body of a request with these headers.
    pub fn new(incoming: Incoming, headers: &HeaderMap) -> Self {
        Self(Arc::new(Mutex::new(State {
            ended: incoming.is_end_stream(),
            incoming,
            returned: Bytes::new(),
            waits: headers.contains_key(http::header::EXPECT),
            first: Poll::Pending,
            received: 0,
            meter: None,
        })))
    }

    /// Lets the client send: one that waits for `100 Continue` is told so now, and not when the store is
    /// ready for the first byte. Some wait for a second only.
    pub async fn begin(&self) {
        std::future::poll_fn(|context| {
            let found = self.poll_frame(context);
            self.0.lock().unwrap_or_else(PoisonError::into_inner).first = found;
            Poll::Ready(())
        })
        .await;
    }

    /// The next frame.
    pub fn poll_frame(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.waits = false;
        let first = std::mem::replace(&mut state.first, Poll::Pending);
        if first.is_ready() {
            return first;
        }
        if !state.returned.is_empty() {
            let returned = std::mem::take(&mut state.returned);
            return Poll::Ready(Some(Ok(Frame::data(returned))));
        }
        let frame = ready!(Pin::new(&mut state.incoming).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            state.received = state.received.saturating_add(length);
            if let Some((meter, clock)) = &state.meter {
                meter.charge(length, clock.now());
            }
        }
        state.ended = frame.is_none() || state.incoming.is_end_stream();
        Poll::Ready(frame)
    }

    /// All of it, of a request that is a short document.
    pub async fn read_whole(&self, limit: usize) -> Result<Bytes, BodyError> {
        let reading = async {
            let mut whole = BytesMut::new();
            while let Some(frame) = std::future::poll_fn(|context| self.poll_frame(context)).await {
                let frame = frame.map_err(BodyError::Broken)?;
                let Ok(piece) = frame.into_data() else {
                    continue;
                };
                if whole.len().saturating_add(piece.len()) > limit {
                    return Err(BodyError::TooLong { limit });
                }
                whole.extend_from_slice(&piece);
            }
            Ok(whole.freeze())
        };
        let read = tokio::time::timeout(LONGEST_READ, reading).await;
        read.unwrap_or(Err(BodyError::Idle))
    }

    /// Bytes of it that were read so far.
    pub fn received(&self) -> u64 {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.received
    }

    /// Counts what arrives from now on.
    pub fn charge_to(&self, meter: Arc<Meter>, clock: Clock) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.meter = Some((meter, clock));
    }

    /// Whether the client has nothing more to send of it. If not, it may send the rest or, having waited for
    /// `100 Continue`, its next request: nobody can tell which, so the connection must end with the answer.
    pub fn is_complete(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).ended
    }

    /// Gives back what was read too far: it is read again before anything else.
    pub fn put_back(&self, bytes: Bytes) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .returned = bytes;
    }

    /// Reads on a little and throws it away: a connection that is closed with unread bytes is reset, and
    /// the client would never see the answer.
    pub async fn drain(&self) {
        if self.0.lock().unwrap_or_else(PoisonError::into_inner).waits {
            return;
        }
        let drained = async {
            let mut left = MOST_DRAINED;
            while let Some(Ok(frame)) =
                std::future::poll_fn(|context| self.poll_frame(context)).await
            {
                left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
                if left == 0 {
                    return;
                }
            }
        };
        // A client that stalls here gets its answer all the same.
        let _ = tokio::time::timeout(LONGEST_DRAIN, drained).await;
    }
}

const LONGEST_READ: Duration = Duration::from_secs(20);
const MOST_DRAINED: usize = 1024 * 1024;
const LONGEST_DRAIN: Duration = Duration::from_secs(2);
