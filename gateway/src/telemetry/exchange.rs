//! One request as the numbers and the log see it, from its arrival to the last byte of its answer.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::{Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;

use super::{ClassLabel, RequestLabels, Telemetry};
use crate::body::Upload;
use crate::error::{GatewayError, report};
use crate::s3::{Operation, RequestId};
use crate::service::ResponseBody;
use crate::upstream::BoxError;

/// A request in flight. Dropped when its answer has left, or when its client has.
#[derive(Debug)]
pub struct Exchange {
    telemetry: Arc<Telemetry>,
    id: RequestId,
    operation: &'static str,
    upload: Upload,
    answered: bool,
}

impl Exchange {
    pub(super) fn begin(telemetry: Arc<Telemetry>, id: RequestId, upload: Upload) -> Self {
        telemetry.in_flight.inc();
        Self {
            telemetry,
            id,
            operation: "Unknown",
            upload,
            answered: false,
        }
    }

    /// The request's id.
    pub fn id(&self) -> RequestId {
        self.id
    }

    /// What is asked.
    pub fn operation(&mut self, operation: Operation) {
        self.operation = operation.name();
    }

    /// It could not be answered as asked, or not to the end. The one line of a failure is written here.
    pub fn failed(&self, error: &GatewayError) {
        let (request, operation, code) = (self.id, self.operation, error.trail_code());
        if let Some(class) = error.integrity_class() {
            self.telemetry
                .integrity_failures
                .get_or_create(&ClassLabel { class })
                .inc();
            tracing::error!(%request, operation, class, error = error.for_log(), "integrity failure");
        } else if error.fault().code.status().is_server_error() {
            tracing::error!(%request, operation, code, error = error.for_log(), "request failed");
        } else {
            tracing::debug!(%request, operation, code, "request refused");
        }
    }

    fn broken_off(&self, error: &BoxError) {
        if let Some(error) = error.downcast_ref::<GatewayError>() {
            return self.failed(error);
        }
        let (request, operation, error) = (self.id, self.operation, report(error.as_ref()));
        tracing::error!(%request, operation, error, "an answer was broken off");
    }

    /// The answer is on its way; what leaves of it is counted.
    pub fn answered(mut self, response: Response<ResponseBody>) -> Response<ResponseBody> {
        self.count(class_of(response.status()));
        response.map(|inner| {
            let exchange = self;
            Measured { inner, exchange }.boxed_unsync()
        })
    }

    fn count(&mut self, status: &'static str) {
        self.answered = true;
        let operation = self.operation;
        self.telemetry
            .requests
            .get_or_create(&RequestLabels { operation, status })
            .inc();
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.answered {
            self.count("aborted");
        }
        self.telemetry.in_flight.dec();
        self.telemetry.received.inc_by(self.upload.received());
    }
}

/// An answer's body that is counted.
struct Measured {
    inner: ResponseBody,
    exchange: Exchange,
}

impl Body for Measured {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                let length = u64::try_from(length).unwrap_or(u64::MAX);
                self.exchange.telemetry.sent.inc_by(length);
            }
            Some(Err(error)) => self.exchange.broken_off(error),
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
