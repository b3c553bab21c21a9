//! Scopes that were written to and whose KEK version is past its time. A scope that nobody writes to needs no
//! other version: an old one that seals nothing any more only opens. So none is ever looked for. It must not
//! rotate.

use std::{
    collections::HashSet,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use super::Keyrings;
use crate::{
    Scope,
    control::{Entry, Keyring},
};

/// What was seen to be overdue since it was last asked for.
#[derive(Debug)]
pub(super) struct Overdue {
    after: Option<Duration>,
    seen: Mutex<HashSet<(String, Scope)>>,
}

impl Overdue {
    pub(super) fn after(after: Option<Duration>) -> Self {
        Self {
            after,
            seen: Mutex::default(),
        }
    }

    /// Looks at the version under which something is about to be sealed.
    pub(super) fn see(&self, keyring: &Keyring, active: &Entry, now: SystemTime) {
        if !self.after.is_some_and(|after| active.is_older(now, after)) {
            return;
        }
        let mut seen = self.seen();
        if seen.len() < MOST {
            seen.insert((keyring.tenant.clone(), keyring.scope.clone()));
        }
    }

    fn seen(&self) -> MutexGuard<'_, HashSet<(String, Scope)>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keyrings {
    /// Tenants and scopes that this replica wrote to under a KEK version past its time, since the last call.
    pub fn take_overdue(&self) -> Vec<(String, Scope)> {
        std::mem::take(&mut *self.overdue.seen())
            .into_iter()
            .collect()
    }
}

/// What does not fit is seen at its next write.
const MOST: usize = 10_000;
