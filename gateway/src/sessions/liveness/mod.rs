//! Whether a session still lives: what its token cannot say, because it was written before. Revocations reach every
//! replica within the age of a control document, five seconds; when a session was last used is shared at most once a
//! minute. It must not know tokens, nor who may revoke.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use kms_keys::Timestamp;
use moka::sync::Cache;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::{Seconds, Session};
use crate::clock::Clock;
use crate::control::{Control, ControlError, Document, Form};

/// What ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// Its time.
    #[error("the session has expired")]
    Expired,
    /// Somebody.
    #[error("the session was revoked")]
    Revoked,
    /// Nobody used it.
    #[error("the session was not used for too long")]
    Idle,
}

/// Why something could not be revoked or taken.
#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The token was taken before.
    #[error("the token was used already")]
    Replayed,
    /// The control documents.
    #[error(transparent)]
    Control(#[from] ControlError),
}

/// A tenant's revocations: `revocations/<tenant>`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocations {
    /// Single sessions by access key id, with when they would have ended.
    #[serde(default)]
    pub sessions: BTreeMap<String, Seconds>,
    /// Principals whose sessions of before this moment are over.
    #[serde(default)]
    pub principals: BTreeMap<String, Seconds>,
    /// All sessions of before this moment are over.
    #[serde(default)]
    pub everybody: Option<Seconds>,
}

impl Document for Revocations {
    const FOLDER: &'static str = "revocations";
    const FORM: Form = Form::Clear;
}

/// What a principal did lately: `activity/<tenant>/<principal>`. One document for each, so that their number is that
/// of the principals.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Activity {
    /// When each session was last used, with when it ends.
    sessions: BTreeMap<String, Use>,
    /// When the principal was last seen, to the hour.
    #[serde(default)]
    last: Option<Seconds>,
    /// Tokens that may not be taken again, by the SHA-256 of their id, with when they end.
    tokens: BTreeMap<String, Seconds>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct Use {
    last: Seconds,
    ends: Seconds,
}

impl Document for Activity {
    const FOLDER: &'static str = "activity";
    const FORM: Form = Form::Sealed;
}

/// Looks after the sessions of all tenants.
pub struct Liveness {
    control: Control,
    clock: Clock,
    used: Cache<Uuid, Used>,
    /// Whose use was noted within the hour.
    noted: Cache<(String, String), ()>,
}

/// What this replica saw of a session.
#[derive(Clone, Copy)]
struct Used {
    last: SystemTime,
    shared: Option<SystemTime>,
}

impl Liveness {
    /// Looks after sessions by these documents.
    pub fn new(control: Control, clock: Clock) -> Self {
        Self {
            control,
            clock,
            used: Cache::builder()
                .max_capacity(MOST_USED)
                .time_to_idle(LONGEST_IDLE)
                .build(),
            noted: Cache::builder()
                .max_capacity(MOST_USED)
                .time_to_live(NOTED)
                .build(),
        }
    }

    /// Whether the session lives, and how long it was idle where that is looked at; this is a use of it.
    /// `Ok(Err(…))` says why it does not.
    pub async fn check(
        &self,
        session: &Session,
    ) -> Result<Result<Option<Duration>, Ended>, ControlError> {
        let now = self.clock.now();
        if now >= SystemTime::from(session.expires) {
            return Ok(Err(Ended::Expired));
        }
        let revocations = self.control.get::<Revocations>(&[&session.tenant]).await?;
        if revocations.is_some_and(|kept| kept.value.revoke(session)) {
            return Ok(Err(Ended::Revoked));
        }
        let Some(idle) = session.idle else {
            return Ok(Ok(None));
        };
        let idle = Duration::from_secs(idle.into());
        let used = self.used(session, idle, now).await?;
        let unused = since(used.last, now);
        if unused > idle {
            return Ok(Err(Ended::Idle));
        }
        let is_due = used
            .shared
            .is_none_or(|shared| since(shared, now) >= SHARED.min(idle / 4));
        let shared = if is_due { Some(now) } else { used.shared };
        self.used.insert(session.id, Used { last: now, shared });
        if is_due && let Err(error) = self.share(session, now).await {
            // Other replicas may take it for idle too early; nobody is let in by that.
            tracing::warn!(
                error = crate::error::report(&error),
                "the use of a session cannot be shared"
            );
        }
        Ok(Ok(Some(unused)))
    }

