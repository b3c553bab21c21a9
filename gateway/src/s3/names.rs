//! Bucket names and object keys, each with one fallible constructor, so that a value of the type is a
//! valid name. Pure.

use std::fmt;

use super::code::{Code, S3Error};

/// A bucket name as S3 allows it: 3 to 63 of `a-z 0-9 . -`, beginning and ending with a letter or
/// digit, no `..`, not the form of an IPv4 address (S3 user guide, "Bucket naming rules").
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BucketName(String);

impl BucketName {
    /// Parses a bucket name; `InvalidBucketName` says which rule is broken.
    pub fn parse(name: &str) -> Result<Self, S3Error> {
        let refuse = |why: &str| {
            Err(Code::InvalidBucketName
                .because(format!("The bucket name {why}."))
                .with("BucketName", name))
        };
        if !(3..=63).contains(&name.len()) {
            return refuse("must have 3 to 63 characters");
        }
        if !name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-'))
        {
            return refuse("may hold only lower-case letters, digits, dots and hyphens");
        }
        let edges_are_fine =
            name.bytes()
                .next()
                .zip(name.bytes().last())
                .is_some_and(|(first, last)| {
                    first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric()
                });
        if !edges_are_fine || name.contains("..") {
            return refuse(
                "must begin and end with a letter or digit and hold no two dots in a row",
            );
        }
        if name.parse::<std::net::Ipv4Addr>().is_ok() {
            return refuse("must not look like an IP address");
        }
        Ok(Self(name.to_owned()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// An object key: 1 to 1 024 bytes of UTF-8, taken as they are; never normalised.
///
/// It has no `Display`: keys name patients and contracts, so they go to the store and the trail, never
/// into a log line by accident.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ObjectKey(String);

impl ObjectKey {
    /// Parses a key from its percent-decoded bytes. `InvalidURI` when not UTF-8, `KeyTooLongError` over
    /// 1 024 bytes, `InvalidArgument` when empty.
    pub fn parse(bytes: Vec<u8>) -> Result<Self, S3Error> {
        if bytes.len() > LONGEST_KEY {
            return Err(Code::KeyTooLong
                .because(format!(
                    "The key has {} bytes; {LONGEST_KEY} are the most.",
                    bytes.len()
                ))
                .with("Size", bytes.len().to_string())
                .with("MaxSizeAllowed", LONGEST_KEY.to_string()));
        }
        if bytes.is_empty() {
            return Err(Code::InvalidArgument.because("The object key is empty."));
        }
        String::from_utf8(bytes).map(Self).map_err(|_| {
            Code::InvalidUri
                .because("The object key is not UTF-8 once its percent-encoding is undone.")
        })
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ObjectKey({} bytes)", self.0.len())
    }
}

/// S3's limit on a key, in bytes of UTF-8.
const LONGEST_KEY: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_names_follow_the_rules_of_s3() {
        for good in ["abc", "a.b", "a-b-c", "123", &"a".repeat(63)] {
            assert!(BucketName::parse(good).is_ok(), "{good}");
        }
        for bad in [
            "ab",
            &"a".repeat(64),
            "Abc",
            "a_b",
            "-ab",
            "ab-",
            ".ab",
            "a..b",
            "192.168.5.4",
            "a/b",
            "añb",
        ] {
            assert_eq!(
                BucketName::parse(bad).unwrap_err().code,
                Code::InvalidBucketName,
                "{bad}"
            );
        }
    }

    #[test]
    fn keys_are_bytes_of_utf8_up_to_1024() {
        assert_eq!(
            ObjectKey::parse(b"a//../b".to_vec()).unwrap().as_str(),
            "a//../b"
        );
        assert!(ObjectKey::parse(vec![b'k'; 1024]).is_ok());
        assert_eq!(
            ObjectKey::parse(vec![b'k'; 1025]).unwrap_err().code,
            Code::KeyTooLong
        );
        assert_eq!(
            ObjectKey::parse(vec![0xff]).unwrap_err().code,
            Code::InvalidUri
        );
        assert!(ObjectKey::parse(vec![]).is_err());
    }
}
