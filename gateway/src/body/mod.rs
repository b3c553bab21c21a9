//! Bodies on their way through: a client's upload verified, plaintext sealed, sealed bytes opened.

mod calculating;
mod client;
mod form;
mod lingering;
mod opening;
mod portions;
mod sealing;
mod sniffing;
mod stored;
mod upload;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;

pub use calculating::Calculating;
pub use client::{BodyError, ClientBody};
pub use form::{Beginning, FormFile, Rest, possible_lengths, read_form};
pub use lingering::patiently;
pub use opening::OpenedBody;
pub use portions::{Portion, Portions};
pub use sealing::{PlainSource, Sealing, Seals, seal};
pub use sniffing::sniff;
pub use stored::{AskAgain, Stored};
pub use upload::Upload;

use crate::upstream::BoxError;

/// The body of an answer.
#[derive(Debug)]
pub enum Answer {
    /// All of it is here, so the access is complete when the answer is given.
    Ready(Bytes),
    /// It streams; the access is complete when the stream has ended.
    Stream(UnsyncBoxBody<Bytes, BoxError>),
}

impl Answer {
    /// No body.
    pub fn empty() -> Self {
        Self::Ready(Bytes::new())
    }

    /// A body that streams.
    pub fn stream(
        body: impl http_body::Body<Data = Bytes, Error = BoxError> + Send + 'static,
    ) -> Self {
        Self::Stream(body.boxed_unsync())
    }
}
