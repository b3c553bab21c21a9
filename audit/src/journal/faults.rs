//! A disk that fails as a test wishes, around the real one.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use super::{
    Journal, Settings,
    directory::Directory,
    recovery,
    segments::{Placement, SegmentFile, Segments, Volume},
};

/// What fails now.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) create: AtomicBool,
    /// A write stores this many bytes and then fails.
    pub(super) append_after: Mutex<Option<usize>>,
    pub(super) sync: AtomicBool,
    pub(super) cut: AtomicBool,
    /// A sync hangs for as long as the test holds this.
    pub(super) hang: tokio::sync::Mutex<()>,
    /// How many syncs there were.
    pub(super) syncs: AtomicUsize,
}

impl Faults {
    /// A journal in an empty `directory` on a disk with these faults.
    pub(super) fn open(self: &Arc<Self>, directory: &Path, settings: Settings) -> Journal {
        let inner = Directory::open(directory).unwrap();
        let (opening, last) = recovery::recover(&inner).unwrap();
        assert!(last.is_none(), "the directory is empty");
        let volume = FaultyVolume {
            inner,
            faults: Arc::clone(self),
        };
        let segments = Segments::new(
            Box::new(volume),
            opening.next_seq,
            None,
            settings.segment_bytes,
        );
        Journal::start(segments, opening, settings, None).unwrap()
    }
}

struct FaultyVolume {
    inner: Directory,
    faults: Arc<Faults>,
}

impl Volume for FaultyVolume {
    fn create(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        fail_if(&self.faults.create, io::ErrorKind::ReadOnlyFilesystem)?;
        let inner = self.inner.create(name)?;
        Ok(Box::new(FaultyFile {
            inner,
            faults: Arc::clone(&self.faults),
        }))
    }
}

struct FaultyFile {
    inner: Box<dyn SegmentFile>,
    faults: Arc<Faults>,
}

impl SegmentFile for FaultyFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        match *self.faults.append_after.lock().unwrap() {
            Some(length) => {
                self.inner.append(&bytes[..length.min(bytes.len())])?;
                Err(io::ErrorKind::StorageFull.into())
            }
            None => self.inner.append(bytes),
        }
    }

    fn sync(&mut self) -> io::Result<()> {
        let _released = self.faults.hang.blocking_lock();
        self.faults.syncs.fetch_add(1, SeqCst);
        fail_if(&self.faults.sync, io::ErrorKind::Other)?;
        self.inner.sync()
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        fail_if(&self.faults.cut, io::ErrorKind::ReadOnlyFilesystem)?;
        self.inner.cut(length)
    }

    fn placement(&self) -> io::Result<Placement> {
        self.inner.placement()
    }
}

fn fail_if(fault: &AtomicBool, kind: io::ErrorKind) -> io::Result<()> {
    if fault.load(SeqCst) {
        Err(kind.into())
    } else {
        Ok(())
    }
}
