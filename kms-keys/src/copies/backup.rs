//! A backup: one text file with all documents, authenticated as a whole, from which they are restored
//! when nothing else is left but the root key. It has wrapped keys only.
//!
//! The first line says of what it is a backup, each further one holds one document, the deployment's
//! first, and the last holds their number and a MAC: keyed BLAKE3 over all bytes before that line and
//! the number (u64, big-endian), under a key of the deployment. Nothing is restored from a file whose
//! MAC does not verify.

use std::io::{BufRead, Read as _, Seek, SeekFrom, Write};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::{TryStreamExt as _, stream::BoxStream};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::{
    Direction, Fate, Fates, Mode, Source, Tell, age_of, all::places, bring, bring_deployment,
    deployment_path, may_be_foreign,
};
use crate::{ControlStore, DeploymentKey, DocumentFault, KeyError, Providers, Timestamp};

/// Why a backup was not written or not read.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The file.
    #[error("the file cannot be read or written")]
    File(#[from] std::io::Error),
    /// The store, or the key management.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// It is not a backup of this version.
    #[error("line {line} is none of a backup")]
    Malformed {
        /// From 1.
        line: u64,
    },
    /// It ends before its last line.
    #[error("the backup is cut short")]
    CutShort,
    /// Its MAC does not verify.
    #[error("the backup is not as it was written")]
    Altered,
    /// It is another deployment's than the store's.
    #[error(
        "the backup is of deployment {backup}, and {path} is another's in the store, or nobody can say whose: nothing was changed"
    )]
    Foreign {
        /// The backup's deployment.
        backup: String,
        /// A document of the other.
        path: String,
    },
}

/// How many documents of which kind are in a backup.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct BackupCounts {
    /// Default keyrings, which every tenant has.
    pub tenants: u64,
    /// Keyrings of scopes.
    pub scopes: u64,
    /// Entries of the index of KEKs.
    pub index: u64,
    /// Buckets.
    pub buckets: u64,
    /// Documents that cannot be trusted any more, and are not in it.
    pub unusable: u64,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    format: String,
    v: u32,
    deployment: String,
    tenant: Option<String>,
    made: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, untagged)]
enum Line {
    Document { path: String, document: String },
    End { documents: u64, mac: String },
}

/// Writes a backup of all tenants or of one.
///
/// # Errors
/// Of the store or of `out`. A document that cannot be trusted is no error: it is told and left out.
pub async fn write_backup(
    store: &ControlStore,
    deployment: &DeploymentKey,
    (tenant, made): (Option<&str>, Timestamp),
    out: &mut (impl Write + Send),
    tell: Tell<'_>,
) -> Result<BackupCounts, BackupError> {
    let mut writer = Writer {
        hasher: hasher(deployment),
        documents: 0,
        out,
    };
    writer.line(&Head {
        format: FORMAT.to_owned(),
        v: VERSION,
        deployment: deployment.id().to_owned(),
        tenant: tenant.map(str::to_owned),
        made,
    })?;
    let path = deployment_path();
    let (bytes, _) = store
        .read_at(&path)
        .await?
        .ok_or_else(|| crate::control::refused_at(&path, DocumentFault::Vanished { seen: 1 }))?;
    writer.document(&path, &bytes)?;
    let mut counts = BackupCounts::default();
    let mut read = read_all(store, tenant).await?;
    while let Some((path, bytes)) = read.try_next().await? {
        // It was listed, and is gone since: a bucket's.
        let Some(bytes) = bytes else { continue };
        if age_of(deployment, &path, &bytes).is_err() {
            counts.unusable = counts.unusable.saturating_add(1);
            tell(&path, Fate::Unusable);
            continue;
        }
        writer.document(&path, &bytes)?;
        counts.count(&path);
    }
    writer.end()?;
    Ok(counts)
}

async fn read_all<'a>(
    store: &'a ControlStore,
    tenant: Option<&str>,
) -> Result<BoxStream<'a, Result<(Path, Option<Bytes>), KeyError>>, KeyError> {
    let read = places(store, tenant).await?.map_ok(move |path| async move {
        let found = store.read_at(&path).await?;
        Ok((path, found.map(|(bytes, _)| bytes)))
    });
    Ok(Box::pin(read.try_buffered(AT_ONCE)))
}

