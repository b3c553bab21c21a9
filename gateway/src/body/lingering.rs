//! An answer that takes long: blanks are sent before it, so that the client does not give up waiting.
//!
//! S3 does so for `CompleteMultipartUpload`, `CopyObject` and `UploadPartCopy`: the status is 200 whatever comes
//! of it, and the document says what did.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Body, Frame};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use tokio::time::{Interval, MissedTickBehavior};

use crate::s3::xml::DECLARATION;
use crate::upstream::BoxError;

type Wire = UnsyncBoxBody<Bytes, BoxError>;
type Answering = Pin<Box<dyn Future<Output = Response<Wire>> + Send>>;

/// Waits for an answer that is one XML document. If it takes longer than a client should be left without a
/// word, the answer begins before it is known, with the headers that `beginning` gives it.
pub async fn patiently(
    mut answering: Answering,
    beginning: impl Future<Output = HeaderMap>,
) -> Response<Wire> {
    if let Ok(answer) = tokio::time::timeout(SILENCE, &mut answering).await {
        return answer;
    }
    let mut beginning = std::pin::pin!(beginning);
    let headers = tokio::select! {
        answer = &mut answering => return answer,
        headers = &mut beginning => headers,
    };
    let mut blanks = tokio::time::interval(SILENCE);
    blanks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let body = Lingering {
        blanks,
        begun: false,
        state: State::Waiting(answering),
    };
    let mut response = Response::new(body.boxed_unsync());
    *response.headers_mut() = headers;
    response.headers_mut().insert(
        http::header::CONTENT_TYPE,
        HeaderValue::from_static("application/xml"),
    );
    response
}

struct Lingering {
    blanks: Interval,
    /// The XML declaration has gone: nothing, not even a blank, may stand before it.
    begun: bool,
    state: State,
}

enum State {
    Waiting(Answering),
    /// The document; its declaration, at the beginning, has gone already.
    Telling {
        document: Wire,
        begun: bool,
    },
}

impl Body for Lingering {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if !std::mem::replace(&mut self.begun, true) {
            return Poll::Ready(Some(Ok(Frame::data(DECLARATION.into()))));
        }
        loop {
            match &mut self.state {
                State::Waiting(answering) => {
                    if let Poll::Ready(answer) = answering.as_mut().poll(context) {
                        let document = answer.into_body();
                        self.state = State::Telling {
                            document,
                            begun: false,
                        };
                        continue;
                    }
                    ready!(self.blanks.poll_tick(context));
                    return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b" ")))));
                }
                State::Telling { document, begun } => {
                    let Some(frame) = ready!(Pin::new(document).poll_frame(context)?) else {
                        return Poll::Ready(None);
                    };
                    let Ok(mut bytes) = frame.into_data() else {
                        continue;
                    };
                    if !std::mem::replace(begun, true) && bytes.starts_with(DECLARATION.as_bytes())
                    {
                        bytes.advance(DECLARATION.len());
                    }
                    return Poll::Ready(Some(Ok(Frame::data(bytes))));
                }
            }
        }
    }
}

/// Well below what any client waits: the AWS SDK for C++ gives up after three seconds.
const SILENCE: Duration = Duration::from_secs(2);
