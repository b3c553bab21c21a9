//! Until when an object is kept, as a request sets it or the store tells: the archive keeps the lines that tell of it as long.

use audit::Event;
use http::HeaderMap;
use time::format_description::well_known::Rfc3339;
use time::{OffsetDateTime, UtcOffset};

use crate::s3::Operation;

/// What is known so far of one access' object. The words are a client's or the store's; only a time comes of them.
#[derive(Debug, Default)]
pub(super) struct Retained(Option<OffsetDateTime>);

impl Retained {
    /// What a text says, if it is a time, and later than what is known.
    pub(super) fn until(&mut self, text: &str) {
        let until = OffsetDateTime::parse(text, &Rfc3339).ok();
        // Near the end of the year 9999 it may have no form in UTC.
        let until = until.and_then(|until| until.checked_to_offset(UtcOffset::UTC));
        self.0 = self.0.max(until);
    }

    /// What a request asks for, where its operation sets a retention. Elsewhere the header is a word of the client's, which
    /// the store passes by: nobody may have the archive kept for ever by reading.
    pub(super) fn asked(&mut self, operation: Operation, headers: &HeaderMap) {
        use Operation as Op;
        if matches!(
            operation,
            Op::PutObject | Op::PostObject | Op::CopyObject | Op::CreateMultipartUpload
        ) {
            self.headers(headers);
        }
    }

    /// What the headers of an answer say.
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
        retained.until("9999-12-31T23:59:59-01:00");
        retained.tell(&mut event);
        assert_eq!(event.detail["retain_until"], "2039-12-31T23:00:00Z");
    }

    #[test]
    fn only_what_sets_a_retention_asks_for_one() {
        use Operation as Op;
        let until = "x-amz-object-lock-retain-until-date";
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static(until),
            http::HeaderValue::from_static("2040-01-01T00:00:00Z"),
        )]);
        let told = |operation| {
            let mut retained = Retained::default();
            retained.asked(operation, &headers);
            retained.0.is_some()
        };
        for operation in [
            Op::PutObject,
            Op::PostObject,
            Op::CopyObject,
            Op::CreateMultipartUpload,
        ] {
            assert!(told(operation), "{operation}");
        }
        for operation in [
            Op::GetObject,
            Op::HeadObject,
            Op::ListBuckets,
            Op::DeleteObject,
            Op::UploadPart,
        ] {
            assert!(!told(operation), "{operation}");
        }
    }
}
