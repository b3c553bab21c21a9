//! What can go wrong between the gateway and the store, sorted by what the client should do.

use http::{HeaderMap, StatusCode};

use crate::s3::Code;
use crate::s3::xml::Element;

/// The store could not be reached, or the exchange broke.
#[derive(Debug, thiserror::Error)]
#[error("the exchange with the store broke")]
pub struct TransportError(#[source] pub super::BoxError);

/// The store said nothing when it was its turn.
#[derive(Debug, thiserror::Error)]
#[error("the store fell silent")]
pub(super) struct Silence;

impl TransportError {
    /// Whether the store just said nothing for too long.
    pub fn is_silence(&self) -> bool {
        self.0.is::<Silence>()
    }
}

/// An exchange with the store that did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The store answered with an error.
    #[error("the store answered {status} {}", code.map_or("without a code that is known here", Code::as_str))]
    Refused {
        /// Its status.
        status: StatusCode,
        /// The S3 code, if it is one we know.
        code: Option<Code>,
        /// The code as the store wrote it.
        code_text: String,
        /// Its message. It may quote what a client said: never for the log, and never for the client.
        message: String,
        /// Its headers: a delete marker's version, the `ETag` of what was not modified.
        headers: Box<HeaderMap>,
    },
    /// No answer: the connection failed or broke.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// An answer that no S3 store gives.
    #[error("the store's answer makes no sense: {0}")]
    Unexpected(String),
}

impl UpstreamError {
    /// Understands an error response. HEAD has no document, so there the status speaks.
    pub fn refused(status: StatusCode, headers: &HeaderMap, document: &[u8]) -> Self {
        let root = Element::parse(document.trim_ascii()).ok();
        let text = |name| {
            root.as_ref()
                .and_then(|root| root.child_text(name))
                .unwrap_or_default()
                .to_owned()
        };
        let code_text = text("Code");
        Self::Refused {
            status,
            code: Code::from_text(&code_text).or_else(|| by_status(status)),
            code_text,
            message: text("Message"),
            headers: Box::new(headers.clone()),
        }
    }

    /// The S3 code of the store's refusal, if that is what this is.
    pub fn code(&self) -> Option<Code> {
        match self {
            Self::Refused { code, .. } => *code,
            Self::Transport(_) | Self::Unexpected(_) => None,
        }
    }

    /// Whether the same may succeed in a moment: the exchange broke, or the store is busy or out of order.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Transport(_) => true,
            Self::Refused { status, .. } => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Unexpected(_) => false,
        }
    }

    /// Whether the store said that the object, version or upload is not there.
    pub fn is_missing(&self) -> bool {
        matches!(
            self.code(),
            Some(Code::NoSuchKey | Code::NoSuchVersion | Code::NoSuchUpload | Code::NoSuchBucket)
        )
    }
}

fn by_status(status: StatusCode) -> Option<Code> {
    Some(match status {
        StatusCode::NOT_MODIFIED => Code::NotModified,
        StatusCode::NOT_FOUND => Code::NoSuchKey,
        StatusCode::PRECONDITION_FAILED => Code::PreconditionFailed,
        StatusCode::RANGE_NOT_SATISFIABLE => Code::InvalidRange,
        StatusCode::METHOD_NOT_ALLOWED => Code::MethodNotAllowed,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => Code::SlowDown,
        StatusCode::CONFLICT => Code::OperationAborted,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_speak_first_then_the_status() {
        let document =
            b"<?xml version=\"1.0\"?><Error><Code>NoSuchUpload</Code><Message>m</Message></Error>";
        let error = UpstreamError::refused(StatusCode::NOT_FOUND, &HeaderMap::new(), document);
        assert_eq!(error.code(), Some(Code::NoSuchUpload));
        let error = UpstreamError::refused(StatusCode::PRECONDITION_FAILED, &HeaderMap::new(), b"");
        assert_eq!(error.code(), Some(Code::PreconditionFailed));
        assert!(
            UpstreamError::refused(StatusCode::NOT_FOUND, &HeaderMap::new(), b"<html>")
                .is_missing()
        );
        assert_eq!(
            UpstreamError::refused(StatusCode::IM_A_TEAPOT, &HeaderMap::new(), b"").code(),
            None
        );
    }
}