    /// When it was last used, here or, where that was long ago, anywhere.
    async fn used(
        &self,
        session: &Session,
        idle: Duration,
        now: SystemTime,
    ) -> Result<Used, ControlError> {
        let here = self.used.get(&session.id);
        let used = here.unwrap_or(Used {
            last: session.issued.into(),
            shared: None,
        });
        if since(used.last, now) <= idle {
            return Ok(used);
        }
        let name = [session.tenant.as_str(), session.principal.as_str()];
        let activity = self.control.get::<Activity>(&name).await?;
        let elsewhere = activity.and_then(|kept| {
            let found = kept.value.sessions.get(&session.access_key_id())?;
            Some(found.last.into())
        });
        Ok(Used {
            last: elsewhere.map_or(used.last, |at| used.last.max(at)),
            ..used
        })
    }

    async fn share(&self, session: &Session, now: SystemTime) -> Result<(), RevokeError> {
        let name = [session.tenant.as_str(), session.principal.as_str()];
        let used = Use {
            last: now.into(),
            ends: session.expires,
        };
        self.upsert::<Activity>(&name, |activity| {
            activity.prune(now);
            let id = session.access_key_id();
            activity.sessions.insert(id, used);
            Ok(())
        })
        .await
    }

    /// Remembers, to the hour, that a principal did something.
    pub async fn used_by(&self, principal: &policies::Principal) {
        let who = (principal.tenant.clone(), principal.name.clone());
        if self.noted.get(&who).is_some() {
            return;
        }
        let now = self.clock.now();
        let name = [who.0.as_str(), who.1.as_str()];
        let noted = self
            .upsert::<Activity>(&name, |activity| {
                activity.last = Some(now.into());
                Ok(())
            })
            .await;
        if let Err(error) = noted {
            tracing::warn!(
                error = crate::error::report(&error),
                "when a principal was last seen cannot be noted"
            );
        }
        self.noted.insert(who, ());
    }

    /// When a principal last did anything, to the hour.
    pub async fn last_use(
        &self,
        tenant: &str,
        principal: &str,
    ) -> Result<Option<Timestamp>, ControlError> {
        let kept = self
            .control
            .get_now::<Activity>(&[tenant, principal])
            .await?;
        Ok(kept.and_then(|kept| kept.value.last_use()))
    }

    /// Every principal of a tenant that ever did anything, with when it last did.
    pub async fn everybody(
        &self,
        tenant: &str,
    ) -> Result<Vec<(String, Option<Timestamp>)>, ControlError> {
        let kept = self.control.list::<Activity>(&[tenant]).await?;
        let told = kept.into_iter().map(|kept| {
            let name = kept.name.get(1).cloned().unwrap_or_default();
            (name, kept.value.last_use())
        });
        Ok(told.collect())
    }

    /// Takes a token that is good once: on whichever replica, however many try at once.
    pub async fn take(
        &self,
        (tenant, principal): (&str, &str),
        (issuer, token_id): (&str, &str),
        expires: SystemTime,
    ) -> Result<(), RevokeError> {
        let now = self.clock.now();
        let mut digest = Sha256::new();
        digest.update(issuer.as_bytes());
        digest.update([0]);
        digest.update(token_id.as_bytes());
        let hash = hex::encode(digest.finalize());
        // As long as it may be taken for good.
        let ends = Seconds::from(expires.checked_add(SHARED).unwrap_or(expires));
        self.upsert::<Activity>(&[tenant, principal], |activity| {
            activity.prune(now);
            match activity.tokens.insert(hash.clone(), ends) {
                Some(_) => Err(RevokeError::Replayed),
                None => Ok(()),
            }
        })
        .await
    }

