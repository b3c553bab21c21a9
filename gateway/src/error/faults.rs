//! What a client is told about each kind of error. Every match is exhaustive: a new error does not
//! compile until someone chooses its code.

use kms_keys::{KeyError, KeyErrorKind, Refusal};
use sealed_object::Error as Sealed;

use crate::body::BodyError;
use crate::checksum::ChecksumError;
use crate::control::ControlError;
use crate::s3::{Code, S3Error};
use crate::sigv4::{ChunkError, SignatureError};
use crate::upstream::UpstreamError;

pub(super) fn internal() -> S3Error {
    Code::InternalError.because("We encountered an internal error. Please try again.")
}

pub(super) fn of_signature(error: &SignatureError) -> S3Error {
    let message = error.to_string();
    match error {
        SignatureError::AccessDenied { headers_not_signed } => Code::AccessDenied
            .because(message)
            .with("HeadersNotSigned", headers_not_signed.join(", ")),
        SignatureError::ExpiredPresign { expired_at } => Code::AccessDenied
            .because(message)
            .with("Expires", httpdate::fmt_http_date(*expired_at)),
        SignatureError::SignatureDoesNotMatch { .. } => {
            Code::SignatureDoesNotMatch.because(message)
        }
        SignatureError::InvalidAccessKeyId => Code::InvalidAccessKeyId.because(message),
        SignatureError::RequestTimeTooSkewed {
            request_time,
            server_time,
        } => Code::RequestTimeTooSkewed
            .because(message)
            .with("RequestTime", httpdate::fmt_http_date(*request_time))
            .with("ServerTime", httpdate::fmt_http_date(*server_time))
            .with("MaxAllowedSkewMilliseconds", "900000"),
        SignatureError::AuthorizationHeaderMalformed { region, .. } => with_region(
            Code::AuthorizationHeaderMalformed.because(message),
            region.as_ref(),
        ),
        SignatureError::AuthorizationQueryParametersError { region, .. } => with_region(
            Code::AuthorizationQueryParametersError.because(message),
            region.as_ref(),
        ),
        SignatureError::QueryNotSigned { .. } | SignatureError::DateNeeded => {
            Code::AccessDenied.because(message)
        }
        SignatureError::SigV4Needed | SignatureError::InvalidRequest { .. } => {
            Code::InvalidRequest.because(message)
        }
        SignatureError::InvalidArgument { .. } => Code::InvalidArgument.because(message),
        SignatureError::NotImplemented { .. } => Code::NotImplemented.because(message),
    }
}

fn with_region(error: S3Error, region: Option<&String>) -> S3Error {
    match region {
        Some(region) => error.with("Region", region),
        None => error,
    }
}

pub(super) fn of_control(error: &ControlError) -> S3Error {
    match error {
        ControlError::Exists { .. } | ControlError::Outrun { .. } => Code::OperationAborted
            .because(
                "A conflicting operation is in progress against this resource. Please try again.",
            ),
        ControlError::Missing { .. } | ControlError::Shape { .. } => internal(),
        ControlError::Keys(error) => of_key(error),
    }
}

pub(super) fn of_body(error: &BodyError) -> S3Error {
    match error {
        BodyError::Chunk(error) => of_chunk(error),
        BodyError::Checksum(error) => of_checksum(error),
        BodyError::Length { announced } => Code::IncompleteBody.because(format!(
            "The body must have exactly the {announced} bytes that its headers announce."
        )),
        BodyError::TooLong { limit } => Code::EntityTooLarge.because(format!(
            "The body of this request may have at most {limit} bytes."
        )),
        BodyError::Idle => {
            Code::RequestTimeout.because("No bytes arrived for too long; send the request again.")
        }
        BodyError::Broken(_) => {
            Code::IncompleteBody.because("The connection broke before the body had arrived.")
        }
    }
}

