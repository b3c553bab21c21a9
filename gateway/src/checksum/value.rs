//! Values of checksums: taken of bytes, put together from parts, read and written in S3's base64.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crc_fast::CrcAlgorithm;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use twox_hash::{XxHash3_64, XxHash3_128, XxHash64};

use super::algorithm::Algorithm;
use super::error::ChecksumError;

/// The value of a checksum, with its algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    algorithm: Algorithm,
    bytes: Vec<u8>,
}

impl Value {
    /// Takes a value's bytes; `None` when there are not as many as the algorithm makes.
    pub fn new(algorithm: Algorithm, bytes: Vec<u8>) -> Option<Self> {
        (bytes.len() == algorithm.length()).then_some(Self { algorithm, bytes })
    }

    /// Reads the base64 text of a header or document. `place` is what it stood in, for the message.
    ///
    /// Fails with `InvalidRequest`, as Amazon S3 does. Text that only broke off (of base64's letters, and not
    /// a whole number of groups) fails with `BadDigest`: it is a digest that matches nothing, which is what
    /// the S3 conformance suite of Ceph expects.
    pub fn parse(algorithm: Algorithm, text: &str, place: &str) -> Result<Self, ChecksumError> {
        let bytes = BASE64_STANDARD.decode(text).ok();
        if let Some(value) = bytes.and_then(|bytes| Self::new(algorithm, bytes)) {
            return Ok(value);
        }
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+/".contains(&byte);
        if !text.len().is_multiple_of(4) && text.bytes().all(letters) {
            return Err(ChecksumError::BadDigest { algorithm });
        }
        Err(ChecksumError::InvalidRequest {
            problem: format!("Value for {} {place} is invalid", algorithm.header_name()),
        })
    }

    /// A CRC64NVME that is known as a number.
    pub fn of_crc64(crc: u64) -> Self {
        Self::of_crc(Algorithm::Crc64Nvme, crc)
    }

    /// The algorithm it was made by.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The checksum of `self`'s bytes followed by `other`'s, which are `length` bytes. CRCs are linear, so
    /// theirs can be told without the bytes; `None` for others and for two algorithms.
    pub fn followed_by(&self, other: &Self, length: u64) -> Option<Self> {
        let crc = crc_of(self.algorithm).filter(|_| self.algorithm == other.algorithm)?;
        let combined = crc_fast::checksum_combine(crc, number(self), number(other), length);
        Some(Self::of_crc(self.algorithm, combined))
    }

    fn of_crc(algorithm: Algorithm, crc: u64) -> Self {
        let leading_zeros = size_of::<u64>().saturating_sub(algorithm.length());
        Self {
            algorithm,
            bytes: crc.to_be_bytes().into_iter().skip(leading_zeros).collect(),
        }
    }
}

impl fmt::Display for Value {
    /// The base64 text S3 uses everywhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(&self.bytes))
    }
}

/// A checksum in the making.
pub struct Checksum {
    algorithm: Algorithm,
    state: State,
}

enum State {
    Crc(crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
    Sha512(Box<Sha512>),
    Md5(Md5),
    XxHash64(Box<XxHash64>),
    XxHash3(Box<XxHash3_64>),
    XxHash128(Box<XxHash3_128>),
}

impl Checksum {
    /// The checksum of no bytes yet.
    pub fn new(algorithm: Algorithm) -> Self {
        let crc = |algorithm| State::Crc(crc_fast::Digest::new(algorithm));
        let state = match algorithm {
            Algorithm::Crc32 => crc(CrcAlgorithm::Crc32IsoHdlc),
            Algorithm::Crc32c => crc(CrcAlgorithm::Crc32Iscsi),
            Algorithm::Crc64Nvme => crc(CrcAlgorithm::Crc64Nvme),
            Algorithm::Sha1 => State::Sha1(Sha1::new()),
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha512 => State::Sha512(Box::new(Sha512::new())),
            Algorithm::Md5 => State::Md5(Md5::new()),
            Algorithm::XxHash64 => State::XxHash64(Box::new(XxHash64::with_seed(0))),
            Algorithm::XxHash3 => State::XxHash3(Box::new(XxHash3_64::new())),
            Algorithm::XxHash128 => State::XxHash128(Box::new(XxHash3_128::new())),
        };
        Self { algorithm, state }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        use std::hash::Hasher as _;
        match &mut self.state {
            State::Crc(digest) => digest.update(bytes),
            State::Sha1(digest) => digest.update(bytes),
            State::Sha256(digest) => digest.update(bytes),
            State::Sha512(digest) => digest.update(bytes),
            State::Md5(digest) => digest.update(bytes),
            State::XxHash64(digest) => digest.write(bytes),
            State::XxHash3(digest) => digest.write(bytes),
            State::XxHash128(digest) => digest.write(bytes),
        }
    }

