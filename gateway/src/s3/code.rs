//! S3's and STS's error codes with their HTTP status, and the error a client is given: code, message, details.

use http::StatusCode;

macro_rules! codes {
    ($($name:ident $status:literal $text:literal;)*) => {
        /// An S3 error code (Amazon S3 API Reference, "Error responses") or one of STS (its API Reference), and
        /// the few of our own that SOF-1 adds.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the names are S3's and STS's own")]
        pub enum Code { $($name),* }

        impl Code {
            /// The code as it stands in the XML.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),* }
            }

            /// The HTTP status that goes with it.
            pub fn status(self) -> StatusCode {
                let number: u16 = match self { $(Self::$name => $status),* };
                StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The code a store's error XML names, if it is one we know.
            pub fn from_text(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$name),)* _ => None }
            }
        }
    };
}

codes! {
    AccessControlListNotSupported 400 "AccessControlListNotSupported";
    AccessDenied 403 "AccessDenied";
    AccessForbidden 403 "AccessForbidden";
    AuditUnavailable 503 "AuditUnavailable";
    AuthorizationHeaderMalformed 400 "AuthorizationHeaderMalformed";
    AuthorizationQueryParametersError 400 "AuthorizationQueryParametersError";
    BadDigest 400 "BadDigest";
    BucketAlreadyExists 409 "BucketAlreadyExists";
    BucketAlreadyOwnedByYou 409 "BucketAlreadyOwnedByYou";
    BucketNotEmpty 409 "BucketNotEmpty";
    ConditionalRequestConflict 409 "ConditionalRequestConflict";
    EntityTooLarge 400 "EntityTooLarge";
    EntityTooSmall 400 "EntityTooSmall";
    ExpiredToken 400 "ExpiredToken";
    ExpiredTokenException 400 "ExpiredTokenException";
    IdpCommunicationError 400 "IDPCommunicationError";
    IdpRejectedClaim 403 "IDPRejectedClaim";
    IncompleteBody 400 "IncompleteBody";
    IntegrityError 422 "IntegrityError";
    InternalError 500 "InternalError";
    InvalidAccessKeyId 403 "InvalidAccessKeyId";
    InvalidAction 400 "InvalidAction";
    InvalidArgument 400 "InvalidArgument";
    InvalidBucketAclWithObjectOwnership 400 "InvalidBucketAclWithObjectOwnership";
    InvalidBucketName 400 "InvalidBucketName";
    InvalidBucketState 409 "InvalidBucketState";
    InvalidDigest 400 "InvalidDigest";
    InvalidIdentityToken 400 "InvalidIdentityToken";
    InvalidLocationConstraint 400 "InvalidLocationConstraint";
    InvalidObjectState 403 "InvalidObjectState";
    InvalidPart 400 "InvalidPart";
    InvalidPartNumber 416 "InvalidPartNumber";
    InvalidPartOrder 400 "InvalidPartOrder";
    InvalidPolicyDocument 400 "InvalidPolicyDocument";
    InvalidRange 416 "InvalidRange";
    InvalidRequest 400 "InvalidRequest";
    InvalidRetentionPeriod 400 "InvalidRetentionPeriod";
    InvalidStorageClass 400 "InvalidStorageClass";
    InvalidTag 400 "InvalidTag";
    InvalidToken 400 "InvalidToken";
    InvalidUri 400 "InvalidURI";
    KeyNotFound 409 "KeyNotFound";
    KeyShredded 410 "KeyShredded";
    KeyTooLong 400 "KeyTooLongError";
    KmsAccessDenied 403 "KMS.AccessDenied";
    KmsDisabled 400 "KMS.DisabledException";
    KmsInvalidState 400 "KMS.KMSInvalidStateException";
    MalformedPolicy 400 "MalformedPolicy";
    MalformedPolicyDocument 400 "MalformedPolicyDocument";
    MalformedPostRequest 400 "MalformedPOSTRequest";
    MalformedTrailer 400 "MalformedTrailerError";
    MalformedXml 400 "MalformedXML";
    MaxPostPreDataLengthExceeded 400 "MaxPostPreDataLengthExceeded";
    MetadataConfigurationNotFound 404 "MetadataConfigurationNotFound";
    MetadataTableConfigurationNotFound 404 "MetadataTableConfigurationNotFound";
    MetadataTooLarge 400 "MetadataTooLarge";
    MethodNotAllowed 405 "MethodNotAllowed";
    MissingAction 400 "MissingAction";
    MissingContentLength 411 "MissingContentLength";
    NoSuchBucket 404 "NoSuchBucket";
    NoSuchBucketPolicy 404 "NoSuchBucketPolicy";
    NoSuchConfiguration 404 "NoSuchConfiguration";
    NoSuchCorsConfiguration 404 "NoSuchCORSConfiguration";
    NoSuchKey 404 "NoSuchKey";
    NoSuchLifecycleConfiguration 404 "NoSuchLifecycleConfiguration";
    NoSuchObjectLockConfiguration 404 "NoSuchObjectLockConfiguration";
    NoSuchPublicAccessBlockConfiguration 404 "NoSuchPublicAccessBlockConfiguration";
    NoSuchTagSet 404 "NoSuchTagSet";
    NoSuchUpload 404 "NoSuchUpload";
    NoSuchVersion 404 "NoSuchVersion";
    NoSuchWebsiteConfiguration 404 "NoSuchWebsiteConfiguration";
    NotImplemented 501 "NotImplemented";
    NotModified 304 "NotModified";
    ObjectLockConfigurationNotFound 404 "ObjectLockConfigurationNotFoundError";
    ObjectNotSealed 409 "ObjectNotSealed";
    OperationAborted 409 "OperationAborted";
    OwnershipControlsNotFound 404 "OwnershipControlsNotFoundError";
    PackedPolicyTooLarge 400 "PackedPolicyTooLarge";
    PreconditionFailed 412 "PreconditionFailed";
    ReplicationConfigurationNotFound 404 "ReplicationConfigurationNotFoundError";
    RequestTimeTooSkewed 403 "RequestTimeTooSkewed";
    RequestTimeout 400 "RequestTimeout";
    SignatureDoesNotMatch 403 "SignatureDoesNotMatch";
    SlowDown 503 "SlowDown";
    TooManyBuckets 400 "TooManyBuckets";
    UnresolvableGrantByEmailAddress 400 "UnresolvableGrantByEmailAddress";
    ValidationError 400 "ValidationError";
    XAmzContentSha256Mismatch 400 "XAmzContentSHA256Mismatch";
}

impl Code {
    /// This error with a message that says what is wrong, where, and how to mend it.
    pub fn because(self, message: impl Into<String>) -> S3Error {
        S3Error {
            code: self,
            message: message.into(),
            details: Vec::new(),
        }
    }
}

/// What a client is told: a code, a sentence, and named details that clients read
/// (`HeadersNotSigned`, `Region`, `ActualObjectSize` …).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct S3Error {
    /// The S3 code; it fixes the status.
    pub code: Code,
    /// One or two sentences in plain English.
    pub message: String,
    /// Further elements of the error document, in order.
    pub details: Vec<(&'static str, String)>,
}

impl S3Error {
    /// Adds a named element to the error document.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.details.push((name, value.into()));
        self
    }
}
