//! What can be wrong with a checksum. It must not know HTTP responses.

use super::algorithm::Algorithm;

/// Why a checksum was not accepted; each variant names S3's error code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumError {
    /// S3 `InvalidRequest` (400): the request's checksum headers are wrong or do not fit together.
    #[error("{problem}.")]
    InvalidRequest {
        /// What is wrong.
        problem: String,
    },
    /// S3 `InvalidDigest` (400).
    #[error(
        "The Content-MD5 you specified is not valid: it must be the base64 text of 16 bytes, once."
    )]
    InvalidDigest,
    /// S3 `MalformedTrailerError` (400): the trailer is not there, or is another than announced.
    #[error("{problem}.")]
    MalformedTrailer {
        /// What is wrong.
        problem: String,
    },
    /// S3 `BadDigest` (400): the bytes are not those the client took the checksum of.
    #[error("The {} you specified did not match the calculated checksum.", .algorithm.name())]
    BadDigest {
        /// The checksum that failed.
        algorithm: Algorithm,
    },
    /// S3 `BadDigest` (400), for `Content-MD5`.
    #[error("The Content-MD5 you specified did not match what we received.")]
    BadContentMd5,
    /// S3 `XAmzContentSHA256Mismatch` (400).
    #[error("The provided x-amz-content-sha256 header does not match what was computed.")]
    XAmzContentSHA256Mismatch,
    /// S3 `InvalidPart` (400): a part's checksum in `CompleteMultipartUpload` is not the one it was
    /// uploaded with.
    #[error("The checksum given for part {part} is not the one it was uploaded with.")]
    InvalidPart {
        /// The part's number.
        part: u16,
    },
}
