//! Sessions: short-lived credentials, issued once and believed by every replica without asking anybody.
//!
//! A session is a sealed token that the client carries ([`token`]) and a secret that follows from its id, so that no
//! replica stores any. What a token cannot say, that it was revoked or not used for long, lies in control documents
//! that every replica reads within five seconds ([`liveness`]). It must not know HTTP.

mod liveness;
mod restrictions;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use liveness::{Ended, Liveness, Revocations, RevokeError};
pub use restrictions::Restrictions;
pub(crate) use token::is_session_id;
pub use token::{LONGEST as TOKEN_CHARACTERS, SessionKeys, TokenRefused};

use crate::sigv4::SecretKey;

/// Who acts, since when and until when: everything that a token says. A replica that does not know a part of it takes
/// none of it, lest it overlook a restriction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Session {
    /// Its id.
    pub id: Uuid,
    /// The tenant it is for.
    pub tenant: String,
    /// The principal's name.
    pub principal: String,
    /// Whether the principal is a person.
    pub is_human: bool,
    /// The roles it may act in.
    pub roles: Vec<String>,
    /// The groups that the identity provider names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What else the identity provider says of the principal.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// The name that the client gave it.
    pub name: String,
    /// The access keys it was made with, the first first; none where a token of an identity provider made it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_with: Vec<String>,
    /// When it began.
    pub issued: Seconds,
    /// When it ends.
    pub expires: Seconds,
    /// How long it may go unused, if there is such a limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle: Option<u32>,
    /// When the principal signed in with the identity provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_in: Option<Seconds>,
    /// How: `amr`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// When a second factor was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_factor: Option<Seconds>,
    /// What the session is restricted to, in the words of the client: policies in IAM's JSON. Each must permit; a session
    /// has those of the session it was made in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<String>,
}

impl Session {
    /// The public half of its credentials.
    pub fn access_key_id(&self) -> String {
        token::access_key_id(self.id)
    }
}

/// A moment, in whole seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seconds(pub u64);

impl From<SystemTime> for Seconds {
    fn from(at: SystemTime) -> Self {
        let since = at.duration_since(SystemTime::UNIX_EPOCH);
        Self(since.unwrap_or_default().as_secs())
    }
}

impl From<Seconds> for SystemTime {
    fn from(Seconds(seconds): Seconds) -> Self {
        Self::UNIX_EPOCH
            .checked_add(Duration::from_secs(seconds))
            .unwrap_or(Self::UNIX_EPOCH)
    }
}

/// What a client is given.
#[derive(Debug)]
pub struct Credentials {
    /// The public half; it begins with `ASIA`, as those of AWS do.
    pub access_key_id: String,
    /// The secret half.
    pub secret_access_key: Arc<SecretKey>,
    /// The session itself, sealed.
    pub session_token: String,
    /// When they end.
    pub expires: SystemTime,
}

#[cfg(test)]
mod tests;
