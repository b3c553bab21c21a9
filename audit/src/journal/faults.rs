//! A disk that fails as a test wishes, around the real one.

use std::{
    io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::SystemTime,
};

use super::{
    Journal, Settings,
    directory::Directory,
    home::LogPlace,
    segments::{Placement, SegmentFile, Volume},
};
use crate::Identity;

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
    /// A journal in `directory` on a disk with these faults.
    pub(super) fn open(self: &Arc<Self>, directory: &Path, settings: Settings) -> Journal {
        self.on(0, directory, &settings)
    }

    /// The same where only the disk of that number has them.
    pub(super) fn on(
        self: &Arc<Self>,
        faulty: usize,
        directory: &Path,
        settings: &Settings,
    ) -> Journal {
        let volume = |number, place: &LogPlace| -> Box<dyn Volume> {
            let inner = Directory::new(place.segments());
            let faults = Arc::clone(self);
            if number == faulty {
                Box::new(FaultyVolume { inner, faults })
            } else {
                Box::new(inner)
            }
        };
        let now = SystemTime::UNIX_EPOCH;
        Journal::open_on(directory, identity(), settings, now, &volume).unwrap()
    }
}

/// A deployment for tests.
pub(super) fn identity() -> Arc<Identity> {
    Arc::new(Identity::new("d", &[5; 32]))
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

    fn reopen(&self, name: &str, length: u64) -> io::Result<Box<dyn SegmentFile>> {
        fail_if(&self.faults.create, io::ErrorKind::ReadOnlyFilesystem)?;
        let inner = self.inner.reopen(name, length)?;
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

    fn finish(&mut self) -> io::Result<()> {
        self.inner.finish()
    }
}

fn fail_if(fault: &AtomicBool, kind: io::ErrorKind) -> io::Result<()> {
    if fault.load(SeqCst) {
        Err(kind.into())
    } else {
        Ok(())
    }
}
