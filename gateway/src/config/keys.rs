//! `[keys]`: how long a KEK version is the active one.

use std::time::Duration;

use super::reader::{Problems, Section};

/// Days; NIST SP 800-57 part 1 has one to two years for keys that wrap keys.
const YEAR: u64 = 365;
const LONGEST: u64 = 3 * YEAR;

/// Reads `[keys]`, which need not be there: the cryptoperiod.
pub(super) fn read_cryptoperiod(root: &mut Section, problems: &mut Problems) -> Duration {
    let days = root.section("keys", problems).and_then(|mut keys| {
        let days = keys.optional_number("cryptoperiod_days", 1..=LONGEST, problems);
        keys.finish(problems);
        days
    });
    Duration::from_hours(24 * days.unwrap_or(YEAR))
}
