//! The checksum algorithms of S3: names, sizes, and the arithmetic. It must not know requests.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use crc_fast::CrcAlgorithm;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::error::ChecksumError;

/// An algorithm a client may choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// CRC-32 as in ISO HDLC, Ethernet and zip.
    Crc32,
    /// CRC-32C (Castagnoli), as in iSCSI.
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
}

impl Algorithm {
    /// All of them, by id.
    pub const ALL: [Self; 5] = [
        Self::Crc32,
        Self::Crc32c,
        Self::Crc64Nvme,
        Self::Sha1,
        Self::Sha256,
    ];

    /// S3's name, as in `x-amz-sdk-checksum-algorithm`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The header that carries the value, in lower case.
    pub fn header_name(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    /// The byte that stands for the algorithm in stored objects: it never changes meaning. Zero
    /// means none, and 6 to 10 are kept for SHA512, MD5, XXHASH64, XXHASH3 and XXHASH128.
    pub fn id(self) -> u8 {
        match self {
            Self::Crc32 => 1,
            Self::Crc32c => 2,
            Self::Crc64Nvme => 3,
            Self::Sha1 => 4,
            Self::Sha256 => 5,
        }
    }

    /// Bytes of a value.
    pub fn length(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The algorithm a stored byte stands for.
    pub fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.id() == id)
    }

    /// Reads S3's name in any case. Fails with `NotSupportedYet` for one S3 knows and we do not,
    /// else with `InvalidRequest`.
    pub fn from_name(name: &str) -> Result<Self, ChecksumError> {
        let known = Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name));
        known.ok_or_else(|| {
            if NOT_YET.iter().any(|later| later.eq_ignore_ascii_case(name)) {
                return ChecksumError::NotSupportedYet {
                    name: name.to_owned(),
                };
            }
            ChecksumError::InvalidRequest {
                problem: format!("There is no checksum algorithm named \"{name}\""),
            }
        })
    }

    /// Reads a header's name in any case, with the same errors.
    pub fn from_header_name(name: &str) -> Result<Self, ChecksumError> {
        let known = Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.header_name().eq_ignore_ascii_case(name));
        known.ok_or_else(|| {
            let lower = name.to_ascii_lowercase();
            if lower.starts_with(HEADER_PREFIX) {
                return ChecksumError::NotSupportedYet { name: lower };
            }
            ChecksumError::InvalidRequest {
                problem: format!("\"{name}\" is not the name of a checksum header"),
            }
        })
    }
}

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

    /// Reads the base64 text of a header or document.
    pub fn parse(algorithm: Algorithm, text: &str) -> Result<Self, ChecksumError> {
        let bytes = BASE64_STANDARD.decode(text).ok();
        bytes
            .and_then(|bytes| Self::new(algorithm, bytes))
            .ok_or_else(|| ChecksumError::InvalidRequest {
                problem: format!("Value for {} header is invalid", algorithm.header_name()),
            })
    }

    /// The algorithm it was made by.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Display for Value {
    /// The base64 text S3 uses everywhere.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_STANDARD.encode(&self.bytes))
    }
}

/// A checksum in the making.
#[derive(Debug)]
pub struct Checksum {
    algorithm: Algorithm,
    state: State,
}

#[derive(Debug)]
enum State {
    Crc(crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Checksum {
    /// The checksum of no bytes yet.
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Crc32 => State::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32IsoHdlc)),
            Algorithm::Crc32c => State::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc32Iscsi)),
            Algorithm::Crc64Nvme => State::Crc(crc_fast::Digest::new(CrcAlgorithm::Crc64Nvme)),
            Algorithm::Sha1 => State::Sha1(Sha1::new()),
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
        };
        Self { algorithm, state }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match &mut self.state {
            State::Crc(digest) => digest.update(bytes),
            State::Sha1(digest) => digest.update(bytes),
            State::Sha256(digest) => digest.update(bytes),
        }
    }

    /// The checksum of all the bytes taken.
    pub fn finish(self) -> Value {
        let bytes = match self.state {
            State::Crc(digest) => {
                let leading_zeros = u64::BITS as usize / 8 - self.algorithm.length();
                digest
                    .finalize()
                    .to_be_bytes()
                    .into_iter()
                    .skip(leading_zeros)
                    .collect()
            }
            State::Sha1(digest) => digest.finalize().to_vec(),
            State::Sha256(digest) => digest.finalize().to_vec(),
        };
        Value {
            algorithm: self.algorithm,
            bytes,
        }
    }
}

/// Every header that carries a checksum's value begins so.
pub(super) const HEADER_PREFIX: &str = "x-amz-checksum-";
const NOT_YET: [&str; 5] = ["SHA512", "MD5", "XXHASH64", "XXHASH3", "XXHASH128"];

#[cfg(test)]
mod tests {
    use super::*;

    /// The published check values of the CRC catalogue (over "123456789") and of FIPS 180 (over
    /// "abc").
    #[test]
    fn published_check_values() {
        let cases: [(Algorithm, &[u8], &str); 5] = [
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
        ];
        for (algorithm, data, expected) in cases {
            let mut checksum = Checksum::new(algorithm);
            let (head, tail) = data.split_at(2);
            checksum.update(head);
            checksum.update(tail);
            let value = checksum.finish();
            assert_eq!(hex::encode(value.as_bytes()), expected);
            assert_eq!(Value::parse(algorithm, &value.to_string()).unwrap(), value);
        }
    }

    #[test]
    fn the_checksum_of_nothing_is_what_sdks_send() {
        assert_eq!(
            Checksum::new(Algorithm::Crc32).finish().to_string(),
            "AAAAAA=="
        );
        assert_eq!(
            Checksum::new(Algorithm::Crc64Nvme).finish().to_string(),
            "AAAAAAAAAAA="
        );
    }

    #[test]
    fn names_headers_and_ids_go_both_ways() {
        for (index, algorithm) in Algorithm::ALL.into_iter().enumerate() {
            assert_eq!(usize::from(algorithm.id()), index + 1);
            assert_eq!(Algorithm::from_id(algorithm.id()), Some(algorithm));
            assert_eq!(
                Algorithm::from_name(&algorithm.name().to_lowercase()),
                Ok(algorithm)
            );
            assert_eq!(
                Algorithm::from_header_name(&algorithm.header_name().to_uppercase()),
                Ok(algorithm)
            );
        }
        assert_eq!(Algorithm::from_id(0), None);
        assert_eq!(Algorithm::from_id(6), None);
    }

    #[test]
    fn unknown_names_say_whether_they_may_come() {
        assert!(matches!(
            Algorithm::from_name("xxhash3"),
            Err(ChecksumError::NotSupportedYet { .. })
        ));
        assert!(matches!(
            Algorithm::from_name("CRC33"),
            Err(ChecksumError::InvalidRequest { .. })
        ));
        assert!(matches!(
            Algorithm::from_header_name("x-amz-checksum-md5"),
            Err(ChecksumError::NotSupportedYet { .. })
        ));
        assert!(matches!(
            Algorithm::from_header_name("x-amz-acl"),
            Err(ChecksumError::InvalidRequest { .. })
        ));
    }

    #[test]
    fn values_of_a_wrong_length_are_refused() {
        for text in ["", "AAAA", "AAAAAA=", "AAAAAAAAAAA=", "?AAAAA=="] {
            assert!(Value::parse(Algorithm::Crc32, text).is_err(), "{text}");
        }
    }
}
