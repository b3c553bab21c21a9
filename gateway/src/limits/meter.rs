//! How fast something goes on average, in one number: the moment up to which what was taken is paid for (the "virtual
//! scheduling" of ITU-T I.371, known as GCRA). It must not know what is measured.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, SystemTime};

/// Takes `rate` units a second on average, and as many in advance.
#[derive(Debug)]
pub struct Meter {
    rate: u64,
    paid_up_to: Mutex<SystemTime>,
}

impl Meter {
    /// `rate` units a second; at least one.
    pub fn new(rate: u64) -> Self {
        Self {
            rate: rate.max(1),
            paid_up_to: Mutex::new(SystemTime::UNIX_EPOCH),
        }
    }

    /// Takes `units` if what was taken before is paid for, but for a second's worth.
    pub fn admits(&self, units: u64, now: SystemTime) -> bool {
        let mut paid = self
            .paid_up_to
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let owed = paid.duration_since(now).unwrap_or_default();
        if owed.saturating_add(self.cost(units)) > ADVANCE {
            return false;
        }
        *paid = self.after(*paid, units, now);
        true
    }

    /// Takes `units` in any case: they have passed already.
    pub fn charge(&self, units: u64, now: SystemTime) {
        let mut paid = self
            .paid_up_to
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *paid = self.after(*paid, units, now);
    }

    fn after(&self, paid: SystemTime, units: u64, now: SystemTime) -> SystemTime {
        let begins = paid.max(now);
        begins.checked_add(self.cost(units)).unwrap_or(begins)
    }

    fn cost(&self, units: u64) -> Duration {
        let nanos = u128::from(units)
            .saturating_mul(NANOS)
            .checked_div(self.rate.into())
            .unwrap_or_default();
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

const ADVANCE: Duration = Duration::from_secs(1);
const NANOS: u128 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(500_000) + Duration::from_millis(millis)
    }

    #[test]
    fn a_seconds_worth_is_taken_at_once_and_then_as_time_passes() {
        let meter = Meter::new(10);
        assert_eq!((0..20).filter(|_| meter.admits(1, at(0))).count(), 10);
        assert!(!meter.admits(1, at(99)));
        assert!(meter.admits(1, at(100)));
        assert!(!meter.admits(1, at(100)));
        // After a pause no more than a second's worth.
        assert_eq!((0..20).filter(|_| meter.admits(1, at(60_000))).count(), 10);
    }

    #[test]
    fn what_passed_already_is_paid_for_before_more_is_taken() {
        let meter = Meter::new(1000);
        assert!(meter.admits(0, at(0)));
        meter.charge(5000, at(0));
        assert!(!meter.admits(0, at(3999)));
        assert!(meter.admits(0, at(4000)));
    }
}
