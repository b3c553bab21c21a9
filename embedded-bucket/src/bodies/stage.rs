//! Taking in a request body: to memory or to a durable file that nothing names yet.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use md5::{Digest, Md5};
use s3s::dto::StreamingBlob;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Bodies, BodyId, Layout, Place, sync_directory};
use crate::fault::Fault;

/// A whole body, durable if it is a file, that is removed again unless a commit [keeps](Self::keep) it.
pub(crate) struct Staged {
    pub(crate) id: BodyId,
    pub(crate) length: u64,
    /// 128 bits of BLAKE3 over the body.
    pub(crate) tag: [u8; 16],
    held: Held,
}

/// Where a staged body waits.
pub(crate) enum Held {
    Memory(Bytes),
    File(FileGuard),
}

impl Staged {
    pub(crate) fn layout(&self) -> Layout {
        let place = match self.held {
            Held::Memory(_) => Place::Index,
            Held::File(_) => Place::File,
        };
        Layout::whole(self.id, place, self.length)
    }

    pub(crate) fn held(&self) -> &Held {
        &self.held
    }

    /// The commit that names the body has happened.
    pub(crate) fn keep(mut self) {
        if let Held::File(guard) = &mut self.held {
            guard.0 = None;
        }
    }
}

/// Removes its file when dropped.
pub(crate) struct FileGuard(Option<PathBuf>);

impl Drop for FileGuard {
    fn drop(&mut self) {
        if let Some(path) = self.0.take()
            && let Err(error) = fs::remove_file(&path)
        {
            tracing::warn!(%error, "a body that was not committed was not removed");
        }
    }
}

/// Reads `length` bytes from `stream`, no more and no fewer, and makes them durable.
///
/// Holds at most two batches of [`BATCH`] bytes, one being written while the next arrives.
///
/// # Errors
/// [`Fault::IncompleteBody`], [`Fault::Body`], [`Fault::BadDigest`] or [`Fault::File`]; nothing is
/// left behind then.
pub(crate) async fn stage(
    bodies: &Arc<Bodies>,
    stream: Option<StreamingBlob>,
    length: u64,
    md5: Option<[u8; 16]>,
) -> Result<Staged, Fault> {
    let digests = Digests::new(md5);
    let mut source = Source {
        stream,
        left: length,
    };
    match usize::try_from(length) {
        Ok(small) if small <= SMALL_BODY => stage_in_memory(source, small, digests).await,
        _ => {
            let bodies = Arc::clone(bodies);
            let sink = joined(spawn_blocking(move || Sink::create(bodies, digests))).await?;
            let sink = fill(sink, &mut source).await?;
            joined(spawn_blocking(move || sink.finish(length))).await
        }
    }
}

async fn stage_in_memory(
    mut source: Source,
    length: usize,
    mut digests: Digests,
) -> Result<Staged, Fault> {
    let mut body = BytesMut::with_capacity(length);
    while let Some(chunk) = source.next().await? {
        body.extend_from_slice(&chunk);
    }
    digests.update(&body);
    Ok(Staged {
        id: Bodies::new_id(),
        length: length as u64,
        tag: digests.finish()?,
        held: Held::Memory(body.freeze()),
    })
}

async fn fill(sink: Sink, source: &mut Source) -> Result<Sink, Fault> {
    let mut writing: JoinHandle<Result<Sink, Fault>> = spawn_blocking(move || Ok(sink));
    loop {
        let arrived = source.batch().await;
        // Waited for even if the body broke off, so that the file is gone when the caller hears.
        let sink = joined(writing).await?;
        let batch = arrived?;
        if batch.is_empty() {
            return Ok(sink);
        }
        writing = spawn_blocking(move || sink.write(batch));
    }
}

async fn joined<T>(task: JoinHandle<Result<T, Fault>>) -> Result<T, Fault> {
    task.await
        .map_err(|error| Fault::File(io::Error::other(error)))?
}

/// The request's body, held to its announced length.
struct Source {
    stream: Option<StreamingBlob>,
    left: u64,
}

impl Source {
    /// The next bytes; `None` at the end, and only if all `left` bytes have come.
    async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let next = match &mut self.stream {
            Some(stream) => stream.next().await.transpose().map_err(Fault::Body)?,
            None => None,
        };
        match next {
            Some(chunk) => {
                let left = self.left.checked_sub(chunk.len() as u64);
                self.left = left.ok_or(Fault::IncompleteBody)?;
                Ok(Some(chunk))
            }
            None if self.left == 0 => Ok(None),
            None => Err(Fault::IncompleteBody),
        }
    }

    /// About [`BATCH`] bytes; empty at the end.
    async fn batch(&mut self) -> Result<Vec<Bytes>, Fault> {
        let mut batch = Vec::new();
        let mut gathered = 0;
        while gathered < BATCH {
            let Some(chunk) = self.next().await? else {
                break;
            };
            gathered += chunk.len();
            batch.push(chunk);
        }
        Ok(batch)
    }
}

struct Digests {
    tag: blake3::Hasher,
    md5: Option<(Md5, [u8; 16])>,
}

impl Digests {
    fn new(md5: Option<[u8; 16]>) -> Self {
        Self {
            tag: blake3::Hasher::new(),
            md5: md5.map(|expected| (Md5::new(), expected)),
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        self.tag.update(bytes);
        if let Some((md5, _)) = &mut self.md5 {
            md5.update(bytes);
        }
    }

    fn finish(self) -> Result<[u8; 16], Fault> {
        if let Some((md5, expected)) = self.md5
            && md5.finalize()[..] != expected
        {
            return Err(Fault::BadDigest);
        }
        Ok(short_tag(&self.tag))
    }
}

/// The first 128 bits of a BLAKE3 hash: what entity tags are made of.
pub(crate) fn short_tag(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut tag = [0; 16];
    hasher.finalize_xof().fill(&mut tag);
    tag
}

/// The temporary file. All its methods block.
struct Sink {
    id: BodyId,
    file: File,
    guard: FileGuard,
    digests: Digests,
    bodies: Arc<Bodies>,
}

impl Sink {
    fn create(bodies: Arc<Bodies>, digests: Digests) -> Result<Self, Fault> {
        let id = Bodies::new_id();
        let path = bodies.incoming_path(id);
        let file = File::create_new(&path)?;
        Ok(Self {
            id,
            file,
            guard: FileGuard(Some(path)),
            digests,
            bodies,
        })
    }

    fn write(mut self, batch: Vec<Bytes>) -> Result<Self, Fault> {
        for chunk in batch {
            self.digests.update(&chunk);
            self.file.write_all(&chunk)?;
        }
        Ok(self)
    }

    /// Syncs the file and moves it to where it stays.
    fn finish(mut self, length: u64) -> Result<Staged, Fault> {
        let tag = self.digests.finish()?;
        self.file.sync_all()?;
        let settled = self.bodies.path(self.id);
        fs::rename(self.bodies.incoming_path(self.id), &settled)?;
        self.guard.0 = Some(settled.clone());
        if let Some(shelf) = settled.parent() {
            sync_directory(shelf)?;
        }
        Ok(Staged {
            id: self.id,
            length,
            tag,
            held: Held::File(self.guard),
        })
    }
}

/// Bodies up to this many bytes live in the index.
pub(crate) const SMALL_BODY: usize = 4096;

/// How many bytes are gathered before they are written.
const BATCH: usize = 256 * 1024;
