//! Whether the journal takes events, for whoever decides if this replica is ready.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// The journal's state, as its last batch or its last time-out left it.
#[derive(Debug, Default)]
pub struct Health {
    failing: AtomicBool,
    refused: AtomicU64,
}

impl Health {
    /// Whether events reach the disk.
    pub fn is_good(&self) -> bool {
        !self.failing.load(Ordering::Relaxed)
    }

    /// How many events were not recorded since the start.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    pub(super) fn told(&self, good: bool) {
        self.failing.store(!good, Ordering::Relaxed);
    }

    pub(super) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}
