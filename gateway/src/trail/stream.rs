//! A streaming answer on its way: what was really sent is recorded when it ends.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use super::{ABORTED, Access};
use crate::body::Answer;
use crate::error::GatewayError;
use crate::upstream::{BoxError, StoreBody};

/// The answer, if it streams an object, so that its end is recorded.
pub(super) fn recorded_stream(body: Answer, access: Access, status: u16) -> Answer {
    match body {
        Answer::Stream(inner) => Answer::stream(RecordedStream {
            inner,
            access,
            status,
            sent: 0,
        }),
        ready @ Answer::Ready(_) => ready,
    }
}

/// A streaming answer that records what was really sent when it ends, breaks or is dropped.
struct RecordedStream {
    inner: StoreBody,
    access: Access,
    /// The status the client was given.
    status: u16,
    sent: u64,
}

impl RecordedStream {
    fn settle(&mut self, status: u16, error: Option<String>) {
        if !std::mem::replace(&mut self.access.settled, true) {
            self.access.draft.bytes_out = Some(self.sent);
            let outcome = self.access.outcome(status, error);
            self.access.trail.submit(&self.access, &outcome);
        }
    }
}

impl Body for RecordedStream {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            None => {
                let status = self.status;
                self.settle(status, None);
            }
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.sent = self
                    .sent
                    .saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
            }
            Some(Err(error)) => {
                let code = error
                    .downcast_ref::<GatewayError>()
                    .map_or_else(|| "InternalError".to_owned(), GatewayError::trail_code);
                self.settle(ABORTED, Some(code));
            }
        }
        Poll::Ready(frame)
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for RecordedStream {
    fn drop(&mut self) {
        // hyper stops asking once the announced length is sent.
        let complete = self.inner.is_end_stream();
        let error = (!complete).then(|| "ClientAborted".to_owned());
        let status = if complete { self.status } else { ABORTED };
        self.settle(status, error);
    }
}
