//! What a failed call to AWS KMS means. Only what may pass is told as unavailable; a word of the
//! service is a refusal, and what nobody can make sense of is a wrong answer.

use std::sync::Arc;

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};

use crate::{Cause, KeyError, Refusal};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    Unavailable,
    Refused(Refusal),
    Missing,
    DoesNotUnwrap,
    Wrong(String),
}

impl Failure {
    pub(super) fn of<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> Self {
        match error {
            SdkError::ResponseError(_) => Self::Wrong("it is not of the API's form".to_owned()),
            SdkError::ServiceError(service) => Self::coded(service.err().code()),
            // No answer: timeouts, connections, credentials that cannot be had.
            _ => Self::Unavailable,
        }
    }

    /// By the error's code (AWS KMS API reference, each action's errors, and "Common Errors").
    fn coded(code: Option<&str>) -> Self {
        match code {
            Some("AccessDeniedException" | "AccessDenied" | "NotAuthorized") => {
                Self::Refused(Refusal::AccessDenied)
            }
            // Our own credentials are refused.
            Some(
                "UnrecognizedClientException"
                | "InvalidClientTokenId"
                | "IncompleteSignature"
                | "InvalidSignatureException"
                | "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "OptInRequired"
                | "SignatureDoesNotMatch",
            ) => Self::Refused(Refusal::AccessDenied),
            // Its kinds are told apart by text only; both end the use of the key.
            Some("DisabledException" | "InvalidKeyUsageException") => {
                Self::Refused(Refusal::Disabled)
            }
            Some("KMSInvalidStateException") => Self::Refused(Refusal::PendingDeletion),
            Some("NotFoundException") => Self::Missing,
            Some("InvalidCiphertextException" | "IncorrectKeyException") => Self::DoesNotUnwrap,
            Some(
                "DependencyTimeoutException"
                | "KMSInternalException"
                | "KeyUnavailableException"
                | "ThrottlingException"
                | "Throttling"
                | "RequestLimitExceeded"
                | "LimitExceededException"
                | "TooManyRequestsException"
                | "ServiceUnavailable"
                | "ServiceUnavailableException"
                | "InternalFailure"
                | "InternalServerError"
                | "RequestExpired"
                | "ExpiredToken"
                | "ExpiredTokenException",
            ) => Self::Unavailable,
            Some(code) => Self::Wrong(code.to_owned()),
            None => Self::Wrong("an error without a code".to_owned()),
        }
    }

    pub(super) fn told(self, provider: &Arc<str>, root_key: &str, source: Cause) -> KeyError {
        let provider = Arc::clone(provider);
        let root_key = root_key.to_owned();
        match self {
            Self::Unavailable => KeyError::ProviderUnavailable { provider, source },
            Self::Refused(refusal) => KeyError::ProviderRefused {
                provider,
                root_key,
                refusal,
                source,
            },
            Self::Missing => KeyError::RootKeyMissing { provider, root_key },
            Self::DoesNotUnwrap => KeyError::DoesNotUnwrap { provider, root_key },
            Self::Wrong(what) => KeyError::WrongAnswer {
                provider,
                root_key,
                what,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_told_as_unavailable() {
        for passing in [
            "ThrottlingException",
            "KMSInternalException",
            "DependencyTimeoutException",
            "KeyUnavailableException",
        ] {
            assert_eq!(Failure::coded(Some(passing)), Failure::Unavailable);
        }
        for (code, refusal) in [
            ("AccessDeniedException", Refusal::AccessDenied),
            ("DisabledException", Refusal::Disabled),
            ("KMSInvalidStateException", Refusal::PendingDeletion),
        ] {
            assert_eq!(Failure::coded(Some(code)), Failure::Refused(refusal));
        }
        assert_eq!(Failure::coded(Some("NotFoundException")), Failure::Missing);
        for other in [Some("ValidationException"), None] {
            assert!(matches!(Failure::coded(other), Failure::Wrong(_)));
        }
    }
}
