//! `rewrap-objects` and `reencrypt`, object by object: what can be moved to the active KEK of its scope, or sealed anew
//! under it, is; and what cannot is left with its reason.

use std::time::SystemTime;

use kms_keys::{KeyError, KeyErrorKind, KeyId};
use sealed_object::Error as SealedError;

use super::JobError;
use super::ground::Objects;
use super::job::{Item, Job, Kind, Outcome, Reason};
use super::record::ObjectRecord;
use crate::error::GatewayError;
use crate::operations::{Head, Look, Place, Rewrapped, Versioning};

impl Objects {
    /// What that came to, and the head that told so.
    pub(super) async fn change(
        &self,
        (id, job): (&str, &Job),
        place: &Place,
        item: &Item,
    ) -> Result<(Outcome, Option<Box<Head>>), JobError> {
        let operations = &self.operations;
        let mut looked_at = None;
        for attempt in 1..=RACES {
            let head = match operations.look_at(place, item.version.as_deref()).await? {
                Look::Gone => return Ok((Outcome::Gone, None)),
                Look::Folder => return Ok((Outcome::Counted, None)),
                Look::NotSealed => return Ok((Outcome::Left(Reason::NotSealed), None)),
                Look::Sealed(head) => looked_at.insert(head),
            };
            let keys = match operations.keys.sealing(&place.bucket, &place.key).await {
                Ok(keys) => keys,
                Err(error) => return Ok((key_refused(error)?, looked_at)),
            };
            let active = KeyId::from(keys.kek.id().0);
            let is_current = operations.is_current(place, head, &keys).await?;
            if !is_wanted(job, head, is_current) {
                return Ok((Outcome::Already, None));
            }
            if let Some(reason) = self.stays(place, item, head).await? {
                return Ok((Outcome::Left(reason), looked_at));
            }
            let opened = match operations.open_head(place, head).await {
                Ok(opened) => opened,
                Err(error) => return Ok((Outcome::Left(reason_of(error)?), looked_at)),
            };
            let settles_in = operations.settles_in(head);
            if !settles_in.is_zero() {
                if attempt < RACES {
                    tokio::time::sleep(settles_in).await;
                }
                continue;
            }
            let kind = job.wish.kind;
            let mut record =
                ObjectRecord::new(&self.trail, kind, id, (place, item), Some(head)).to(active);
            let anew = match kind {
                Kind::Reencrypt => Some(operations.draw_object_id()?),
                Kind::RewrapObjects | Kind::Usage => None,
            };
            if let Some(new) = anew {
                record = record.anew(new);
            }
            let object = anew.unwrap_or_else(|| head.object_id());
            let keys = match operations.keys.with_own(&place.bucket, keys, object).await {
                Ok(keys) => keys,
                Err(error) => return Ok((key_refused(error)?, looked_at)),
            };
            record.intent().await?;
            let moved = match anew {
                Some(new) => operations.reencrypt(place, head, &keys, new).await,
                None => {
                    operations
                        .rewrap(place, head, &opened, &keys, &self.keeps)
                        .await
                }
            };
            match moved {
                Err(error) => {
                    record.outcome(Err(error.trail_code())).await?;
                    return Ok((Outcome::Left(reason_of(error)?), looked_at));
                }
                Ok(Rewrapped::Changed) => record.outcome(Err("Changed".to_owned())).await?,
                Ok(Rewrapped::Unconditional) => {
                    record.outcome(Err("Unconditional".to_owned())).await?;
                    return Ok((Outcome::Left(Reason::Unconditional), looked_at));
                }
                Ok(Rewrapped::Unaligned) => {
                    record.outcome(Err("Unaligned".to_owned())).await?;
                    return Ok((Outcome::Left(Reason::Unaligned), looked_at));
                }
                Ok(Rewrapped::Moved { version, etag_kept }) => {
                    record.outcome(Ok(version.as_deref())).await?;
                    let behind = self.behind(item, head, version.as_deref());
                    return Ok((Outcome::Moved { etag_kept, behind }, looked_at));
                }
            }
        }
        Ok((Outcome::Left(Reason::Changing), looked_at))
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
        let Some(id) = item.id.as_deref() else {
            return Ok(None);
        };
        let operations = &self.operations;
        if id != NO_VERSION && operations.versioning(&place.bucket).await? == Versioning::Suspended
        {
            return Ok(Some(Reason::Suspended));
        }
        // A copy of what is not retained says nothing of retention, and the store would retain it anew.
        let locks = !head.is_retained(operations.clock.now())
            && operations.locks_by_default(&place.bucket).await?;
        Ok(locks.then_some(Reason::DefaultRetention))
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

/// Whether the job has anything to do with an object.
fn is_wanted(job: &Job, head: &Head, is_current: bool) -> bool {
    match job.wish.kind {
        Kind::Usage | Kind::RewrapObjects => !is_current,
        Kind::Reencrypt => {
            let asked = SystemTime::from(job.created).duration_since(SystemTime::UNIX_EPOCH);
            u128::from(head.sealed_ms()) < asked.unwrap_or_default().as_millis()
        }
    }
}

/// Left because of a key to seal with: whatever the trouble is, it is that key's.
fn key_refused(error: GatewayError) -> Result<Outcome, GatewayError> {
    reason_of(error)?;
    Ok(Outcome::Left(Reason::KeyRefused))
}

/// Why an object can never be opened or moved as it is and as its keys are; an error where that may pass, or is not the
/// object's.
fn reason_of(error: GatewayError) -> Result<Reason, GatewayError> {
    match error {
        GatewayError::Sealed(SealedError::Random | SealedError::Module) => Err(error),
        GatewayError::Sealed(_) => Ok(Reason::Damaged),
        // Somebody thaws frozen keys, so that they are waited for.
        GatewayError::Keys(
            KeyError::ProviderRefused { .. }
            | KeyError::PendingDestroy { .. }
            | KeyError::Destroyed { .. },
        ) => Ok(Reason::KeyRefused),
        GatewayError::Keys(ref key) => match key.kind() {
            KeyErrorKind::Missing | KeyErrorKind::Corrupt => Ok(Reason::Damaged),
            KeyErrorKind::Unavailable | KeyErrorKind::Denied | KeyErrorKind::Destroyed => {
                Err(error)
            }
        },
        _ => Err(error),
    }
}

/// How often an object is read again that somebody writes to.
const RACES: u32 = 6;

/// The version id of what was written while a bucket made no versions.
const NO_VERSION: &str = "null";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_pass_is_waited_for_and_what_may_not_is_left() {
        let of_tenant = || "demo".to_owned();
        let id = KeyId::from([1; 8]);
        let frozen = KeyError::Frozen {
            tenant: of_tenant(),
        };
        assert!(reason_of(frozen.into()).is_err());
        let waits = KeyError::PendingDestroy {
            tenant: of_tenant(),
            id,
        };
        assert_eq!(reason_of(waits.into()).unwrap(), Reason::KeyRefused);
        let gone = KeyError::Destroyed {
            tenant: of_tenant(),
            id,
        };
        assert_eq!(reason_of(gone.into()).unwrap(), Reason::KeyRefused);
        let unknown = KeyError::KeyringMissing {
            tenant: of_tenant(),
        };
        assert_eq!(reason_of(unknown.into()).unwrap(), Reason::Damaged);
        let frame = SealedError::Trailer;
        assert_eq!(reason_of(frame.into()).unwrap(), Reason::Damaged);
        assert!(reason_of(SealedError::Random.into()).is_err());
        assert!(reason_of(GatewayError::Unexpected("anything")).is_err());
    }
}
