//! Scopes that were written to and whose KEK version is past its time. A scope that nobody writes to needs no
//! other version: an old one that seals nothing any more only opens. So none is ever looked for. It must not
//! rotate.

use std::{
    collections::{HashMap, HashSet},
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
    seen: Mutex<HashSet<Name>>,
    /// What could not be rotated, and since when: it is left alone for a while.
    failed: Mutex<HashMap<Name, SystemTime>>,
}

/// Tenant and scope.
type Name = (String, Scope);

impl Overdue {
    pub(super) fn after(after: Option<Duration>) -> Self {
        Self {
            after,
            seen: Mutex::default(),
            failed: Mutex::default(),
        }
    }

    /// Looks at the version under which something is sealed.
    pub(super) fn see(&self, keyring: &Keyring, active: &Entry, now: SystemTime) {
        if !self.after.is_some_and(|after| active.is_older(now, after)) {
            return;
        }
        let name = (keyring.tenant.clone(), keyring.scope.clone());
        let failed = self.failed().get(&name).copied();
        if failed.is_some_and(|since| rests(since, now)) {
            return;
        }
        let mut seen = self.seen();
        if seen.len() < MOST {
            seen.insert(name);
        }
    }

    /// Leaves alone for a while what could not be rotated.
    pub(super) fn fail(&self, tenant: &str, scope: &Scope, now: SystemTime) {
        let mut failed = self.failed();
        failed.retain(|_, since| rests(*since, now));
        if failed.len() < MOST {
            failed.insert((tenant.to_owned(), scope.clone()), now);
        }
    }

    fn seen(&self) -> MutexGuard<'_, HashSet<Name>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self) -> MutexGuard<'_, HashMap<Name, SystemTime>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that was set back ends the rest.
fn rests(since: SystemTime, now: SystemTime) -> bool {
    now.duration_since(since).is_ok_and(|passed| passed < REST)
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

/// Rotations are due by the day: many scopes that fail every few seconds would help nobody.
const REST: Duration = Duration::from_mins(1);
