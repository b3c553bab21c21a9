//! The moment a request says it was signed at, in both spellings a client may use. It must not read
//! a clock.

use std::time::SystemTime;

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// A moment with its ISO 8601 basic text, as the string to sign has it: `20130524T000000Z`.
#[derive(Debug, Clone)]
pub(crate) struct Timestamp {
    at: SystemTime,
    text: String,
}

impl Timestamp {
    /// Reads ISO 8601 basic (`20130524T000000Z`) or an HTTP date (RFC 1123); `None` when it is
    /// neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Self::parse_basic(text).or_else(|| {
            let at = httpdate::parse_http_date(text).ok()?;
            let text = OffsetDateTime::from(at).format(BASIC).ok()?;
            Some(Self { at, text })
        })
    }

    /// Reads ISO 8601 basic only, which is all a presigned URL may use.
    pub(super) fn parse_basic(text: &str) -> Option<Self> {
        let moment = PrimitiveDateTime::parse(text, BASIC).ok()?.assume_utc();
        // Formatting again makes the text the only spelling of the moment there is.
        let unique = moment.format(BASIC).ok()? == text;
        // Before 1970 there are no HTTP dates to tell the caller about.
        (unique && moment >= OffsetDateTime::UNIX_EPOCH).then(|| Self {
            at: moment.into(),
            text: text.to_owned(),
        })
    }

    pub(crate) fn at(&self) -> SystemTime {
        self.at
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// The UTC day, `20130524`.
    pub(super) fn day(&self) -> &str {
        self.text.split_once('T').map_or("", |(day, _)| day)
    }
}

const BASIC: &[BorrowedFormatItem<'static>] =
    format_description!("[year][month][day]T[hour][minute][second]Z");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_are_one_moment() {
        let expected: SystemTime = time::macros::datetime!(2013-05-24 0:00 UTC).into();
        for text in ["20130524T000000Z", "Fri, 24 May 2013 00:00:00 GMT"] {
            let timestamp = Timestamp::parse(text).unwrap();
            assert_eq!(timestamp.at(), expected);
            assert_eq!(timestamp.as_str(), "20130524T000000Z");
            assert_eq!(timestamp.day(), "20130524");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "20130524",
            "20130524T000000",
            "20131324T000000Z",
            "20130524T000000Z ",
            "2013-05-24T00:00:00Z",
            "+20130524T000000Z",
            "19691231T235959Z",
            "00000101T000000Z",
        ] {
            assert!(Timestamp::parse(text).is_none(), "{text}");
        }
        assert!(Timestamp::parse_basic("Fri, 24 May 2013 00:00:00 GMT").is_none());
    }
}
