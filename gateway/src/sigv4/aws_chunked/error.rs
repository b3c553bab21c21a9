//! What can be wrong with a chunked body. It must not know HTTP responses.

/// Why a chunked body was not accepted; each variant names S3's error code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// S3 `InvalidRequest` (400): the framing is broken, and the connection cannot be used any
    /// more.
    #[error("The chunked body is malformed near byte {offset}: {problem}.")]
    Malformed {
        /// What is wrong.
        problem: &'static str,
        /// Bytes of the body read until then.
        offset: u64,
    },
    /// S3 `SignatureDoesNotMatch` (403): a chunk was changed, left out, repeated or signed with
    /// another key.
    #[error(
        "The signature of the chunk that ends near byte {offset} of the body does not match its data."
    )]
    ChunkSignature {
        /// Bytes of the body read until then.
        offset: u64,
    },
    /// S3 `SignatureDoesNotMatch` (403).
    #[error("The signature of the trailing header does not match it.")]
    TrailerSignature,
    /// S3 `MalformedTrailerError` (400).
    #[error("The trailer of the body is malformed: {problem}.")]
    MalformedTrailer {
        /// What is wrong.
        problem: &'static str,
    },
    /// S3 `IncompleteBody` (400): the data is not as long as `x-amz-decoded-content-length` says.
    #[error(
        "You did not provide the number of bytes specified by the x-amz-decoded-content-length header."
    )]
    IncompleteBody {
        /// The bytes the header says.
        announced: Option<u64>,
        /// The bytes of the chunks begun so far; `None` when no number holds them.
        decoded: Option<u64>,
    },
    /// S3 `IncompleteBody` (400): the body ended before its last chunk or trailer.
    #[error("The body ended early, after {decoded} bytes of data.")]
    Truncated {
        /// Bytes of data until then.
        decoded: u64,
    },
    /// S3 `MissingContentLength` (411): signed chunks must say how much data they hold.
    #[error("You must provide the x-amz-decoded-content-length header with a signed chunked body.")]
    MissingContentLength,
    /// S3 `InvalidRequest` (400): the headers about the body do not fit together.
    #[error("{problem}.")]
    InvalidRequest {
        /// What is wrong.
        problem: &'static str,
    },
}
