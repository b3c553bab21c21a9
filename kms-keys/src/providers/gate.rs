//! Back-off: a root key whose service failed is left alone for a time that grows with every failure
//! and is drawn at random, so that replicas do not come back all at once. It must not call anyone.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use crate::{Clock, KeyError, KeyErrorKind, key_material::fill_random};

/// One gate for each root key that failed lately: one tenant's own key in a region that is gone
/// must not hold up the others.
pub(super) struct Gates {
    clock: Clock,
    shut: Mutex<HashMap<(String, String), Gate>>,
}

struct Gate {
    /// In a row.
    failures: u32,
    since: SystemTime,
    closed_for: Duration,
    error: KeyError,
}

impl Gates {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            shut: Mutex::default(),
        }
    }

    /// The last failure, if its back-off is not over.
    pub(super) fn closed(&self, provider: &str, root_key: &str) -> Option<KeyError> {
        let shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = shut.get(&(provider.to_owned(), root_key.to_owned()))?;
        let is_closed = (self.clock)()
            .duration_since(gate.since)
            .is_ok_and(|age| age < gate.closed_for);
        is_closed.then(|| gate.error.clone())
    }

    /// Closes the gate after a passing failure; any other answer shows that the service works.
    pub(super) fn learn(&self, provider: &str, root_key: &str, error: Option<&KeyError>) {
        let name = (provider.to_owned(), root_key.to_owned());
        let mut shut = self.shut.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(error) = error.filter(|error| error.kind() == KeyErrorKind::Unavailable) else {
            shut.remove(&name);
            return;
        };
        let failures = shut
            .get(&name)
            .map_or(1, |gate| gate.failures.saturating_add(1));
        let gate = Gate {
            failures,
            since: (self.clock)(),
            closed_for: back_off(failures),
            error: error.clone(),
        };
        shut.insert(name, gate);
    }
}

/// Between half and all of a time that doubles with every failure, up to a limit.
fn back_off(failures: u32) -> Duration {
    let doubled = FIRST.saturating_mul(1 << failures.saturating_sub(1).min(DOUBLINGS));
    let whole = doubled.min(LONGEST);
    let mut random = [0; 4];
    // Without random bytes the whole time is as good.
    let drawn = match fill_random(&mut random) {
        Ok(()) => f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX),
        Err(_) => 1.0,
    };
    whole
        .div_f64(2.0)
        .saturating_add(whole.mul_f64(drawn / 2.0))
        .min(whole)
}

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(10);
/// Beyond these the longest time is reached.
const DOUBLINGS: u32 = 6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn back_off_doubles_to_a_limit_and_is_drawn() {
        // 200 ms, 400, 800, 1600, 3200, 6400, 10 000: half of it at least, all of it at most.
        for (failures, whole) in [
            (1, 200),
            (2, 400),
            (4, 1600),
            (7, 10_000),
            (u32::MAX, 10_000),
        ] {
            let whole = Duration::from_millis(whole);
            let drawn: Vec<Duration> = (0..64).map(|_| back_off(failures)).collect();
            assert!(
                drawn
                    .iter()
                    .all(|time| *time >= whole / 2 && *time <= whole)
            );
            assert!(drawn.iter().any(|time| *time != drawn[0]), "{failures}");
        }
    }
}
