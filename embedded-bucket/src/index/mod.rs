//! The index: what exists, in key order, in one redb file; it must not know S3's protocol.
//!
//! | table | key | value |
//! |---|---|---|
//! | `counters` | name | the last number given out |
//! | `buckets` | bucket name | [`BucketRecord`] |
//! | `current` | bucket id, key | [`VersionRecord`] of the newest version, which may be a delete marker |
//! | `history` | bucket id, key, `u64::MAX - seq` | [`VersionRecord`] of an older version, newest first |
//! | `uploads` | bucket id, key, upload id | [`UploadRecord`] |
//! | `parts` | upload id, part number | [`PartRecord`] |
//! | `layouts` | seq of a version or part | where its bytes are, see [`Layout`](crate::bodies::Layout) |
//! | `bodies` | body id | how many extents lie in it; at 0 the row and the body go |
//! | `small` | body id | the bytes of a small body |
//!
//! `seq` is given out once, to a version or a part, and never again. A key with history always has
//! a current version.

mod lookup;
mod records;
mod tables;
mod versions;
mod view;
pub(crate) mod walk;
mod writer;

use std::path::Path;
use std::sync::Arc;

use redb::{Builder, Database, ReadableDatabase, TableDefinition};

pub(crate) use records::{
    BucketLock, BucketRecord, Description, Lock, LockMode, Moment, PartRecord, Retention,
    UploadRecord, VersionRecord, VersionRef, Versioning,
};
pub(crate) use tables::Tables;
pub(crate) use versions::Removed;
pub(crate) use view::{View, with_bytes};
use writer::Writer;

use crate::bodies::Bodies;
use crate::fault::Fault;

/// The opened index: views to read from, one writer to change it.
///
/// After the disk has failed a commit, redb refuses every further one until the file is opened anew;
/// requests that write are answered 500 until then, reads go on.
pub(crate) struct Index {
    database: Arc<Database>,
    writer: Writer,
}

impl Index {
    /// Opens or creates the file and starts the writer thread. Blocks.
    pub(crate) fn open(path: &Path, bodies: Arc<Bodies>) -> Result<Self, Fault> {
        let database = Builder::new().set_cache_size(CACHE).create(path)?;
        let database = Arc::new(database);
        let transaction = database.begin_write()?;
        drop(Tables::open(&transaction)?);
        transaction.commit()?;
        let writer = Writer::start(Arc::clone(&database), bodies)?;
        Ok(Self { database, writer })
    }

    /// What was committed last. Blocks.
    pub(crate) fn view(&self) -> Result<View, Fault> {
        Ok(View::new(self.database.begin_read()?))
    }

    /// Runs one change in the writer's order; answers once it is durable.
    ///
    /// The change must refuse, if it refuses, before it touches a table. It does not run at all if
    /// the caller has gone away by then.
    pub(crate) async fn write<T, F>(&self, change: F) -> Result<T, Fault>
    where
        F: FnOnce(&mut Tables<'_>) -> Result<T, Fault> + Send + 'static,
        T: Send + 'static,
    {
        self.writer.run(change).await
    }
}

/// A record in JSON.
type Json = &'static [u8];

const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
const BUCKETS: TableDefinition<'_, &str, Json> = TableDefinition::new("buckets");
const CURRENT: TableDefinition<'_, (u64, &str), Json> = TableDefinition::new("current");
const HISTORY: TableDefinition<'_, (u64, &str, u64), Json> = TableDefinition::new("history");
const UPLOADS: TableDefinition<'_, (u64, &str, &str), Json> = TableDefinition::new("uploads");
const PARTS: TableDefinition<'_, (&str, u32), Json> = TableDefinition::new("parts");
const LAYOUTS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("layouts");
const BODIES: TableDefinition<'_, u128, u64> = TableDefinition::new("bodies");
const SMALL: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("small");

/// Pages kept in memory, in bytes; the system's page cache holds the rest.
const CACHE: usize = 16 * 1024 * 1024;
