//! Fetches a deployment's archive into a directory in the form of a journal, for `sealgate-verify` and for a replica that lost
//! its disk. What counts of each name is what was written first: whatever was put over it later, be it a mark that it is
//! deleted, is passed by.

mod listing;
mod pieces;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use audit::Identity;
use audit::signed::Checkpoint;
use audit::tree::{tile_path, tiles_of};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::fs;

use super::bucket::ArchiveBucket;
use crate::s3::Code;
use crate::upstream::UpstreamError;
use listing::{Listing, Log, Place};
use pieces::Segments;

/// What was fetched.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Fetched {
    /// How many logs.
    pub logs: u64,
    /// How many lines of them.
    pub lines: u64,
    /// How many entries of the super-log.
    pub entries: u64,
    /// Names over which something was put, or that were marked as deleted, after they had been written.
    pub overlaid: u64,
    /// Objects that the store would not give, or that are larger than any of a replica. The rest was fetched.
    pub unread: u64,
}

/// Why an archive cannot be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// From where.
    #[error("the archive cannot be read")]
    Store(#[from] UpstreamError),
    /// To where.
    #[error("{} cannot be written", path.display())]
    Disk {
        /// Which file or directory.
        path: PathBuf,
        /// The system's words.
        source: io::Error,
    },
    /// There is something already.
    #[error("{} is not empty: what is fetched would be mixed with it", .0.display())]
    Occupied(PathBuf),
}

/// Fetches everything of a deployment into `to`, which is made or is empty.
pub async fn fetch(
    bucket: &ArchiveBucket,
    identity: &Identity,
    to: &Path,
) -> Result<Fetched, FetchError> {
    make(to).await?;
    let mut there = fs::read_dir(to).await.map_err(on_disk(to))?;
    if there.next_entry().await.map_err(on_disk(to))?.is_some() {
        return Err(FetchError::Occupied(to.to_owned()));
    }
    let listing = Listing::of(bucket).await?;
    let mut fetched = Fetched {
        overlaid: listing.overlaid,
        ..Fetched::default()
    };
    let fetching = Fetching {
        bucket,
        to,
        unread: AtomicU64::default(),
    };
    let entries = listing.entries.iter().map(|(number, place)| {
        let file = to.join("super").join(format!("{number:020}"));
        fetching.copy(place, file)
    });
    fetched.entries = all(entries).await?;
    for (name, log) in &listing.logs {
        let lines = fetching.log(name, log, identity).await?;
        fetched.lines = fetched.lines.saturating_add(lines);
        fetched.logs = fetched.logs.saturating_add(1);
    }
    fetched.unread = fetching.unread.into_inner();
    Ok(fetched)
}

struct Fetching<'a> {
    bucket: &'a ArchiveBucket,
    to: &'a Path,
    unread: AtomicU64,
}

impl Fetching<'_> {
    /// One log. How many lines of it were fetched.
    async fn log(&self, name: &str, log: &Log, identity: &Identity) -> Result<u64, FetchError> {
        let directory = self.to.join(name);
        make(&directory.join("segments")).await?;
        if let Some(certificate) = &log.certificate {
            self.copy(certificate, directory.join("certificate"))
                .await?;
        }
        let signed = self.checkpoint(name, log, identity).await?;
        if let Some((size, note)) = signed {
            write(&directory.join("checkpoint"), &note).await?;
            let tiles = tiles_of(size)
                .into_iter()
                .filter_map(|(level, index, width)| {
                    let path = tile_path(level, index, width);
                    Some(self.copy(log.tiles.get(&path)?, directory.join(path)))
                });
            all(tiles).await?;
        }
        let mut segments = Segments::new(&directory);
        let mut doubtful = Vec::new();
        for piece in &log.pieces {
            let Some(bytes) = self.read(&piece.place).await? else {
                continue;
            };
            // What the tiles prove comes first; what they do not fills places that nothing else fills.
            if segments.are_proved(piece.first, &bytes).await {
                segments.write(piece.first, &bytes).await?;
            } else {
                doubtful.push(piece);
            }
        }
        for piece in doubtful {
            if let Some(bytes) = self.read(&piece.place).await? {
                segments.write(piece.first, &bytes).await?;
            }
        }
        Ok(segments.lines())
    }

    /// The newest checkpoint that the log's key has signed; where there is none, the newest.
    async fn checkpoint(
        &self,
        name: &str,
        log: &Log,
        identity: &Identity,
    ) -> Result<Option<(u64, Vec<u8>)>, FetchError> {
        let plain = name.rsplit('/').next().unwrap_or(name);
        let key = identity.log_key(plain).ok();
        let mut newest = None;
        for (size, place) in log.checkpoints.iter().rev() {
            let Some(note) = self.read(place).await? else {
                continue;
            };
            let opened = key.as_ref().and_then(|key| {
                let text = std::str::from_utf8(&note).ok()?;
                Checkpoint::open(text, key.verifying()).ok()
            });
            if opened.is_some_and(|signed| signed.size == *size) {
                return Ok(Some((*size, note)));
            }
            newest.get_or_insert((*size, note));
        }
        Ok(newest)
    }

    /// None if this one cannot be had: it must not keep the others from being fetched.
    async fn read(&self, place: &Place) -> Result<Option<Vec<u8>>, FetchError> {
        let read = self.bucket.read(&place.name, place.version.as_deref());
        match read.await {
            // A store that is away or busy has not refused this one.
            Err(error @ UpstreamError::Transport(_)) => Err(error.into()),
            Err(error) if error.code() == Some(Code::SlowDown) => Err(error.into()),
            Err(error) => {
                self.unread.fetch_add(1, Ordering::Relaxed);
                let (place, error) = (&place.name, crate::error::report(&error));
                tracing::error!(place, error, "this cannot be read, and is passed by");
                Ok(None)
            }
            Ok(bytes) => Ok(Some(bytes)),
        }
    }

    /// How many were copied: one, or none if it cannot be had.
    async fn copy(&self, place: &Place, file: PathBuf) -> Result<u64, FetchError> {
        let Some(bytes) = self.read(place).await? else {
            return Ok(0);
        };
        if let Some(directory) = file.parent() {
            make(directory).await?;
        }
        write(&file, &bytes).await?;
        Ok(1)
    }
}

/// Does some at a time; how many they were.
async fn all(
    copies: impl Iterator<Item = impl Future<Output = Result<u64, FetchError>>>,
) -> Result<u64, FetchError> {
    let copied = stream::iter(copies).buffer_unordered(AT_ONCE);
    copied
        .try_fold(0_u64, |count, copied| async move {
            Ok(count.saturating_add(copied))
        })
        .await
}

async fn make(directory: &Path) -> Result<(), FetchError> {
    fs::create_dir_all(directory)
        .await
        .map_err(on_disk(directory))
}

async fn write(file: &Path, bytes: &[u8]) -> Result<(), FetchError> {
    fs::write(file, bytes).await.map_err(on_disk(file))
}

fn on_disk(path: &Path) -> impl FnOnce(io::Error) -> FetchError + use<> {
    let path = path.to_owned();
    |source| FetchError::Disk { path, source }
}

const AT_ONCE: usize = 16;

#[cfg(test)]
mod tests;
