//! Whether what is archived stays: tried on a canary, with the gateway's own credentials. The bucket's settings are looked at
//! too, but what the store does is believed more than what it says.

use std::fmt;
use std::time::{Duration, SystemTime};

use audit::Identity;
use audit::archiving::ArchiveObject;
use audit::signed::NoteError;
use http::{HeaderMap, Method};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::bucket::{ArchiveBucket, COMPLIANCE};
use crate::upstream::{StoreRequest, UpstreamError};

/// What a bucket lacks to be an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lack {
    /// It is not there.
    Bucket,
    /// It keeps no versions.
    Versions,
    /// It has no Object Lock.
    Lock,
    /// What was written to be locked is not.
    Unlocked,
    /// The gateway could remove what is locked.
    Removed,
    /// The gateway could have what is locked kept for a shorter time.
    Shortened,
}

/// Why a bucket could not be tried.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The store.
    #[error("the archive's bucket cannot be tried")]
    Store(#[from] UpstreamError),
    /// The deployment's key.
    #[error("the deployment's key cannot sign")]
    Key(#[from] NoteError),
}

impl fmt::Display for Lack {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Bucket => "there is no such bucket, and the gateway may not make it: make one with Object Lock (aws s3api create-bucket --object-lock-enabled-for-bucket)",
            Self::Versions => "the bucket keeps no versions, without which nothing is locked: switch versioning on (aws s3api put-bucket-versioning)",
            Self::Lock => "the bucket has no Object Lock: switch it on (aws s3api put-object-lock-configuration), or, where the store allows that for new buckets only, name another bucket",
            Self::Unlocked => "the canary was written to be locked in COMPLIANCE mode, and is not: the store ignores Object Lock; name a bucket of a store that has it",
            Self::Removed => "the gateway could remove the canary before its time: the store does not hold to its locks; name a bucket of a store that does",
            Self::Shortened => "the gateway could shorten the canary's retention: the store does not hold to its locks; name a bucket of a store that does",
        })
    }
}

impl ArchiveBucket {
    /// Tries whether what is archived can be removed or kept for a shorter time; nothing, if not. Writes a canary, one a
    /// day, which is kept for two.
    pub async fn try_worm(
        &self,
        identity: &Identity,
        now: SystemTime,
    ) -> Result<Vec<Lack>, TrialError> {
        let head = StoreRequest::bucket(Method::HEAD, &self.bucket);
        match self.upstream.send(head).await {
            Err(error) if error.is_missing() => return Ok(vec![Lack::Bucket]),
            answered => answered.map(drop)?,
        }
        let mut lacks = self.settings().await?;
        match self.canary(identity, now).await {
            Ok(lack) => lacks.extend(lack),
            // A bucket without locks refuses whatever is to be locked, which has been said.
            Err(_) if !lacks.is_empty() => {}
            Err(error) => return Err(error),
        }
        Ok(lacks)
    }

    /// What the bucket says of itself.
    async fn settings(&self) -> Result<Vec<Lack>, UpstreamError> {
        let mut lacks = Vec::new();
        for (setting, lack, name) in [
            ("versioning", Lack::Versions, "Status"),
            ("object-lock", Lack::Lock, "ObjectLockEnabled"),
        ] {
            let request = StoreRequest::bucket(Method::GET, &self.bucket).with_query(setting, "");
            let enabled = match self.upstream.document(request, LONGEST).await {
                Ok((_, document)) => document.child_text(name) == Some("Enabled"),
                Err(UpstreamError::Refused { status, .. })
                    if matches!(status.as_u16(), 404 | 501) =>
                {
                    false
                }
                Err(error) => return Err(error),
            };
            if !enabled {
                lacks.push(lack);
            }
        }
        Ok(lacks)
    }

    async fn canary(
        &self,
        identity: &Identity,
        now: SystemTime,
    ) -> Result<Option<Lack>, TrialError> {
        let day = OffsetDateTime::from(now).date();
        let name = format!("canary/{day}");
        let key = identity.deployment_key()?;
        let text = key.sign(&format!("{TITLE}\n{}\n{day}\n", identity.name()));
        if let Some(note) = ArchiveObject::note(name.clone(), text.into_bytes()) {
            let until = now.checked_add(TWO_DAYS).unwrap_or(now);
            // What somebody else has put there can be tried just as well.
            self.put(&note, until).await?;
        }
        let written = self.head(&name, None).await?;
        let (Some(written), Some(version)) =
            (lock(&written), text_of(&written, "x-amz-version-id"))
        else {
            return Ok(Some(Lack::Unlocked));
        };
        let remove = self
            .object(Method::DELETE, &name)
            .with_query("versionId", version.as_str());
        refused(self.upstream.send(remove).await.map(drop))?;
        let shorter = now.checked_add(HOUR).unwrap_or(now);
        refused(self.extend(&name, Some(&version), shorter).await)?;
        // What counts is what is there now.
        let there = match self.head(&name, Some(&version)).await {
            Err(error) if error.is_missing() => return Ok(Some(Lack::Removed)),
            there => lock(&there?),
        };
        Ok((there != Some(written)).then_some(Lack::Shortened))
    }

    pub(super) async fn head(
        &self,
        name: &str,
        version: Option<&str>,
    ) -> Result<HeaderMap, UpstreamError> {
        let request = self
            .object(Method::HEAD, name)
            .with_query_if("versionId", version);
        Ok(self.upstream.send(request).await?.headers)
    }
}

/// A store may refuse in many ways; one that was not reached has refused nothing.
fn refused(answered: Result<(), UpstreamError>) -> Result<(), UpstreamError> {
    match answered {
        Err(error) if error.may_pass() => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Until when an object is locked so that nobody can change that.
pub(super) fn lock(headers: &HeaderMap) -> Option<OffsetDateTime> {
    let mode = text_of(headers, "x-amz-object-lock-mode")?;
    let until = text_of(headers, "x-amz-object-lock-retain-until-date")?;
    (mode == COMPLIANCE)
        .then(|| OffsetDateTime::parse(&until, &Rfc3339).ok())
        .flatten()
}

fn text_of(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}

const TITLE: &str = "sealgate audit archive canary v1";
const HOUR: Duration = Duration::from_hours(1);
/// Stores take a day at least; a canary serves for the rest of its day, and can be shortened to an hour all the while.
const TWO_DAYS: Duration = Duration::from_hours(48);
/// Bytes; far more than a setting has.
const LONGEST: usize = 64 * 1024;
