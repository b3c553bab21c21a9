//! The client's side of the connection while its request is handled: read by an operation, and drained a
//! little when the request is refused early.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;

/// A request body that has not been read yet. Whoever handles the request reads it; whoever answers
/// keeps a handle to drain it.
#[derive(Debug, Clone)]
pub struct Upload(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    incoming: Incoming,
    /// The client waits for `100 Continue`, which the first read sends. Unread, it need not be drained.
    waits: bool,
    /// Bytes read so far.
    received: u64,
}

impl Upload {
    /// The body of a request with these headers.
    pub fn new(incoming: Incoming, headers: &HeaderMap) -> Self {
        Self(Arc::new(Mutex::new(State {
            incoming,
            waits: headers.contains_key(http::header::EXPECT),
            received: 0,
        })))
    }

    /// The next frame.
    pub fn poll_frame(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.waits = false;
        let frame = ready!(Pin::new(&mut state.incoming).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            let length = frame.data_ref().map_or(0, Bytes::len);
            let length = u64::try_from(length).unwrap_or(u64::MAX);
            state.received = state.received.saturating_add(length);
        }
        Poll::Ready(frame)
    }

    /// Bytes of it that were read so far.
    pub fn received(&self) -> u64 {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.received
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

const MOST_DRAINED: usize = 1024 * 1024;
const LONGEST_DRAIN: Duration = Duration::from_secs(2);
