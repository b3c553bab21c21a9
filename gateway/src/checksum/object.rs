//! The checksum of an object as S3 shows it: of all its bytes, or, for an upload in parts, of its parts'
//! checksums. It must not know bytes.

use std::fmt;

use super::algorithm::{Algorithm, ChecksumType};
use super::value::{Checksum, Value};

/// A checksum with its type. Its text is base64, with `-N` behind it where it is composed of N parts'.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectChecksum {
    value: Value,
    /// Number of parts it is composed of; `None` for one of the whole object.
    parts: Option<u16>,
}

impl ObjectChecksum {
    /// Of the whole object, or of one part.
    pub fn full(value: Value) -> Self {
        Self { value, parts: None }
    }

    /// A composite value known already.
    pub fn composite(value: Value, parts: u16) -> Self {
        Self {
            value,
            parts: Some(parts),
        }
    }

    /// The checksum of the parts' checksums, in the order of the object.
    pub fn composed(algorithm: Algorithm, parts: &[Value]) -> Self {
        let mut checksum = Checksum::new(algorithm);
        for part in parts {
            checksum.update(part.as_bytes());
        }
        Self::composite(
            checksum.finish(),
            u16::try_from(parts.len()).unwrap_or(u16::MAX),
        )
    }

    /// The checksum of the whole object from its parts' and their lengths in bytes; `None` where that cannot
    /// be told.
    pub fn joined(parts: &[(Value, u64)]) -> Option<Self> {
        let mut parts = parts.iter();
        let mut whole = parts.next()?.0.clone();
        for (value, length) in parts {
            whole = whole.followed_by(value, *length)?;
        }
        Some(Self::full(whole))
    }

    /// The value without the number of parts.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// How many parts it is composed of; 0 for one of the whole object.
    pub fn parts(&self) -> u16 {
        self.parts.unwrap_or_default()
    }

    /// What it is taken of.
    pub fn kind(&self) -> ChecksumType {
        match self.parts {
            None => ChecksumType::FullObject,
            Some(_) => ChecksumType::Composite,
        }
    }
}

impl fmt::Display for ObjectChecksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts {
            None => self.value.fmt(f),
            Some(parts) => write!(f, "{}-{parts}", self.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn of(algorithm: Algorithm, data: &[u8]) -> Value {
        let mut checksum = Checksum::new(algorithm);
        checksum.update(data);
        checksum.finish()
    }

    #[test]
    fn a_composite_is_the_checksum_of_the_checksums() {
        let parts = [b"one", b"two"].map(|data| of(Algorithm::Sha256, data));
        let composite = ObjectChecksum::composed(Algorithm::Sha256, &parts);
        let expected = Sha256::digest([Sha256::digest(b"one"), Sha256::digest(b"two")].concat());
        assert_eq!(composite.value().as_bytes(), expected.as_slice());
        assert_eq!(composite.to_string(), format!("{}-2", composite.value()));
        assert_eq!(composite.kind(), ChecksumType::Composite);
    }

    #[test]
    fn the_whole_is_joined_where_it_can_be() {
        let part = |algorithm, data: &[u8]| (of(algorithm, data), data.len() as u64);
        for algorithm in [Algorithm::Crc32, Algorithm::Crc32c, Algorithm::Crc64Nvme] {
            let parts = [&b"one, "[..], b"", b"two"].map(|data| part(algorithm, data));
            let whole = ObjectChecksum::joined(&parts).unwrap();
            assert_eq!(whole.value(), &of(algorithm, b"one, two"));
            assert_eq!(whole.kind(), ChecksumType::FullObject);
        }
        let parts = [part(Algorithm::Sha1, b"one"), part(Algorithm::Sha1, b"two")];
        assert_eq!(ObjectChecksum::joined(&parts), None);
        assert_eq!(ObjectChecksum::joined(&[]), None);
    }
}
