//! Leaf hashes on their way from the thread that writes lines to the one that signs them, which is woken when it has
//! something to do and not for every line.

use std::sync::{Arc, Mutex, PoisonError};

use crate::tree::Hash;

/// Leaves of lines that are on disk and not in the tree yet.
#[derive(Clone, Default)]
pub(super) struct Leaves(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    leaves: Vec<Hash>,
    stops: bool,
    /// They are the log's first: what was taken before is no more.
    anew: bool,
}

/// What was taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) leaves: Vec<Hash>,
    /// The last line so far ends the log.
    pub(super) stops: bool,
    /// The first of them is the log's first, and the disk has no tiles.
    pub(super) anew: bool,
}

/// What the signing thread is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urge {
    /// Nothing that it does not know.
    None,
    /// There are lines to sign.
    InTime,
    /// There are so many that they must not wait.
    Soon,
}

impl Leaves {
    /// Adds those of a batch; `stops`: its last line ends the log.
    pub(super) fn add(&self, leaves: &[Hash], stops: bool) -> Urge {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = held.leaves.len();
        held.leaves.extend_from_slice(leaves);
        held.stops = stops;
        match (before, held.leaves.len()) {
            (before, after) if before < MANY && after >= MANY => Urge::Soon,
            (0, _) => Urge::InTime,
            _ => Urge::None,
        }
    }

    /// Takes all.
    pub(super) fn take(&self) -> Taken {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Taken {
            leaves: std::mem::take(&mut held.leaves),
            stops: held.stops,
            anew: std::mem::take(&mut held.anew),
        }
    }

    /// The log's lines will be added again from the first on: its disk is another.
    pub(super) fn restart(&self) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *held = Held {
            anew: true,
            ..Held::default()
        };
    }
}

/// A checkpoint is due after this many lines, however little time went by.
const MANY: usize = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signing_thread_is_told_of_the_first_line_and_of_the_thousandth() {
        let leaves = Leaves::default();
        let some = |count| vec![[0; 32]; count];
        assert_eq!(leaves.add(&some(1), false), Urge::InTime);
        assert_eq!(leaves.add(&some(998), false), Urge::None);
        assert_eq!(leaves.add(&some(1), false), Urge::Soon);
        assert_eq!(leaves.add(&some(5000), true), Urge::None);
        let taken = leaves.take();
        assert_eq!((taken.leaves.len(), taken.stops), (6000, true));
        assert_eq!(leaves.add(&some(1001), false), Urge::Soon);
    }
}
