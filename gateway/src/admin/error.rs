//! What an administrator is told when a call fails: a code, what is wrong, and how to mend it.

use std::time::Duration;

use http::StatusCode;
use kms_keys::{KeyError, KeyErrorKind};
use serde_json::{Value, json};

use crate::control::ControlError;
use crate::error::{GatewayError, report};

/// Why a call was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminError {
    status: StatusCode,
    code: &'static str,
    message: String,
    mend: String,
    /// How old a sign-in may be, where that is what is wrong.
    max_age: Option<Duration>,
}

impl AdminError {
    /// An error of any kind. `code`: one word, for programs; `mend`: what to do about it, for people.
    pub fn new(status: StatusCode, code: &'static str, message: &str, mend: &str) -> Self {
        Self {
            status,
            code,
            message: message.to_owned(),
            mend: mend.to_owned(),
            max_age: None,
        }
    }

    /// What is asked makes no sense; `message` says what and where.
    pub fn invalid(message: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "InvalidRequest",
            message,
            "Correct it and call again.",
        )
    }

    /// There is no such thing.
    pub fn missing(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "NotFound",
            &format!("There is no {what}."),
            "List what there is, and check the name.",
        )
    }

    /// It cannot be done as things stand.
    pub fn conflict(message: &str, mend: &str) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", message, mend)
    }

    /// Who calls may not.
    pub fn forbidden(message: &str, mend: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "AccessDenied", message, mend)
    }

    pub(super) fn unauthenticated() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "InvalidCredential",
            "The call carries no admin credential, or one that is unknown or revoked.",
            "Send `Authorization: Bearer TOKEN`; `sealgate admin credential create` makes one.",
        )
    }

    /// The second factor is missing or was shown too long ago (RFC 9470).
    pub(super) fn step_up(max_age: Duration) -> Self {
        let seconds = max_age.as_secs();
        let refused = Self::new(
            StatusCode::UNAUTHORIZED,
            "insufficient_user_authentication",
            &format!("This needs a second factor that was shown within the last {seconds} s."),
            "Sign in at the identity provider again, with a second factor (max_age), and call with the new token.",
        );
        Self {
            max_age: Some(max_age),
            ..refused
        }
    }

    pub(super) fn unrecorded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "AuditUnavailable",
            "The call cannot be put on record now, so it was not carried out or not confirmed.",
            "See to the disk of the audit journal, look what was done, and call again.",
        )
    }

    pub(super) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "InternalError",
            "Something went wrong inside the gateway.",
            "The gateway's log says what; please report it.",
        )
    }

    /// HTTP's status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The word for programs.
    pub fn code(&self) -> &'static str {
        self.code
    }

    pub(super) fn into_answer(self) -> (StatusCode, Value) {
        let mut body = json!({ "code": self.code, "message": self.message, "mend": self.mend });
        if let (Some(max_age), Some(members)) = (self.max_age, body.as_object_mut()) {
            members.insert("max_age".to_owned(), max_age.as_secs().into());
        }
        (self.status, body)
    }
}

impl std::fmt::Display for AdminError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {} {}", self.code, self.message, self.mend)
    }
}

impl std::error::Error for AdminError {}

impl From<ControlError> for AdminError {
    fn from(error: ControlError) -> Self {
        match error {
            ControlError::Exists { .. } => Self::conflict(
                "There is one of that name already.",
                "Take another name, or change the one that is there.",
            ),
            ControlError::Outrun { .. } => Self::conflict(
                "Somebody else changed it at the same time.",
                "Look at it again, and call again.",
            ),
            ControlError::Missing { .. } => Self::missing("such document"),
            ControlError::Shape { .. } => {
                tracing::error!(
                    error = report(&error),
                    "a control document is not understood"
                );
                Self::internal()
            }
            ControlError::Keys(error) => error.into(),
        }
    }
}

/// Of what decides about data, and is looked at here.
impl From<GatewayError> for AdminError {
    fn from(error: GatewayError) -> Self {
        let may_pass = error.fault().code.status() == StatusCode::SERVICE_UNAVAILABLE;
        match error {
            GatewayError::Control(error) => error.into(),
            GatewayError::Keys(error) => error.into(),
            error if may_pass => {
                tracing::warn!(error = report(&error), "an admin call failed");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Unavailable",
                    "The store does not answer.",
                    "Call again when it does.",
                )
            }
            error => {
                tracing::error!(error = report(&error), "an admin call failed");
                Self::internal()
            }
        }
    }
}

impl From<KeyError> for AdminError {
    fn from(error: KeyError) -> Self {
        let said = report(&error);
        let (status, code, mend) = match error.kind() {
            KeyErrorKind::Denied => (
                StatusCode::FORBIDDEN,
                "KmsAccessDenied",
                "Check the key's state and the permissions of the gateway's role at the KMS.",
            ),
            KeyErrorKind::Missing => (
                StatusCode::NOT_FOUND,
                "NotFound",
                "Check the tenant's name and the key's id.",
            ),
            KeyErrorKind::Destroyed => (
                StatusCode::CONFLICT,
                "KeyDestroyed",
                "What this key sealed cannot be opened again; a backup of the keyring may hold it.",
            ),
            KeyErrorKind::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "Unavailable",
                "Call again when the KMS and the store answer.",
            ),
            KeyErrorKind::Corrupt => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "Corrupt",
                "Somebody changed a document in the system bucket: restore it, and find out who.",
            ),
        };
        tracing::warn!(error = said, code, "an admin call failed");
        Self::new(status, code, &said, mend)
    }
}
