//! Examining one stored object with its tenant's keys, without opening it: the header is authenticated for the
//! place, the bytes are hashed, and the manifest that pins the hashes is authenticated.

use std::time::Duration;

use kms_keys::{KeyError, KeyErrorKind};
use sealed_object::{BodyChecker, Envelope, Error, Opened, Plain, Sealed, Tail};

use super::{Finding, FindingKind, Scrub};
use crate::buckets::Bucket;
use crate::envelope;
use crate::error::{GatewayError, report};
use crate::tools::{Pace, Stored, ToolError};
use crate::upstream::{Begin, Listed, UpstreamError};

/// What became of one listed object.
pub(super) enum Examined {
    Whole {
        stored: u64,
        object_id: String,
    },
    /// It was deleted since it was listed.
    Gone,
    /// A key that ends in `/` without bytes: some stores (`SeaweedFS`) keep nothing else of it, not its header.
    FolderMarker,
    Found(Finding),
}

/// Why an examination ended early.
enum Broken {
    FolderMarker,
    /// Something to report about this object.
    Found(FindingKind, String),
    /// The store did not give the object.
    Store(UpstreamError),
    /// The scrub cannot go on.
    Tool(ToolError),
}

impl Scrub<'_> {
    /// Examines an object, again and later if the store does not answer.
    pub(super) async fn examine(
        &self,
        listed: &Listed,
        pace: &mut Pace,
    ) -> Result<Examined, ToolError> {
        let mut pauses = PAUSES.iter();
        loop {
            let (kind, detail) = match self.examine_once(listed, pace).await {
                Ok((stored, object_id)) => return Ok(Examined::Whole { stored, object_id }),
                Err(Broken::Found(kind, detail)) => (kind, detail),
                Err(Broken::Tool(error)) => return Err(error),
                Err(Broken::FolderMarker) => return Ok(Examined::FolderMarker),
                Err(Broken::Store(error)) if error.is_missing() => return Ok(Examined::Gone),
                Err(Broken::Store(error)) => {
                    if let Some(pause) = pauses.next() {
                        tokio::time::sleep(*pause).await;
                        continue;
                    }
                    // Either this object is lost or the store is away; its listing tells.
                    let start = Begin::First;
                    self.walk.page(self.upstream, &start).await?;
                    (FindingKind::Unreadable, report(&error))
                }
            };
            return Ok(Examined::Found(Finding {
                kind,
                key: listed.key.clone(),
                version: listed.version.clone(),
                detail,
            }));
        }
    }

    async fn examine_once(
        &self,
        listed: &Listed,
        pace: &mut Pace,
    ) -> Result<(u64, String), Broken> {
        let version = listed.version.as_deref();
        let mut stored =
            Stored::in_store(self.upstream, &self.bucket.upstream, &listed.key, version).await?;
        let is_bare_marker = stored.length == 0 && listed.key.ends_with('/');
        let envelope = envelope::read(&stored.headers).map_err(|error| match error {
            Error::NotSealed if is_bare_marker => Broken::FolderMarker,
            Error::NotSealed => Broken::Found(
                FindingKind::Unsealed,
                "it has no header of a sealed object".to_owned(),
            ),
            error => damaged(error),
        })?;
        let opened = self.open(&listed.key, &envelope).await?;
        let object_id = hex::encode(opened.header().object_id().0);
        if !(is_bare_marker && opened.header().plain() == Some(Plain(0))) {
            self.check_body(&mut stored, &opened, pace).await?;
        }
        Ok((stored.length, object_id))
    }

    async fn check_body(
        &self,
        stored: &mut Stored,
        opened: &Opened,
        pace: &mut Pace,
    ) -> Result<(), Broken> {
        let length = Sealed(stored.length);
        let mut checker = BodyChecker::new(length).map_err(|_| damaged(Error::Size))?;
        while let Some(piece) = stored.next().await? {
            pace.pass(u64::try_from(piece.len()).unwrap_or(u64::MAX))
                .await;
            checker.push(piece).map_err(damaged)?;
        }
        let checked = checker.finish().map_err(damaged)?;
        checked.belongs_to(opened.header()).map_err(damaged)?;
        Tail::open(opened, checked.tail(), length).map_err(damaged)?;
        if let [_, ..] = checked.damaged() {
            let parts: Vec<String> = checked.damaged().iter().map(u16::to_string).collect();
            let detail = format!(
                "E_PART: the bytes of part {} are not those that were sealed",
                parts.join(", ")
            );
            return Err(Broken::Found(FindingKind::Damaged, detail));
        }
        let trailer = checked.trailer();
        let tenant = &self.bucket.tenant;
        let key = self
            .keys
            .audit_key(tenant, trailer.aux_id(), trailer.suite())
            .await
            .map_err(|error| of_key(error, "the audit key"))?;
        trailer.check_audit_mac(&key).map_err(damaged)
    }

    /// Authenticates the envelope for the place at which it was found.
    async fn open(&self, key: &str, envelope: &Envelope) -> Result<Opened, Broken> {
        match self.keys.open(&self.bucket, key, envelope).await {
            Ok(opened) => Ok(opened),
            Err(GatewayError::Sealed(Error::Context)) => Err(Broken::Found(
                FindingKind::WrongPlace,
                self.place_of(key, envelope).await,
            )),
            Err(GatewayError::Sealed(error)) => Err(damaged(error)),
            Err(GatewayError::Keys(
                KeyError::KeyMissing { .. } | KeyError::KeyringMissing { .. },
            )) => Err(self.of_unknown_key(envelope).await),
            Err(error) => Err(of_key(error, "the key")),
        }
    }

    /// Where an object belongs that was not sealed for the place at which it lies, as far as can be told.
    async fn place_of(&self, key: &str, envelope: &Envelope) -> String {
        for other in &self.neighbours {
            if self.keys.open(other, key, envelope).await.is_ok() {
                return format!("it was sealed for the bucket {}", other.name);
            }
        }
        "it was sealed for another key or bucket, or its header was changed".to_owned()
    }

    async fn of_unknown_key(&self, envelope: &Envelope) -> Broken {
        let id = envelope.header().kek_id();
        for tenant in self.other_tenants {
            if self.keys.kek(tenant, id).await.is_ok() {
                let detail = format!("it is sealed under a key of tenant {tenant}");
                return Broken::Found(FindingKind::WrongPlace, detail);
            }
        }
        let detail = format!("its key {} is in no keyring", hex::encode(id.0));
        Broken::Found(FindingKind::UnknownKey, detail)
    }
}

fn damaged(error: Error) -> Broken {
    Broken::Found(FindingKind::Damaged, format!("{}: {error}", error.code()))
}

/// A key that cannot be had: about this object if that is final, about the scrub if it may pass.
fn of_key(error: GatewayError, what: &str) -> Broken {
    let kind = match &error {
        GatewayError::Keys(error) => error.kind(),
        _ => return Broken::Tool(error.into()),
    };
    match kind {
        KeyErrorKind::Missing => Broken::Found(
            FindingKind::UnknownKey,
            format!("{what}: {}", report(&error)),
        ),
        KeyErrorKind::Destroyed | KeyErrorKind::Denied => {
            Broken::Found(FindingKind::UnusableKey, report(&error))
        }
        KeyErrorKind::Unavailable | KeyErrorKind::Corrupt => Broken::Tool(error.into()),
    }
}

impl From<UpstreamError> for Broken {
    fn from(error: UpstreamError) -> Self {
        Self::Store(error)
    }
}

/// The tenant's other buckets.
pub(super) fn neighbours(bucket: &Bucket, all: Vec<Bucket>) -> Vec<Bucket> {
    all.into_iter()
        .filter(|other| other.id != bucket.id)
        .collect()
}

const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(5),
];
