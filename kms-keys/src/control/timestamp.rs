//! Times in control documents: RFC 3339 in UTC, to the millisecond.

use std::{fmt, time::SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _, ser::Error as _};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// A point in time as a document writes it. What is read is written again byte for byte, because a
/// MAC is made over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(OffsetDateTime);

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let time = OffsetDateTime::from(time);
        Self(time.replace_millisecond(time.millisecond()).unwrap_or(time))
    }
}

impl From<Timestamp> for SystemTime {
    fn from(time: Timestamp) -> Self {
        time.0.into()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.format(&Rfc3339).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0.format(&Rfc3339).map_err(S::Error::custom)?)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        OffsetDateTime::parse(&text, &Rfc3339)
            .map(Self)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn written_in_utc_to_the_millisecond() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_763_750_000_123_456_789);
        let text = serde_json::to_string(&Timestamp::from(time)).unwrap();
        // date -u -d @1763750000
        assert_eq!(text, "\"2025-11-21T18:33:20.123Z\"");
        assert_eq!(
            serde_json::from_str::<Timestamp>(&text).unwrap(),
            Timestamp::from(time)
        );
    }
}
