//! Until when an object is kept, as a request sets it or the store tells: the archive keeps the lines that tell of it as long.

use audit::Event;
use http::HeaderMap;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

/// What is known so far of one access' object. The words are a client's or the store's; only a time comes of them.
#[derive(Debug, Default)]
pub(super) struct Retained(Option<OffsetDateTime>);

impl Retained {
    /// What a text says, if it is a time, and later than what is known.
    pub(super) fn until(&mut self, text: &str) {
        let until = OffsetDateTime::parse(text, &Rfc3339).ok();
        self.0 = self
            .0
            .max(until.map(|until| until.to_offset(UtcOffset::UTC)));
    }

    /// What the headers of a request or an answer say.
    pub(super) fn headers(&mut self, headers: &HeaderMap) {
        let until = headers.get("x-amz-object-lock-retain-until-date");
        if let Some(until) = until.and_then(|until| until.to_str().ok()) {
            self.until(until);
        }
    }

    /// Puts it on record. Only of what was done: what was refused keeps nothing.
    pub(super) fn tell(&self, event: &mut Event) {
        if let Some(until) = self.0.and_then(|until| until.format(&Rfc3339).ok()) {
            event.detail.insert("retain_until".to_owned(), until.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use audit::Kind;

    use super::*;

    #[test]
    fn the_latest_time_is_told_and_no_other_word() {
        let mut retained = Retained::default();
        let mut event = Event::of_trail(Kind::Outcome, SystemTime::UNIX_EPOCH);
        retained.until("for Mrs Smith");
        retained.tell(&mut event);
        assert!(event.detail.is_empty());
        retained.until("2040-01-01T01:00:00+02:00");
        retained.until("2039-01-01T00:00:00Z");
        retained.tell(&mut event);
        assert_eq!(event.detail["retain_until"], "2039-12-31T23:00:00Z");
    }
}
