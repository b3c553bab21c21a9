//! What can go wrong, and the one place that turns it into an S3 error; it must not know HTTP bodies.

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use s3s::{S3Error, S3ErrorCode};

/// Every way an operation ends without its result.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    #[error("the bucket does not exist")]
    NoSuchBucket,
    #[error("the bucket exists already and is yours")]
    BucketAlreadyOwnedByYou,
    #[error("the bucket is not empty")]
    BucketNotEmpty,
    #[error("the key does not exist")]
    NoSuchKey,
    #[error("the version does not exist")]
    NoSuchVersion,
    /// The newest version is a delete marker: 404.
    #[error("the key's newest version is a delete marker")]
    Deleted { version_id: String },
    /// The version asked for is a delete marker: 405.
    #[error("the version is a delete marker")]
    MarkerAsked { version_id: String },
    #[error("the upload does not exist")]
    NoSuchUpload,
    #[error("a part is missing or its entity tag differs")]
    InvalidPart,
    #[error("the parts are not in ascending order")]
    InvalidPartOrder,
    #[error("a part other than the last is smaller than 5 MiB")]
    EntityTooSmall,
    #[error("a precondition does not hold")]
    PreconditionFailed,
    #[error("not modified")]
    NotModified { etag: String },
    #[error("the range lies outside the object of {size} bytes")]
    InvalidRange { size: u64 },
    #[error("Content-Length is required")]
    MissingContentLength,
    #[error("the body is not as long as Content-Length says")]
    IncompleteBody,
    #[error("the body broke off")]
    Body(#[source] s3s::StdError),
    #[error("the body does not match Content-MD5")]
    BadDigest,
    #[error("Content-MD5 is not a base64 MD5")]
    InvalidDigest,
    #[error("{0}")]
    InvalidArgument(&'static str),
    #[error("{0}")]
    InvalidRequest(&'static str),
    #[error("{0}")]
    InvalidTag(&'static str),
    #[error("only STANDARD storage exists here")]
    InvalidStorageClass,
    #[error("a retention period is a positive number of days or years")]
    InvalidRetentionPeriod,
    #[error("{0}")]
    InvalidBucketState(&'static str),
    #[error("the document is incomplete")]
    MalformedXml,
    #[error("the version is under retention or legal hold")]
    Locked,
    #[error("the bucket has no object lock configuration")]
    NoBucketLock,
    #[error("the bucket has no lifecycle configuration")]
    NoLifecycle,
    #[error("the object has no such lock")]
    NoObjectLock,
    #[error("{0} is not implemented here")]
    NotImplemented(&'static str),
    #[error("the index failed")]
    Index(#[source] Box<redb::Error>),
    #[error("an index record cannot be read")]
    Record(#[source] serde_json::Error),
    #[error("the index names something that is absent")]
    Dangling,
    #[error("a body file failed")]
    File(#[from] std::io::Error),
    #[error("the change was not committed")]
    NotCommitted,
}

impl Fault {
    /// Whether this is our trouble and not the request's: the batch it came up in is given up.
    pub(crate) fn is_ours(&self) -> bool {
        self.code() == S3ErrorCode::InternalError
    }

    fn code(&self) -> S3ErrorCode {
        match self {
            Self::NoSuchBucket => S3ErrorCode::NoSuchBucket,
            Self::BucketAlreadyOwnedByYou => S3ErrorCode::BucketAlreadyOwnedByYou,
            Self::BucketNotEmpty => S3ErrorCode::BucketNotEmpty,
            Self::NoSuchKey | Self::Deleted { .. } => S3ErrorCode::NoSuchKey,
            Self::NoSuchVersion => S3ErrorCode::NoSuchVersion,
            Self::MarkerAsked { .. } => S3ErrorCode::MethodNotAllowed,
            Self::NoSuchUpload => S3ErrorCode::NoSuchUpload,
            Self::InvalidPart => S3ErrorCode::InvalidPart,
            Self::InvalidPartOrder => S3ErrorCode::InvalidPartOrder,
            Self::EntityTooSmall => S3ErrorCode::EntityTooSmall,
            Self::PreconditionFailed => S3ErrorCode::PreconditionFailed,
            Self::NotModified { .. } => S3ErrorCode::NotModified,
            Self::InvalidRange { .. } => S3ErrorCode::InvalidRange,
            Self::MissingContentLength => S3ErrorCode::MissingContentLength,
            Self::IncompleteBody | Self::Body(_) => S3ErrorCode::IncompleteBody,
            Self::BadDigest => S3ErrorCode::BadDigest,
            Self::InvalidDigest => S3ErrorCode::InvalidDigest,
            Self::InvalidArgument(_) => S3ErrorCode::InvalidArgument,
            Self::InvalidRequest(_) => S3ErrorCode::InvalidRequest,
            Self::InvalidTag(_) => S3ErrorCode::InvalidTag,
            Self::InvalidStorageClass => S3ErrorCode::InvalidStorageClass,
            Self::InvalidRetentionPeriod => S3ErrorCode::Custom("InvalidRetentionPeriod".into()),
            Self::InvalidBucketState(_) => S3ErrorCode::InvalidBucketState,
            Self::MalformedXml => S3ErrorCode::MalformedXML,
            Self::Locked => S3ErrorCode::AccessDenied,
            Self::NoBucketLock => S3ErrorCode::ObjectLockConfigurationNotFoundError,
            Self::NoLifecycle => S3ErrorCode::NoSuchLifecycleConfiguration,
            Self::NoObjectLock => S3ErrorCode::NoSuchObjectLockConfiguration,
            Self::NotImplemented(_) => S3ErrorCode::NotImplemented,
            Self::Index(_)
            | Self::Record(_)
            | Self::Dangling
            | Self::File(_)
            | Self::NotCommitted => S3ErrorCode::InternalError,
        }
    }

    /// Headers that clients read beside the error document.
    fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(name, value);
            }
        };
        match self {
            Self::Deleted { version_id } | Self::MarkerAsked { version_id } => {
                add(DELETE_MARKER, "true");
                add(VERSION_ID, version_id);
            }
            Self::NotModified { etag } => add(header::ETAG, &format!("\"{etag}\"")),
            Self::InvalidRange { size } => add(header::CONTENT_RANGE, &format!("bytes */{size}")),
            _ => {}
        }
        headers
    }
}

impl From<Fault> for S3Error {
    fn from(fault: Fault) -> Self {
        let mut error = Self::with_message(fault.code(), fault.to_string());
        let mut headers = fault.headers();
        if let Fault::NotModified { .. } = fault {
            error.set_status_code(StatusCode::NOT_MODIFIED);
        } else {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(XML));
        }
        if let Fault::InvalidRetentionPeriod = fault {
            // s3s knows no such code.
            error.set_status_code(StatusCode::BAD_REQUEST);
        }
        error.set_headers(headers);
        if fault.is_ours() {
            tracing::error!(error = &fault as &dyn std::error::Error, "request failed");
        }
        error.set_source(Box::new(fault));
        error
    }
}

impl From<serde_json::Error> for Fault {
    fn from(error: serde_json::Error) -> Self {
        Self::Record(error)
    }
}

/// redb has an error type for each of its steps; to us they are all the index failing.
macro_rules! index_faults {
    ($($kind:ident),+) => {$(
        impl From<redb::$kind> for Fault {
            fn from(error: redb::$kind) -> Self {
                Self::Index(Box::new(error.into()))
            }
        }
    )+};
}

index_faults!(
    CommitError,
    DatabaseError,
    SetDurabilityError,
    StorageError,
    TableError,
    TransactionError
);

const DELETE_MARKER: HeaderName = HeaderName::from_static("x-amz-delete-marker");
const VERSION_ID: HeaderName = HeaderName::from_static("x-amz-version-id");
const XML: &str = "application/xml";
