//! Which bodies are being read, so that a deleted object's running downloads end well.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use super::{Bodies, BodyId};

/// The pins of one directory of bodies.
#[derive(Default)]
pub(super) struct Pins {
    gate: RwLock<()>,
    held: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    readers: HashMap<BodyId, usize>,
    /// Let go of by the index, kept for their readers.
    doomed: HashSet<BodyId>,
}

impl Pins {
    /// Held from before a look-up until its bodies are pinned.
    pub(super) fn gate(&self) -> RwLockReadGuard<'_, ()> {
        self.gate.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns once every look-up that had begun has pinned what it found.
    pub(super) fn pass_gate(&self) {
        drop(self.gate.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Marks a body for removal; true when nobody reads it and the caller shall remove it.
    pub(super) fn doom(&self, id: BodyId) -> bool {
        let mut table = self.table();
        let read = table.readers.contains_key(&id);
        if read {
            table.doomed.insert(id);
        }
        !read
    }

    fn pin(&self, id: BodyId) {
        *self.table().readers.entry(id).or_default() += 1;
    }

    /// Ends one reading; true when the body was doomed and this was its last reader.
    fn unpin(&self, id: BodyId) -> bool {
        let mut table = self.table();
        let Some(readers) = table.readers.get_mut(&id) else {
            return false;
        };
        *readers = readers.saturating_sub(1);
        if *readers > 0 {
            return false;
        }
        table.readers.remove(&id);
        table.doomed.remove(&id)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps bodies from being removed while it lives.
pub(crate) struct Pinned {
    bodies: Arc<Bodies>,
    ids: Vec<BodyId>,
}

impl Pinned {
    pub(super) fn new(bodies: Arc<Bodies>, ids: Vec<BodyId>) -> Self {
        for id in &ids {
            bodies.pins.pin(*id);
        }
        Self { bodies, ids }
    }

    pub(crate) fn bodies(&self) -> &Bodies {
        &self.bodies
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        for id in self.ids.drain(..) {
            if self.bodies.pins.unpin(id) {
                self.bodies.remove(id);
            }
        }
    }
}
