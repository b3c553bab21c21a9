//! The checksum of a multipart object that S3 calls COMPOSITE: the checksum of its parts'
//! checksums. It must not know parts' bytes.

use std::fmt;

use super::algorithm::{Algorithm, Checksum, Value};
use super::error::ChecksumError;

/// A composite value; its text is `base64-N`, N being the number of parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Composite {
    value: Value,
    parts: usize,
}

impl Composite {
    /// Composes the parts' values in the order of the object. `given` is what the client says about
    /// each in `CompleteMultipartUpload`, where it says anything.
    ///
    /// Fails with `InvalidPart` for a part whose given value is not its own, and with
    /// `InvalidRequest` when a part's value is of another algorithm.
    pub fn of<'v>(
        algorithm: Algorithm,
        parts: impl IntoIterator<Item = (&'v Value, Option<&'v Value>)>,
    ) -> Result<Self, ChecksumError> {
        let mut checksum = Checksum::new(algorithm);
        let mut count = 0;
        for (own, given) in parts {
            count += 1;
            if own.algorithm() != algorithm {
                let problem = format!(
                    "Part {count} was uploaded with {}, not {}",
                    own.algorithm().name(),
                    algorithm.name()
                );
                return Err(ChecksumError::InvalidRequest { problem });
            }
            if given.is_some_and(|given| given != own) {
                return Err(ChecksumError::InvalidPart { part: count });
            }
            checksum.update(own.as_bytes());
        }
        Ok(Self {
            value: checksum.finish(),
            parts: count,
        })
    }

    /// The value without the number of parts.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The number of parts.
    pub fn parts(&self) -> usize {
        self.parts
    }
}

impl fmt::Display for Composite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.value, self.parts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    fn sha256(data: &[u8]) -> Value {
        Value::new(Algorithm::Sha256, Sha256::digest(data).to_vec()).unwrap()
    }

    #[test]
    fn it_is_the_checksum_of_the_checksums() {
        let (one, two) = (sha256(b"one"), sha256(b"two"));
        let composite =
            Composite::of(Algorithm::Sha256, [(&one, None), (&two, Some(&two))]).unwrap();
        let expected = Sha256::digest([one.as_bytes(), two.as_bytes()].concat());
        assert_eq!(composite.value().as_bytes(), expected.as_slice());
        assert_eq!(composite.to_string(), format!("{}-2", composite.value()));
    }

    #[test]
    fn a_part_given_wrongly_is_named() {
        let (one, two) = (sha256(b"one"), sha256(b"two"));
        let wrong = Composite::of(Algorithm::Sha256, [(&one, Some(&one)), (&two, Some(&one))]);
        assert_eq!(wrong, Err(ChecksumError::InvalidPart { part: 2 }));
        let mixed = Composite::of(Algorithm::Sha1, [(&one, None)]);
        assert!(matches!(mixed, Err(ChecksumError::InvalidRequest { .. })));
    }
}
