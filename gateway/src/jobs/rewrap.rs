//! `rewrap-objects`, object by object: what can be moved to the active KEK of its scope is, and what cannot is left
//! with its reason.

use kms_keys::{KeyErrorKind, KeyId};

use super::JobError;
use super::ground::Objects;
use super::job::{Item, Job, Outcome, Reason};
use super::record::ObjectRecord;
use crate::error::GatewayError;
use crate::operations::{Head, Look, Place, Rewrapped, Versioning};

impl Objects {
    pub(super) async fn rewrap(
        &self,
        (id, _): (&str, &Job),
        place: &Place,
        item: &Item,
    ) -> Result<Outcome, JobError> {
        let operations = &self.operations;
        for attempt in 1..=RACES {
            let head = match operations.look_at(place, item.version.as_deref()).await? {
                Look::Gone => return Ok(Outcome::Gone),
                Look::Folder => return Ok(Outcome::Counted),
                Look::NotSealed => return Ok(Outcome::Left(Reason::NotSealed)),
                Look::Sealed(head) => head,
            };
            let keys = operations.keys.sealing(&place.bucket, &place.key).await?;
            let active = KeyId::from(keys.kek.id().0);
            if head.kek() == active {
                return Ok(Outcome::Already);
            }
            let record =
                || ObjectRecord::new(&self.trail, "admin:RewrapObject", id, (place, item), &head);
            let stays = match self.stays(place, item, &head).await? {
                Some(reason) => Err(reason),
                None => opened_or_reason(operations.open_head(place, &head).await)?,
            };
            let opened = match stays {
                Ok(opened) => opened,
                Err(reason) => {
                    record().left(reason).await?;
                    return Ok(Outcome::Left(reason));
                }
            };
            let settles_in = operations.settles_in(&head);
            if !settles_in.is_zero() && attempt < RACES {
                tokio::time::sleep(settles_in).await;
                continue;
            }
            let record = record().to(active);
            record.intent().await?;
            let moved = operations
                .rewrap(place, &head, &opened, &keys, &self.keeps)
                .await;
            match moved {
                Err(error) => {
                    record.outcome(Err(error.trail_code())).await?;
                    return Err(error.into());
                }
                Ok(Rewrapped::Changed) => record.outcome(Err("Changed".to_owned())).await?,
                Ok(Rewrapped::Moved { version, etag_kept }) => {
                    record.outcome(Ok(version.as_deref())).await?;
                    let behind = self.behind(item, &head, version.as_deref());
                    return Ok(Outcome::Moved { etag_kept, behind });
                }
            }
        }
        Ok(Outcome::Left(Reason::Changing))
    }

    /// Why it cannot be moved, if it cannot.
    async fn stays(
        &self,
        place: &Place,
        item: &Item,
        head: &Head,
    ) -> Result<Option<Reason>, JobError> {
        if item.version.is_some() {
            return Ok(Some(self.kept_back(head)));
        }
        if head.is_archived() {
            return Ok(Some(Reason::Archived));
        }
        let has_id = item.id.as_deref().is_some_and(|id| id != NO_VERSION);
        let suspended =
            has_id && self.operations.versioning(&place.bucket).await? == Versioning::Suspended;
        Ok(suspended.then_some(Reason::Suspended))
    }

    fn kept_back(&self, head: &Head) -> Reason {
        if head.is_locked(self.operations.clock.now()) {
            Reason::Locked
        } else {
            Reason::Noncurrent
        }
    }

    /// The version that was copied is still there, where there are versions.
    fn behind(
        &self,
        item: &Item,
        head: &Head,
        written: Option<&str>,
    ) -> Option<(Option<String>, Reason)> {
        let was = head.version().or(item.id.as_deref());
        let now = written?;
        (was != Some(now)).then(|| (was.map(str::to_owned), self.kept_back(head)))
    }
}

/// What is opened, or why it can never be; an error where it may be later.
fn opened_or_reason<T>(opened: Result<T, GatewayError>) -> Result<Result<T, Reason>, GatewayError> {
    match opened {
        Ok(opened) => Ok(Ok(opened)),
        Err(GatewayError::Sealed(_)) => Ok(Err(Reason::Damaged)),
        Err(GatewayError::Keys(error)) => match error.kind() {
            KeyErrorKind::Unavailable => Err(GatewayError::Keys(error)),
            KeyErrorKind::Denied | KeyErrorKind::Destroyed => Ok(Err(Reason::KeyRefused)),
            KeyErrorKind::Missing | KeyErrorKind::Corrupt => Ok(Err(Reason::Damaged)),
        },
        Err(error) => Err(error),
    }
}

/// How often an object is read again that somebody writes to.
const RACES: u32 = 6;

/// The version id of what was written while a bucket made no versions.
const NO_VERSION: &str = "null";