    /// The checksum of all the bytes taken.
    pub fn finish(self) -> Value {
        use std::hash::Hasher as _;
        let bytes = match self.state {
            State::Crc(digest) => return Value::of_crc(self.algorithm, digest.finalize()),
            State::Sha1(digest) => digest.finalize().to_vec(),
            State::Sha256(digest) => digest.finalize().to_vec(),
            State::Sha512(digest) => digest.finalize().to_vec(),
            State::Md5(digest) => digest.finalize().to_vec(),
            State::XxHash64(digest) => digest.finish().to_be_bytes().to_vec(),
            State::XxHash3(digest) => digest.finish().to_be_bytes().to_vec(),
            State::XxHash128(digest) => digest.finish_128().to_be_bytes().to_vec(),
        };
        Value {
            algorithm: self.algorithm,
            bytes,
        }
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Checksum").field(&self.algorithm).finish()
    }
}

fn crc_of(algorithm: Algorithm) -> Option<CrcAlgorithm> {
    match algorithm {
        Algorithm::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
        Algorithm::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
        Algorithm::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
        _ => None,
    }
}

fn number(value: &Value) -> u64 {
    value
        .bytes
        .iter()
        .fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(algorithm: Algorithm, data: &[u8]) -> Value {
        let mut checksum = Checksum::new(algorithm);
        let (head, tail) = data.split_at(data.len() / 3);
        checksum.update(head);
        checksum.update(tail);
        checksum.finish()
    }

    /// The published check values of the CRC catalogue (over "123456789"), of FIPS 180 and RFC 1321 (over
    /// "abc"), and of xxhsum over no bytes, in the big-endian order that its documentation calls canonical.
    #[test]
    fn published_check_values() {
        let cases: [(Algorithm, &[u8], &str); 10] = [
            (Algorithm::Crc32, b"123456789", "cbf43926"),
            (Algorithm::Crc32c, b"123456789", "e3069283"),
            (Algorithm::Crc64Nvme, b"123456789", "ae8b14860a799888"),
            (
                Algorithm::Sha1,
                b"abc",
                "a9993e364706816aba3e25717850c26c9cd0d89d",
            ),
            (
                Algorithm::Sha256,
                b"abc",
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                Algorithm::Sha512,
                b"abc",
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
            (Algorithm::Md5, b"abc", "900150983cd24fb0d6963f7d28e17f72"),
            (Algorithm::XxHash64, b"", "ef46db3751d8e999"),
            (Algorithm::XxHash3, b"", "2d06800538d394c2"),
            (
                Algorithm::XxHash128,
                b"",
                "99aa06d3014798d86001c324468d497f",
            ),
        ];
        for (algorithm, data, expected) in cases {
            let value = of(algorithm, data);
            assert_eq!(hex::encode(value.as_bytes()), expected, "{algorithm:?}");
            assert_eq!(
                Value::parse(algorithm, &value.to_string(), "header"),
                Ok(value)
            );
        }
    }

    #[test]
    fn the_checksum_of_nothing_is_what_sdks_send() {
        assert_eq!(of(Algorithm::Crc32, b"").to_string(), "AAAAAA==");
        assert_eq!(of(Algorithm::Crc64Nvme, b"").to_string(), "AAAAAAAAAAA=");
    }

    #[test]
    fn crcs_of_pieces_make_the_crc_of_the_whole() {
        let whole = b"pieces of very different lengths";
        for algorithm in Algorithm::ALL {
            let (left, right) = whole.split_at(5);
            let joined = of(algorithm, left).followed_by(&of(algorithm, right), 27);
            let expected = crc_of(algorithm).map(|_| of(algorithm, whole));
            assert_eq!(joined, expected, "{algorithm:?}");
        }
        let other = of(Algorithm::Crc32c, b"x");
        assert_eq!(of(Algorithm::Crc32, b"x").followed_by(&other, 1), None);
    }

    #[test]
    fn values_that_are_none_are_refused() {
        for text in ["", "AAAA", "AAAAAAAAAAA=", "?AAAAA==", "AAAAAA=", "bad!"] {
            let refused = Value::parse(Algorithm::Crc32, text, "header");
            assert!(
                matches!(refused, Err(ChecksumError::InvalidRequest { .. })),
                "{text}"
            );
        }
        let broken_off = Value::parse(Algorithm::Crc32, "bad", "header");
        assert!(matches!(broken_off, Err(ChecksumError::BadDigest { .. })));
    }
}
