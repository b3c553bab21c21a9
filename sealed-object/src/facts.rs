//! What the trailer keeps sealed about the plaintext, and its text of 128 bytes and more. Knows no keys.

use bytes::BufMut as _;

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::format::{CHECKSUM_ROOM, TRAILER_TEXT_LEN};
use crate::part_checksums::PartChecksums;
use crate::trailer::{FLAG_CRC64, FLAG_DIGEST, FLAG_MD5};

/// A checksum that a client declared: 1 to 64 bytes under an algorithm id of the gateway's choosing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientChecksum {
    algorithm: u8,
    value: Vec<u8>,
}

impl ClientChecksum {
    /// Of an algorithm id other than 0 and the checksum's bytes.
    ///
    /// # Errors
    /// [`Error::Checksum`] if it is empty, longer than 64 bytes, or of algorithm 0.
    pub fn new(algorithm: u8, value: &[u8]) -> Result<Self> {
        if algorithm == 0 || value.is_empty() || value.len() > CHECKSUM_ROOM {
            return Err(Error::Checksum);
        }
        Ok(Self {
            algorithm,
            value: value.to_vec(),
        })
    }

    /// The algorithm's id.
    pub fn algorithm(&self) -> u8 {
        self.algorithm
    }

    /// The checksum.
    pub fn value(&self) -> &[u8] {
        &self.value
    }
}

/// What the caller knows at the end of an upload and the sealer does not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// When the upload ended, in ms since the epoch.
    pub completed_ms: u64,
    /// The checksum the client declared for the whole object.
    pub client_checksum: Option<ClientChecksum>,
    /// Number of parts that the client checksum is composed of; 0 if it is of the whole object.
    pub composite_parts: u16,
    /// The checksums of a multipart object's parts, kept where the object's size leaves room for them.
    pub part_checksums: Option<PartChecksums>,
    /// MD5 as an S3 `ETag` would show it, if the client sent Content-MD5: of the plaintext, or of the parts' MD5s.
    pub md5: Option<[u8; 16]>,
}

/// What an authentic trailer says about the plaintext.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailerFacts {
    /// When the upload ended, in ms since the epoch.
    pub completed_ms: u64,
    /// Hash of the plaintext, or of the list of the parts' lengths and hashes.
    pub digest: Option<[u8; 32]>,
    /// CRC-64/NVME of the whole plaintext.
    pub crc64: Option<u64>,
    /// The checksum the client declared.
    pub client_checksum: Option<ClientChecksum>,
    /// Number of parts that the client checksum is composed of; 0 if it is of the whole object.
    pub composite_parts: u16,
    /// MD5, if the client had sent it.
    pub md5: Option<[u8; 16]>,
    /// The checksums of the parts, where there was room for them.
    pub part_checksums: Option<PartChecksums>,
}

impl TrailerFacts {
    /// Of what the sealer computed and what the caller knows.
    pub(crate) fn new(digest: [u8; 32], crc64: u64, facts: &Facts) -> Self {
        Self {
            completed_ms: facts.completed_ms,
            digest: Some(digest),
            crc64: Some(crc64),
            client_checksum: facts.client_checksum.clone(),
            composite_parts: facts.composite_parts,
            md5: facts.md5,
            part_checksums: facts.part_checksums.clone(),
        }
    }

    /// The trailer's flags.
    pub(crate) fn flags(&self) -> u16 {
        let flag = |present, bit| if present { bit } else { 0 };
        flag(self.digest.is_some(), FLAG_DIGEST)
            | flag(self.crc64.is_some(), FLAG_CRC64)
            | flag(self.md5.is_some(), FLAG_MD5)
    }

    /// The 128 bytes that are sealed, and behind them the parts' checksums.
    pub(crate) fn text(&self) -> Vec<u8> {
        let checksum = self.client_checksum.as_ref();
        let value = checksum.map_or(&[][..], ClientChecksum::value);
        let mut room = value.to_vec();
        room.resize(CHECKSUM_ROOM, 0);
        let (first, second) = room.split_at(CHECKSUM_SPLIT);
        let mut text = Vec::with_capacity(TRAILER_TEXT_LEN);
        text.put_slice(&self.digest.unwrap_or_default());
        text.put_u64(self.crc64.unwrap_or_default());
        text.put_u8(checksum.map_or(0, ClientChecksum::algorithm));
        // At most 64, which `ClientChecksum` sees to.
        text.put_u8(u8::try_from(value.len()).unwrap_or_default());
        text.put_slice(first);
        text.put_u16(self.composite_parts);
        text.put_slice(&self.md5.unwrap_or_default());
        text.put_slice(second);
        let parts = self.part_checksums.as_ref();
        text.put_u8(parts.map_or(0, PartChecksums::algorithm));
        text.put_bytes(0, RESERVED_LEN);
        text.put_slice(parts.map_or(&[], PartChecksums::joined));
        text
    }

    /// Reads the text of an object of so many parts; `None` unless it is exactly what [`Self::text`] writes.
    pub(crate) fn read(flags: u16, completed_ms: u64, text: &[u8], parts: usize) -> Option<Self> {
        let mut fields = Fields::new(text);
        let digest: [u8; 32] = fields.array()?;
        let crc64 = fields.u64()?;
        let (algorithm, len) = (fields.u8()?, fields.u8()?);
        let first = fields.slice(CHECKSUM_SPLIT)?;
        let composite_parts = fields.u16()?;
        let md5: [u8; 16] = fields.array()?;
        let room = [first, fields.slice(CHECKSUM_SPLIT)?].concat();
        let value = room.get(..usize::from(len))?;
        let part_algorithm = fields.u8()?;
        fields.slice(RESERVED_LEN)?;
        let joined = text.get(TRAILER_TEXT_LEN..)?;
        let facts = Self {
            completed_ms,
            digest: (flags & FLAG_DIGEST != 0).then_some(digest),
            crc64: (flags & FLAG_CRC64 != 0).then_some(crc64),
            client_checksum: ClientChecksum::new(algorithm, value).ok(),
            composite_parts,
            md5: (flags & FLAG_MD5 != 0).then_some(md5),
            part_checksums: PartChecksums::read(part_algorithm, joined, parts),
        };
        (facts.text() == text).then_some(facts)
    }
}

const CHECKSUM_SPLIT: usize = 32;
const RESERVED_LEN: usize = 3;
