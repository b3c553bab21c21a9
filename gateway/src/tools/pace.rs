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
        let Some(rate) = self.bytes_per_second else {
            return;
        };
        let micros = bytes.saturating_mul(1_000_000) / rate.max(1);
        self.free_at = self.free_at.max(Instant::now()) + Duration::from_micros(micros);
        tokio::time::sleep_until(self.free_at).await;
    }
}
