//! A durable S3 bucket for one machine: an in-process S3 service over an ordered index and files.
//!
//! The gateway's upstream leg calls it instead of a network store, so it sees sealed bytes only: it
//! must know nothing of keys, tenants or policies. It asks nobody for a signature, and so must never
//! be bound to a socket.
//!
//! ```text
//! edge ──► s3s (protocol) ──► operations ──┬──► index   one redb file: what exists, in order
//!                                          └──► bodies  one file per body, named by a random id
//! ```
//!
//! **Durability.** A body is written to a temporary file, synced, renamed into place, its directory
//! synced; only then does one index transaction make it visible, and only then is the request
//! answered. A crash at any moment leaves either the whole object or nothing, and bodies that no
//! transaction named are swept at the next [`EmbeddedBucket::open`].
//!
//! **Order.** One writer thread decides every change, in order, so that conditional writes are
//! atomic; changes that wait together share one synced commit.
//!
//! **`ETag`s are not MD5.** They are 128 bits of BLAKE3 in hex, and for multipart objects 128 bits of
//! BLAKE3 over the parts' binary tags followed by `-N`. The gateway shows clients tags of its own.

mod bodies;
mod conditions;
mod edge;
mod fault;
mod index;
mod operations;

use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use bodies::Bodies;
use fault::Fault;
use index::Index;
use operations::Operations;

pub use edge::{CallError, EmbeddedService};

/// A directory that holds buckets, opened by this process alone.
///
/// Clones share it; the files are closed when the last clone, service and response is gone.
#[derive(Clone)]
pub struct EmbeddedBucket {
    operations: Operations,
}

impl EmbeddedBucket {
    /// Opens the directory at `path`, creating it if it is absent, and sweeps what a crash left.
    ///
    /// `clock` tells the time for `Last-Modified` and for object lock. Blocks while it reads the
    /// directory; after a crash it also reads the whole index.
    ///
    /// # Errors
    /// [`OpenError`] when the directory cannot be used or another process has it open.
    pub fn open(
        path: impl AsRef<Path>,
        clock: impl Fn() -> SystemTime + Send + Sync + 'static,
    ) -> Result<Self, OpenError> {
        let bodies = Arc::new(Bodies::open(path.as_ref())?);
        let (index, swept) =
            settle(path.as_ref(), &bodies).map_err(|fault| OpenError::Index(Box::new(fault)))?;
        if swept > 0 {
            tracing::info!(swept, "removed bodies that no object names");
        }
        Ok(Self {
            operations: Operations::new(index, bodies, Arc::new(clock)),
        })
    }

    /// The S3 service over these buckets: path style, no signatures.
    pub fn service(&self) -> EmbeddedService {
        EmbeddedService::new(self.operations.clone())
    }
}

impl std::fmt::Debug for EmbeddedBucket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EmbeddedBucket").finish_non_exhaustive()
    }
}

/// Opens the index and removes the bodies it does not name.
fn settle(path: &Path, bodies: &Arc<Bodies>) -> Result<(Index, u64), Fault> {
    let index = Index::open(&path.join(INDEX_FILE), Arc::clone(bodies))?;
    let view = index.view()?;
    let swept = bodies.sweep(|id| view.names_body(id))?;
    Ok((index, swept))
}

/// Why a directory could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it cannot be created, read or removed.
    #[error("the bucket's directory cannot be used")]
    Directory(#[from] std::io::Error),
    /// The index cannot be opened (another process has it, or it is damaged), or sweeping failed.
    #[error("the bucket's index cannot be opened")]
    Index(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The index's file, beside the directories of bodies.
const INDEX_FILE: &str = "index.redb";
