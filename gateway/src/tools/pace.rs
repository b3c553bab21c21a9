//! A limit on bytes per second. It waits; it measures nothing else.

use std::time::Duration;

use tokio::time::Instant;

/// Lets bytes through at a rate. What was not used is not saved up.
#[derive(Debug)]
pub struct Pace {
    bytes_per_second: Option<u64>,
    free_at: Instant,
}

impl Pace {
    /// So many bytes a second, or as fast as it goes.
    pub fn new(bytes_per_second: Option<u64>) -> Self {
        Self {
            bytes_per_second,
            free_at: Instant::now(),
        }
    }

    /// Waits until these bytes may have passed.
    pub async fn pass(&mut self, bytes: u64) {
        if let Some(free_at) = self.reserve(bytes, Instant::now()) {
            tokio::time::sleep_until(free_at).await;
        }
    }

    /// When these bytes may have passed; `None`: at once.
    fn reserve(&mut self, bytes: u64, now: Instant) -> Option<Instant> {
        let rate = self.bytes_per_second?;
        let micros = bytes.saturating_mul(1_000_000) / rate.max(1);
        self.free_at = self.free_at.max(now) + Duration::from_micros(micros);
        Some(self.free_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_wait_for_those_before_them_and_idle_time_is_not_saved_up() {
        let mut pace = Pace::new(Some(1000));
        let start = Instant::now();
        pace.free_at = start;
        let after = |seconds| Some(start + Duration::from_secs(seconds));
        assert_eq!(pace.reserve(2000, start), after(2));
        assert_eq!(pace.reserve(1000, start), after(3));
        let later = start + Duration::from_secs(10);
        assert_eq!(pace.reserve(1000, later), after(11));
        assert_eq!(Pace::new(None).reserve(u64::MAX, start), None);
    }
}