struct Writer<'a, W> {
    hasher: blake3::Hasher,
    documents: u64,
    out: &'a mut W,
}

impl<W: Write> Writer<'_, W> {
    fn line(&mut self, line: &impl Serialize) -> Result<(), BackupError> {
        let mut text = serde_json::to_vec(line).map_err(std::io::Error::from)?;
        text.push(b'\n');
        self.hasher.update(&text);
        Ok(self.out.write_all(&text)?)
    }

    fn document(&mut self, path: &Path, bytes: &Bytes) -> Result<(), BackupError> {
        self.documents = self.documents.saturating_add(1);
        self.line(&Line::Document {
            path: path.to_string(),
            document: STANDARD.encode(bytes),
        })
    }

    fn end(mut self) -> Result<(), BackupError> {
        self.hasher.update(&self.documents.to_be_bytes());
        let mac = self.hasher.finalize().to_hex().to_string();
        let documents = self.documents;
        self.line(&Line::End { documents, mac })?;
        Ok(self.out.flush()?)
    }
}

impl BackupCounts {
    fn count(&mut self, path: &Path) {
        let parts: Vec<_> = path.parts().collect();
        let part = |index: usize| parts.get(index).map(AsRef::as_ref);
        let counter = match (part(0), part(1), part(3)) {
            (Some("system"), Some("keyrings"), Some("scopes")) => &mut self.scopes,
            (Some("system"), Some("keyrings"), _) => &mut self.tenants,
            (Some("system"), Some("keks"), _) => &mut self.index,
            _ => &mut self.buckets,
        };
        *counter = counter.saturating_add(1);
    }

    /// How many documents there are beside the deployment's.
    pub fn total(&self) -> u64 {
        [self.tenants, self.scopes, self.index, self.buckets]
            .into_iter()
            .fold(0, u64::saturating_add)
    }
}

/// A backup whose MAC verified.
#[derive(Debug)]
pub struct Backup<R> {
    lines: R,
    head: Head,
    deployment: DeploymentKey,
    deployment_document: Bytes,
    counts: BackupCounts,
}

impl<R: BufRead + Seek> Backup<R> {
    /// Reads all of it once. `providers` unwrap the deployment's key.
    ///
    /// # Errors
    /// Where it is not exactly what a gateway of some deployment of these root keys wrote.
    pub async fn verified(input: R, providers: &Providers) -> Result<Self, BackupError> {
        let mut lines = Lines { input, number: 0 };
        let (head, first) = (lines.next()?, lines.next()?);
        let malformed = |line| BackupError::Malformed { line };
        let parsed: Head = serde_json::from_slice(&head).map_err(|_| malformed(1))?;
        if parsed.format != FORMAT || parsed.v != VERSION {
            return Err(malformed(1));
        }
        let Some((path, deployment_document)) = document_in(&first) else {
            return Err(malformed(2));
        };
        if path != deployment_path() {
            return Err(malformed(2));
        }
        let nowhere = ControlStore::nowhere();
        let deployment = DeploymentKey::of_copy(&nowhere, providers, &deployment_document).await?;
        let mut hasher = hasher(&deployment);
        hasher.update(&head).update(&first);
        let counts = lines.verify(hasher)?;
        if deployment.id() != parsed.deployment {
            return Err(BackupError::Altered);
        }
        Ok(Self {
            lines: lines.input,
            head: parsed,
            deployment,
            deployment_document,
            counts,
        })
    }

    /// What is in it.
    pub fn counts(&self) -> BackupCounts {
        self.counts
    }

    /// The id of its deployment.
    pub fn deployment(&self) -> &str {
        self.deployment.id()
    }

    /// Whose it is; `None`: all tenants'.
    pub fn tenant(&self) -> Option<&str> {
        self.head.tenant.as_deref()
    }

    /// When it was made.
    pub fn made(&self) -> Timestamp {
        self.head.made
    }