    /// Ends one session, by its access key id, everywhere within seconds.
    pub async fn revoke_session(
        &self,
        tenant: &str,
        access_key_id: &str,
    ) -> Result<(), RevokeError> {
        let now = self.clock.now();
        let latest = now.checked_add(LONGEST_SESSION).unwrap_or(now);
        self.upsert::<Revocations>(&[tenant], |revocations| {
            revocations.sessions.retain(|_, ends| *ends > now.into());
            let id = access_key_id.to_owned();
            revocations.sessions.insert(id, latest.into());
            Ok(())
        })
        .await
    }

    /// Ends all sessions of a principal, or of everybody, that began before now.
    pub async fn revoke_all(
        &self,
        tenant: &str,
        principal: Option<&str>,
    ) -> Result<(), RevokeError> {
        // Seconds are whole: a session of this very second is one of before.
        let now = Seconds(Seconds::from(self.clock.now()).0.saturating_add(1));
        self.upsert::<Revocations>(&[tenant], |revocations| {
            match principal {
                Some(name) => {
                    revocations.principals.insert(name.to_owned(), now);
                }
                None => revocations.everybody = Some(now),
            }
            Ok(())
        })
        .await
    }

    /// Changes a document that need not be there, as it is now.
    async fn upsert<T: Document + Clone + Default>(
        &self,
        name: &[&str],
        change: impl Fn(&mut T) -> Result<(), RevokeError>,
    ) -> Result<(), RevokeError> {
        for _ in 0..ATTEMPTS {
            let found = self.control.get_now::<T>(name).await?;
            let mut value = found
                .as_ref()
                .map(|kept| kept.value.clone())
                .unwrap_or_default();
            change(&mut value)?;
            let written = match &found {
                Some(kept) => self.control.replace(kept, &value).await,
                None => self.control.create(name, &value).await,
            };
            match written {
                Err(ControlError::Outrun { .. } | ControlError::Exists { .. }) => {}
                Err(error) => return Err(error.into()),
                Ok(_) => return Ok(()),
            }
        }
        Err(ControlError::Outrun {
            name: name.join("/"),
        }
        .into())
    }
}

impl Revocations {
    fn revoke(&self, session: &Session) -> bool {
        let is_before = |moment: Option<&Seconds>| moment.is_some_and(|at| session.issued < *at);
        let own = session.access_key_id();
        let mut ids = session.made_with.iter().chain([&own]);
        ids.any(|id| self.sessions.contains_key(id))
            || is_before(self.principals.get(&session.principal))
            || is_before(self.everybody.as_ref())
    }
}

impl Activity {
    fn last_use(&self) -> Option<Timestamp> {
        let sessions = self.sessions.values().map(|used| used.last);
        let last = sessions.chain(self.last).max()?;
        Some(SystemTime::from(last).into())
    }

    fn prune(&mut self, now: SystemTime) {
        let now = Seconds::from(now);
        self.sessions.retain(|_, used| used.ends > now);
        self.tokens.retain(|_, ends| *ends > now);
    }
}

impl std::fmt::Debug for Liveness {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Liveness")
    }
}

fn since(then: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(then).unwrap_or_default()
}

/// How often a use is told to other replicas, and the skew of clocks that tokens are given.
const SHARED: Duration = Duration::from_mins(1);
/// How exactly it is known when a principal was last seen.
const NOTED: Duration = Duration::from_hours(1);
const ATTEMPTS: usize = 8;
const MOST_USED: u64 = 1_000_000;
const LONGEST_IDLE: Duration = Duration::from_hours(24);
/// No session is longer.
const LONGEST_SESSION: Duration = Duration::from_hours(36);

#[cfg(test)]
mod tests;