fn of_chunk(error: &ChunkError) -> S3Error {
    let code = match error {
        ChunkError::MalformedTrailer { .. } => Code::MalformedTrailer,
        ChunkError::Malformed { .. } | ChunkError::InvalidRequest { .. } => Code::InvalidRequest,
        ChunkError::ChunkSignature { .. } | ChunkError::TrailerSignature => {
            Code::SignatureDoesNotMatch
        }
        ChunkError::IncompleteBody { .. } | ChunkError::Truncated { .. } => Code::IncompleteBody,
        ChunkError::MissingContentLength => Code::MissingContentLength,
    };
    code.because(error.to_string())
}

/// Also used where checksums are compared outside a body, at `CompleteMultipartUpload`.
fn of_checksum(error: &ChecksumError) -> S3Error {
    let code = match error {
        ChecksumError::InvalidRequest { .. } => Code::InvalidRequest,
        ChecksumError::InvalidDigest => Code::InvalidDigest,
        ChecksumError::MalformedTrailer { .. } => Code::MalformedTrailer,
        ChecksumError::BadDigest { .. } | ChecksumError::BadContentMd5 => Code::BadDigest,
        ChecksumError::XAmzContentSHA256Mismatch => Code::XAmzContentSha256Mismatch,
        ChecksumError::InvalidPart { .. } => Code::InvalidPart,
    };
    code.because(error.to_string())
}

/// All failures to open share one text; the layer is for the trail. Their codes tell only whether there is a sealed
/// object that this tenant accepts at all.
pub(super) fn of_sealed(error: Sealed) -> S3Error {
    match error {
        Sealed::NotSealed | Sealed::Suite => Code::ObjectNotSealed
            .because(NOT_SERVED),
        Sealed::KeyUnknown
        | Sealed::Context
        | Sealed::Commit
        | Sealed::Size
        | Sealed::Part
        | Sealed::Frame { .. }
        | Sealed::Trailer
        | Sealed::Manifest
        | Sealed::Pad => Code::IntegrityError
            .because(NOT_SERVED),
        Sealed::Token => Code::NoSuchUpload.because(
            "The upload id or part is not one that this gateway issued for this object, or the upload has ended.",
        ),
        Sealed::Unpinned => Code::InvalidPart.because("A part's ETag is not the one that UploadPart returned."),
        Sealed::PartOrder => Code::InvalidPartOrder.because("The parts must be listed in ascending order."),
        Sealed::PartTooSmall => {
            Code::EntityTooSmall.because("Every part but the last must have at least 5 MiB (5242880 bytes).")
        }
        Sealed::TooLarge => Code::EntityTooLarge
            .because("One request may upload 5 GiB, and one part of a multipart upload has at most 5 GiB less 4 MiB; send larger objects in parts."),
        Sealed::PartNumber => Code::InvalidArgument.because("Part numbers are from 1 to 10000."),
        Sealed::NoParts => Code::MalformedXml.because("A multipart upload is completed with at least one part."),
        Sealed::MetadataTooLarge => {
            Code::MetadataTooLarge.because("User metadata may have 2048 bytes, and system metadata as many.")
        }
        Sealed::Checksum => Code::InvalidRequest.because("A checksum has an impossible length."),
        Sealed::Length => Code::IncompleteBody.because("The body is not as long as its headers announce."),
        Sealed::Range | Sealed::Random | Sealed::Module => internal(),
    }
}

pub(super) fn of_key(error: &KeyError) -> S3Error {
    match error.kind() {
        KeyErrorKind::Denied => of_refusal(error),
        KeyErrorKind::Missing => Code::KeyNotFound.because("The key that the object was sealed under is not known here."),
        KeyErrorKind::Destroyed => Code::KeyShredded.because("The key that the object was sealed under was destroyed; the object cannot be read any more."),
        KeyErrorKind::Unavailable => Code::SlowDown.because("Keys cannot be had at the moment; please try again."),
        KeyErrorKind::Corrupt => internal(),
    }
}

/// By the codes that S3 has for them.
fn of_refusal(error: &KeyError) -> S3Error {
    match error {
        KeyError::ProviderRefused {
            refusal: Refusal::Disabled,
            ..
        } => Code::KmsDisabled
            .because("This tenant's key is disabled in the key management service."),
        KeyError::ProviderRefused {
            refusal: Refusal::PendingDeletion,
            ..
        } => Code::KmsInvalidState.because(
            "This tenant's key is in a state in which the key management service does not use it.",
        ),
        KeyError::Frozen { .. } => Code::KmsAccessDenied.because("This tenant's keys are frozen."),
        _ => Code::KmsAccessDenied
            .because("The key management service denies the use of this tenant's key."),
    }
}

