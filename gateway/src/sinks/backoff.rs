//! How long to wait before trying again: twice as long each time, and never as long as others.

use std::time::Duration;

/// Failures in a row.
#[derive(Debug, Default)]
pub(crate) struct Backoff(u32);

impl Backoff {
    /// It worked; whether it had failed before.
    pub(crate) fn reset(&mut self) -> bool {
        std::mem::take(&mut self.0) > 0
    }

    /// It failed once more: half of the time is fixed, half by chance.
    pub(crate) fn next(&mut self) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.0.min(DOUBLINGS));
        self.0 = self.0.saturating_add(1);
        let half = longest.min(LONGEST) / 2;
        // Without chance all replicas come back at once, which is no worse than not waiting.
        let chance = getrandom::u32().unwrap_or(u32::MAX);
        half.saturating_add(half.mul_f64(f64::from(chance) / f64::from(u32::MAX)))
    }
}

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(30);
/// From 200 ms to over 30 s.
const DOUBLINGS: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_a_bound_and_begin_anew() {
        let mut backoff = Backoff::default();
        assert!(!backoff.reset());
        let waits: Vec<Duration> = (0..20).map(|_| backoff.next()).collect();
        assert!(waits[0] >= FIRST / 2 && waits[0] <= FIRST, "{waits:?}");
        assert!(
            waits[3] >= FIRST * 4 && waits[3] <= FIRST * 8,
            "0.2 s doubled three times is 1.6 s, of which at least half: {waits:?}"
        );
        assert!(waits.iter().all(|wait| *wait <= LONGEST), "{waits:?}");
        assert!(waits[19] >= LONGEST / 2, "{waits:?}");
        assert!(backoff.reset());
        assert!(backoff.next() <= FIRST);
    }
}
