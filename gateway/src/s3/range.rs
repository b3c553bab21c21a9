//! The `Range` header in S3's meaning (RFC 9110 §14, narrowed by S3 to one range of bytes). Pure.

/// One byte range as asked for, before the object's size is known. Positions are of plaintext bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByteRange {
    /// `bytes=first-last`, last included.
    Between(u64, u64),
    /// `bytes=first-`
    From(u64),
    /// `bytes=-count`: the last `count` bytes.
    Last(u64),
}

/// A range that fits an object: `first <= last < size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Satisfied {
    /// First byte.
    pub first: u64,
    /// Last byte, included.
    pub last: u64,
}

impl ByteRange {
    /// Parses a `Range` value. `None` for several ranges, other units and bad syntax: S3 then answers
    /// with the whole object, as RFC 9110 lets a server do.
    pub fn parse(value: &str) -> Option<Self> {
        let spec = value.trim().strip_prefix("bytes=")?.trim();
        let (first, last) = spec.split_once('-')?;
        match (first.is_empty(), last.is_empty()) {
            (true, false) => Some(Self::Last(digits(last)?)),
            (false, true) => Some(Self::From(digits(first)?)),
            (false, false) => {
                let (first, last) = (digits(first)?, digits(last)?);
                (first <= last).then_some(Self::Between(first, last))
            }
            (true, true) => None,
        }
    }

    /// The bytes this range means in an object of `size` bytes. `Err(())` is `InvalidRange` (416).
    /// A suffix of an empty object is no error and has no bytes: `Ok(None)`, the whole (empty) object,
    /// as Amazon S3 answers.
    pub fn within(self, size: u64) -> Result<Option<Satisfied>, Unsatisfiable> {
        let last_byte = match (size.checked_sub(1), self) {
            (None, Self::Last(count)) if count > 0 => return Ok(None),
            (None, _) | (_, Self::Last(0)) => return Err(Unsatisfiable),
            (Some(last_byte), _) => last_byte,
        };
        let (first, last) = match self {
            Self::Between(first, last) => (first, last.min(last_byte)),
            Self::From(first) => (first, last_byte),
            Self::Last(count) => (size.saturating_sub(count), last_byte),
        };
        if first > last_byte {
            Err(Unsatisfiable)
        } else {
            Ok(Some(Satisfied { first, last }))
        }
    }
}

impl Satisfied {
    /// How many bytes, at least 1.
    pub fn length(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }

    /// The `Content-Range` value for an object of `size` bytes.
    pub fn content_range(self, size: u64) -> String {
        format!("bytes {}-{}/{size}", self.first, self.last)
    }
}

/// No byte of the object lies in the range: `InvalidRange`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsatisfiable;

fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn forms_of_rfc_9110() {
        assert_eq!(
            ByteRange::parse("bytes=0-4"),
            Some(ByteRange::Between(0, 4))
        );
        assert_eq!(ByteRange::parse("bytes=5-"), Some(ByteRange::From(5)));
        assert_eq!(ByteRange::parse("bytes=-7"), Some(ByteRange::Last(7)));
        for whole in [
            "bytes=4-2",
            "bytes=-",
            "bytes=0-1,4-5",
            "items=0-1",
            "bytes=a-b",
            "bytes=+1-2",
            "",
        ] {
            assert_eq!(ByteRange::parse(whole), None, "{whole}");
        }
    }

    #[test]
    fn empty_objects_follow_amazon() {
        assert_eq!(ByteRange::From(0).within(0), Err(Unsatisfiable));
        assert_eq!(ByteRange::Last(5).within(0), Ok(None));
        assert_eq!(ByteRange::Last(0).within(9), Err(Unsatisfiable));
    }

    proptest! {
        /// Against the plainest model there is: the indices of a byte array that the range names.
        #[test]
        fn agrees_with_a_byte_array(size in 1_u64..40, a in 0_u64..50, b in 0_u64..50, form in 0..3) {
            let range = match form { 0 => ByteRange::Between(a.min(b), a.max(b)), 1 => ByteRange::From(a), _ => ByteRange::Last(a) };
            let wanted: Vec<u64> = (0..size).filter(|&at| match range {
                ByteRange::Between(first, last) => first <= at && at <= last,
                ByteRange::From(first) => first <= at,
                ByteRange::Last(count) => size - at <= count,
            }).collect();
            match range.within(size) {
                Ok(Some(found)) => {
                    prop_assert_eq!((found.first..=found.last).collect::<Vec<_>>(), wanted);
                }
                other => {
                    prop_assert_eq!(other, Err(Unsatisfiable));
                    prop_assert!(wanted.is_empty());
                }
            }
        }
    }
}
