//! Why a request's signature was not accepted: one variant per answer S3 gives. It must not know
//! HTTP responses or XML.

use std::time::SystemTime;

/// What is wrong with a request's signature, in the terms of S3's error codes.
///
/// The text of each says what is wrong, where, and how to mend it, and is safe to show to the
/// caller: it holds nothing but what the caller sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// S3 `AccessDenied` (403) with `HeadersNotSigned`: headers that could change the meaning of
    /// the request are not covered by the signature.
    #[error("There were headers present in the request which were not signed: {}. Add them to \
        SignedHeaders, or leave them out.", .headers_not_signed.join(", "))]
    AccessDenied {
        /// The lower-case names, sorted.
        headers_not_signed: Vec<String>,
    },
    /// S3 `AccessDenied` (403), "Request has expired": a presigned URL after its time.
    #[error("Request has expired: it was good until {}. Ask for a new one.",
        date(.expired_at))]
    ExpiredPresign {
        /// The last moment at which the URL was good.
        expired_at: SystemTime,
    },
    /// S3 `SignatureDoesNotMatch` (403).
    #[error("The request signature we calculated does not match the signature you provided{}. \
        Check your secret access key and signing method, and that nothing between you and the \
        gateway changes the host, path, query or signed headers.", missing(.missing_headers))]
    SignatureDoesNotMatch {
        /// Names in `SignedHeaders` that did not arrive with the request; usually empty.
        missing_headers: Vec<String>,
    },
    /// S3 `InvalidAccessKeyId` (403).
    #[error(
        "The access key id you provided does not exist in our records. Check the access key id \
            the client is configured with."
    )]
    InvalidAccessKeyId,
    /// S3 `RequestTimeTooSkewed` (403): the clocks differ by more than 15 minutes.
    #[error("The difference between the request time ({}) and the current time ({}) is too \
        large: at most 15 minutes are allowed. Set the client's clock.",
        date(.request_time), date(.server_time))]
    RequestTimeTooSkewed {
        /// When the request says it was signed.
        request_time: SystemTime,
        /// The gateway's time.
        server_time: SystemTime,
    },
    /// S3 `AuthorizationHeaderMalformed` (400), with the `Region` to use when that is what was
    /// wrong.
    #[error("The authorization header is malformed: {problem}.")]
    AuthorizationHeaderMalformed {
        /// What is wrong.
        problem: String,
        /// The region to sign for instead, which SDKs follow.
        region: Option<String>,
    },
    /// S3 `AuthorizationQueryParametersError` (400): the same for a presigned URL.
    #[error("The authorization query parameters are malformed: {problem}.")]
    AuthorizationQueryParametersError {
        /// What is wrong.
        problem: String,
        /// The region to sign for instead.
        region: Option<String>,
    },
    /// S3 `InvalidRequest` (400): an `Authorization` header of Signature Version 2, which is switched off.
    #[error(
        "The authorization mechanism you have provided is not supported. Please use \
            AWS4-HMAC-SHA256: set the client's signature version to s3v4."
    )]
    SigV4Needed,
    /// S3 `AccessDenied` (403): a query parameter that Signature Version 2 leaves out and that could change the
    /// meaning of the request.
    #[error(
        "The query parameter {name} is not covered by Signature Version 2. Sign with AWS4-HMAC-SHA256."
    )]
    QueryNotSigned {
        /// Its name.
        name: String,
    },
    /// S3 `AccessDenied` (403): nothing says when the request was signed, or nothing that can be read.
    #[error("AWS authentication requires a valid x-amz-date or Date header. No policy was asked.")]
    DateNeeded,
    /// S3 `InvalidRequest` (400).
    #[error("{problem}.")]
    InvalidRequest {
        /// What is wrong.
        problem: String,
    },
    /// S3 `InvalidArgument` (400).
    #[error("{problem}.")]
    InvalidArgument {
        /// What is wrong.
        problem: String,
    },
    /// S3 `NotImplemented` (501): a form of S3's that this gateway does not speak.
    #[error("{feature} is not implemented. Use AWS4-HMAC-SHA256.")]
    NotImplemented {
        /// What was asked for.
        feature: &'static str,
    },
}

/// Moments in an error are the gateway's own or came through `Timestamp`, which holds none that this
/// format has no text for.
fn date(at: &SystemTime) -> String {
    httpdate::fmt_http_date(*at)
}

fn missing(names: &[String]) -> String {
    if names.is_empty() {
        String::new()
    } else {
        format!(
            " (signed headers that did not arrive: {})",
            names.join(", ")
        )
    }
}