/// The store's refusals that mean the same to the client pass as their code, with our words: the store's
/// own text may name its buckets, hosts and keys. What is between the gateway and the store only (its
/// credentials, its redirects) becomes an internal error.
pub(super) fn of_upstream(error: &UpstreamError) -> S3Error {
    match error {
        UpstreamError::Refused {
            code: Some(code), ..
        } => match words_for(*code) {
            Some(words) => code.because(words),
            None => internal(),
        },
        UpstreamError::Refused { code: None, .. } | UpstreamError::Unexpected(_) => internal(),
        UpstreamError::Transport(_) => {
            Code::SlowDown.because("The store does not answer; please try again.")
        }
    }
}

fn words_for(code: Code) -> Option<&'static str> {
    Some(match code {
        Code::NoSuchKey => "The specified key does not exist.",
        Code::NoSuchVersion => "The specified version does not exist.",
        Code::NoSuchBucket => "The specified bucket does not exist.",
        Code::NoSuchUpload => {
            "The specified multipart upload does not exist; it may have been aborted or completed."
        }
        Code::NotModified => "Not modified.",
        Code::PreconditionFailed => "At least one of the preconditions you specified did not hold.",
        Code::ConditionalRequestConflict => {
            "A conflicting operation happened meanwhile; please try again."
        }
        Code::OperationAborted => "A conflicting operation is in progress; please try again.",
        Code::BucketNotEmpty => "The bucket you tried to delete is not empty.",
        Code::InvalidRange => "The requested range is not satisfiable.",
        Code::MethodNotAllowed => "The specified method is not allowed against this resource.",
        Code::AccessDenied => "The store refused; the object may be locked.",
        Code::InvalidObjectState => "The object is archived; restore it first.",
        Code::InvalidPart => {
            "One or more of the parts could not be found, or an ETag did not match."
        }
        Code::InvalidPartOrder => "The parts must be listed in ascending order.",
        Code::EntityTooSmall => "Every part but the last must have at least 5 MiB (5242880 bytes).",
        Code::EntityTooLarge => "The upload is larger than the store takes.",
        Code::MetadataTooLarge => "The metadata is larger than the store takes.",
        Code::KeyTooLong => "The key is longer than 1024 bytes.",
        Code::InvalidTag => "A tag is not valid.",
        Code::InvalidStorageClass => "The storage class is not one the store has.",
        Code::InvalidArgument => "An argument is not valid.",
        Code::InvalidRequest => "The store refused the request as it is.",
        Code::InvalidRetentionPeriod => "The retention period is not valid.",
        Code::InvalidBucketState => "The bucket's state does not allow this.",
        Code::MalformedXml => "The XML document is not well-formed or not valid.",
        Code::NoSuchTagSet => "There are no tags.",
        Code::NoSuchLifecycleConfiguration => "There is no lifecycle configuration.",
        Code::NoSuchCorsConfiguration => "There is no CORS configuration.",
        Code::NoSuchBucketPolicy => "There is no bucket policy.",
        Code::NoSuchObjectLockConfiguration => "There is no retention or legal hold on the object.",
        Code::NoSuchPublicAccessBlockConfiguration => {
            "There is no public access block configuration."
        }
        Code::ObjectLockConfigurationNotFound => "The bucket has no object lock configuration.",
        Code::OwnershipControlsNotFound => "There are no ownership controls.",
        Code::NotImplemented => "The store does not offer this.",
        Code::SlowDown => "The store asks for fewer requests; please try again.",
        Code::RequestTimeout => "The upload was too slow for the store; please try again.",
        Code::TooManyBuckets => "The store allows no more buckets.",
        _ => return None,
    })
}

/// What a client is told of a stored object that was refused, whichever check failed.
const NOT_SERVED: &str =
    "The stored object did not pass its integrity check and is not served. The event is on record.";