    /// Brings to `store` what it lacks, or only tells of it; never over a newer generation.
    ///
    /// # Errors
    /// `Foreign` where the store is another deployment's; nothing is changed then.
    pub async fn restore(
        mut self,
        store: &ControlStore,
        mode: Mode,
        tell: Tell<'_>,
    ) -> Result<Fates, BackupError> {
        let own = &self.deployment_document;
        check_same_deployment(store, &self.deployment, own).await?;
        let mut fates = Fates::default();
        self.lines.seek(SeekFrom::Start(0))?;
        let mut lines = Lines {
            input: self.lines,
            number: 0,
        };
        lines.next()?;
        lines.next()?;
        let how = (Direction::Restoring, mode);
        // Until the last line, which is no document.
        while let Some((path, bytes)) = document_in(&lines.next()?) {
            let source = Source::Given(&bytes);
            let fate = bring(store, &self.deployment, &path, &source, how).await?;
            fates.meet(&path, fate, &mut *tell);
        }
        // Last: without it no gateway begins on what is half restored.
        let fate = bring_deployment(store, &self.deployment, own, mode).await?;
        fates.meet(&deployment_path(), fate, tell);
        Ok(fates)
    }
}

/// Refuses a store of another deployment: by the deployment's own document, or where that is lost by
/// any other that may be another's.
pub(super) async fn check_same_deployment(
    store: &ControlStore,
    deployment: &DeploymentKey,
    own: &Bytes,
) -> Result<(), BackupError> {
    let foreign = |path: &Path| BackupError::Foreign {
        backup: deployment.id().to_owned(),
        path: path.to_string(),
    };
    match bring_deployment(store, deployment, own, Mode::Look).await? {
        Fate::Foreign => return Err(foreign(&deployment_path())),
        Fate::Missing | Fate::Damaged => {}
        _ => return Ok(()),
    }
    let mut read = read_all(store, None).await?;
    while let Some((path, bytes)) = read.try_next().await? {
        if bytes.is_some_and(|bytes| may_be_foreign(deployment, &path, &bytes)) {
            return Err(foreign(&path));
        }
    }
    Ok(())
}

struct Lines<R> {
    input: R,
    number: u64,
}

impl<R: BufRead> Lines<R> {
    /// One line with its end.
    fn next(&mut self) -> Result<Vec<u8>, BackupError> {
        self.number = self.number.saturating_add(1);
        let mut line = Vec::new();
        let mut limited = self.input.by_ref().take(LONGEST_LINE);
        limited.read_until(b'\n', &mut line)?;
        if line.ends_with(b"\n") {
            Ok(line)
        } else if line.len() < usize::try_from(LONGEST_LINE).unwrap_or(usize::MAX) {
            Err(BackupError::CutShort)
        } else {
            Err(BackupError::Malformed { line: self.number })
        }
    }

    /// Reads to the end; `hasher` has seen the first two lines.
    fn verify(&mut self, mut hasher: blake3::Hasher) -> Result<BackupCounts, BackupError> {
        let mut counts = BackupCounts::default();
        loop {
            let line = self.next()?;
            let parsed = serde_json::from_slice::<Line>(&line);
            match parsed.map_err(|_| BackupError::Malformed { line: self.number })? {
                Line::Document { path, .. } => {
                    hasher.update(&line);
                    counts.count(&Path::from(path));
                }
                Line::End { documents, mac } => {
                    hasher.update(&documents.to_be_bytes());
                    let mac = blake3::Hash::from_hex(&mac).map_err(|_| BackupError::Altered)?;
                    let expected = counts.total().saturating_add(1);
                    let more = !self.input.fill_buf()?.is_empty();
                    // blake3::Hash compares in constant time.
                    if hasher.finalize() != mac || documents != expected || more {
                        return Err(BackupError::Altered);
                    }
                    return Ok(counts);
                }
            }
        }
    }
}

fn document_in(line: &[u8]) -> Option<(Path, Bytes)> {
    let Ok(Line::Document { path, document }) = serde_json::from_slice(line) else {
        return None;
    };
    let bytes = STANDARD.decode(document).ok()?;
    Some((Path::parse(path).ok()?, bytes.into()))
}

fn hasher(deployment: &DeploymentKey) -> blake3::Hasher {
    blake3::Hasher::new_keyed(&deployment.derive(MAC_CONTEXT))
}

const FORMAT: &str = "sealgate keyring backup";
const VERSION: u32 = 1;
const MAC_CONTEXT: &str = "sealgate 2026-11-27 keyring backup mac";
const AT_ONCE: usize = 16;

/// Bytes: a document's limit in base64, and its path.
const LONGEST_LINE: u64 = 8 << 20;
