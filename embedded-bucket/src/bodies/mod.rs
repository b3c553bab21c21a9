//! Body files: where they lie, how they become durable, when they go; it must not know S3 or the index.

mod layout;
mod pins;
mod stage;
mod stream;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use layout::{Layout, Place};
pub(crate) use pins::Pinned;
use pins::Pins;
pub(crate) use stage::{Held, Staged, short_tag, stage};
pub(crate) use stream::{Piece, stream};

/// A body's random name.
pub(crate) type BodyId = u128;

/// The directory of bodies: `incoming/<id>` while written, `bodies/<xx>/<id>` for good.
pub(crate) struct Bodies {
    incoming: PathBuf,
    settled: PathBuf,
    pins: Pins,
}

impl Bodies {
    /// Creates what is absent; removes nothing, since another process may have the directory open.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        let bodies = Self {
            incoming: root.join("incoming"),
            settled: root.join("bodies"),
            pins: Pins::default(),
        };
        fs::create_dir_all(&bodies.incoming)?;
        for shelf in 0..=u8::MAX {
            fs::create_dir_all(bodies.settled.join(format!("{shelf:02x}")))?;
        }
        for directory in [&bodies.settled, root] {
            sync_directory(directory)?;
        }
        Ok(bodies)
    }

    /// Removes uploads that a crash cut off and every settled body that is not `named`; answers how
    /// many. Only for whoever holds the index's lock.
    pub(crate) fn sweep<E: From<io::Error>>(
        &self,
        named: impl Fn(BodyId) -> Result<bool, E>,
    ) -> Result<u64, E> {
        let mut swept = 0;
        for entry in fs::read_dir(&self.incoming)? {
            fs::remove_file(entry?.path())?;
            swept += 1;
        }
        for shelf in fs::read_dir(&self.settled)? {
            for entry in fs::read_dir(shelf?.path())? {
                let entry = entry?;
                let name = entry.file_name();
                let id = name
                    .to_str()
                    .and_then(|name| BodyId::from_str_radix(name, 16).ok());
                if !id.map_or(Ok(false), &named)? {
                    fs::remove_file(entry.path())?;
                    swept += 1;
                }
            }
        }
        Ok(swept)
    }

    /// A fresh name, 122 random bits.
    pub(crate) fn new_id() -> BodyId {
        uuid::Uuid::new_v4().as_u128()
    }

    /// Runs `look_up`, which finds out what to read, and keeps those bodies until the pin is dropped.
    ///
    /// No body is removed between the look-up and the pin: see [`Self::retire`].
    pub(crate) fn pin_found<T, E>(
        self: &Arc<Self>,
        look_up: impl FnOnce() -> Result<(T, Vec<BodyId>), E>,
    ) -> Result<(T, Pinned), E> {
        let gate = self.pins.gate();
        let (found, ids) = look_up()?;
        let pinned = Pinned::new(Arc::clone(self), ids);
        drop(gate);
        Ok((found, pinned))
    }

    /// Removes bodies that a committed change has let go of, or leaves that to their last reader.
    pub(crate) fn retire(&self, ids: Vec<BodyId>) {
        if ids.is_empty() {
            return;
        }
        // Whoever looked the bodies up before the commit has pinned them once the gate is passed;
        // whoever looks now cannot find them.
        self.pins.pass_gate();
        for id in ids {
            if self.pins.doom(id) {
                self.remove(id);
            }
        }
    }

    pub(crate) fn path(&self, id: BodyId) -> PathBuf {
        let name = format!("{id:032x}");
        let first_two: String = name.chars().take(2).collect();
        self.settled.join(first_two).join(name)
    }

    fn incoming_path(&self, id: BodyId) -> PathBuf {
        self.incoming.join(format!("{id:032x}"))
    }

    /// A body that stays behind costs space, not correctness: the next open sweeps it.
    fn remove(&self, id: BodyId) {
        if let Err(error) = fs::remove_file(self.path(id)) {
            tracing::warn!(%error, body = format!("{id:032x}"), "a body file was not removed");
        }
    }
}

/// Makes the names in a directory durable.
fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
