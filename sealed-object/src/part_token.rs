//! The token a client holds for a part it uploaded: which instance it was, where it lies, what it contains.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::BufMut as _;

use crate::error::{Error, Result};
use crate::facts::{ClientChecksum, Facts};
use crate::fields::Fields;
use crate::format::PART_TOKEN_PREFIX;
use crate::geometry::{self, Plain, Sealed};
use crate::manifest::Entry;
use crate::part::is_part_no;
use crate::part_sealer::PartFacts;
use crate::suite::same;
use crate::upload::Upload;

/// A part that was uploaded. Made of a sealed part, or parsed from a token that this upload authenticated.
#[derive(Clone, PartialEq, Eq)]
pub struct PartToken {
    facts: PartFacts,
    staged: bool,
    md5: Option<[u8; 16]>,
    client_checksum: Option<ClientChecksum>,
    upstream_etag: String,
}

impl PartToken {
    /// Of a sealed part, once the upstream has stored it under `upstream_etag`.
    ///
    /// `staged` says it lies outside the upload. Of `facts` it keeps the plaintext's MD5 and the checksum that the
    /// client declared.
    ///
    /// # Errors
    /// [`Error::Token`] if the upstream's `ETag` is longer than 255 bytes.
    pub fn new(facts: PartFacts, upstream_etag: &str, staged: bool, known: &Facts) -> Result<Self> {
        if upstream_etag.len() > usize::from(u8::MAX) {
            return Err(Error::Token);
        }
        Ok(Self {
            facts,
            staged,
            md5: known.md5,
            client_checksum: known.client_checksum.clone(),
            upstream_etag: upstream_etag.to_owned(),
        })
    }

    /// Parses a token, without quotes, and authenticates it for `upload`.
    ///
    /// # Errors
    /// [`Error::Unpinned`] for what is no token at all, [`Error::Token`] for one that is not of this upload.
    pub fn parse(text: &str, upload: &Upload) -> Result<Self> {
        let body = text
            .strip_prefix(PART_TOKEN_PREFIX)
            .ok_or(Error::Unpinned)?;
        let raw = URL_SAFE_NO_PAD.decode(body).map_err(|_| Error::Token)?;
        let (fields, mac) = raw.split_last_chunk::<16>().ok_or(Error::Token)?;
        if !same(&expected_mac(upload, fields), mac) {
            return Err(Error::Token);
        }
        Self::read(Fields::new(fields)).ok_or(Error::Token)
    }

    /// The token for the client, as the part's `ETag` without quotes.
    pub fn encode(&self, upload: &Upload) -> String {
        let mut raw = self.fields();
        let mac = expected_mac(upload, &raw);
        raw.put_slice(&mac);
        format!("{PART_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(raw))
    }

    /// The part's number.
    pub fn part_no(&self) -> u16 {
        self.facts.part_no
    }

    /// Its plaintext length.
    pub fn plain(&self) -> Plain {
        self.facts.plain
    }

    /// Its stored length.
    pub fn stored(&self) -> Sealed {
        geometry::part_stored(self.facts.plain)
    }

    /// The salt of this instance of the part, which names a staged one.
    pub fn salt(&self) -> [u8; 16] {
        self.facts.salt
    }

    /// Hash of the part as stored.
    pub fn ct_hash(&self) -> [u8; 32] {
        self.facts.ct_hash
    }

    /// Hash of its plaintext. Confidential.
    pub fn pt_digest(&self) -> [u8; 32] {
        self.facts.pt_digest
    }

    /// CRC-64/NVME of its plaintext. Confidential.
    pub fn crc64(&self) -> u64 {
        self.facts.crc64
    }

    /// Whether it lies outside the upload until Complete.
    pub fn is_staged(&self) -> bool {
        self.staged
    }

    /// MD5 of its plaintext, if the client sent it.
    pub fn md5(&self) -> Option<[u8; 16]> {
        self.md5
    }

    /// The checksum of its plaintext that the client declared. Confidential.
    pub fn client_checksum(&self) -> Option<&ClientChecksum> {
        self.client_checksum.as_ref()
    }

    /// What the upstream answered for it.
    pub fn upstream_etag(&self) -> &str {
        &self.upstream_etag
    }

    pub(crate) fn entry(&self) -> Entry {
        let PartFacts {
            part_no,
            plain,
            salt,
            ct_hash,
            ..
        } = self.facts;
        Entry {
            part_no,
            plain,
            salt,
            ct_hash,
        }
    }

    fn fields(&self) -> Vec<u8> {
        let staged = if self.staged { FLAG_STAGED } else { 0 };
        let md5 = if self.md5.is_some() { FLAG_MD5 } else { 0 };
        let checksum = self.client_checksum.as_ref();
        let flag = if checksum.is_some() { FLAG_CHECKSUM } else { 0 };
        let mut raw = vec![staged | md5 | flag];
        raw.put_u16(self.facts.part_no);
        raw.put_uint(self.facts.plain.0, 6);
        raw.put_slice(&self.facts.salt);
        raw.put_slice(&self.facts.ct_hash);
        raw.put_slice(&self.facts.pt_digest);
        raw.put_u64(self.facts.crc64);
        raw.put_slice(self.md5.as_ref().map_or(&[], <[u8; 16]>::as_slice));
        if let Some(checksum) = checksum {
            raw.put_u8(checksum.algorithm());
            // At most 64, which `ClientChecksum` sees to.
            raw.put_u8(u8::try_from(checksum.value().len()).unwrap_or_default());
            raw.put_slice(checksum.value());
        }
        // At most 255, which both ways of making a token see to.
        raw.put_u8(u8::try_from(self.upstream_etag.len()).unwrap_or_default());
        raw.put_slice(self.upstream_etag.as_bytes());
        raw
    }

    fn read(mut fields: Fields<'_>) -> Option<Self> {
        let flags = fields
            .u8()
            .filter(|flags| flags & !(FLAG_STAGED | FLAG_MD5 | FLAG_CHECKSUM) == 0)?;
        let facts = PartFacts {
            part_no: fields.u16().filter(|part_no| is_part_no(*part_no))?,
            plain: Plain(fields.u48()?),
            salt: fields.array()?,
            ct_hash: fields.array()?,
            pt_digest: fields.array()?,
            crc64: fields.u64()?,
        };
        let md5 = if flags & FLAG_MD5 == 0 {
            None
        } else {
            Some(fields.array()?)
        };
        let client_checksum = if flags & FLAG_CHECKSUM == 0 {
            None
        } else {
            let (algorithm, len) = (fields.u8()?, fields.u8()?);
            Some(ClientChecksum::new(algorithm, fields.slice(usize::from(len))?).ok()?)
        };
        let len = fields.u8()?;
        let upstream_etag = std::str::from_utf8(fields.slice(usize::from(len))?)
            .ok()?
            .to_owned();
        fields.end()?;
        Some(Self {
            facts,
            staged: flags & FLAG_STAGED != 0,
            md5,
            client_checksum,
            upstream_etag,
        })
    }
}

/// Names the part; digests of plaintext stay out of logs.
impl std::fmt::Debug for PartToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartToken")
            .field("part_no", &self.facts.part_no)
            .field("plain", &self.facts.plain)
            .field("staged", &self.staged)
            .finish_non_exhaustive()
    }
}

/// `MAC16` of a `MAC`.
pub(crate) fn cut(mac: [u8; 32]) -> [u8; 16] {
    mac.first_chunk().copied().unwrap_or_default()
}

fn expected_mac(upload: &Upload, fields: &[u8]) -> [u8; 16] {
    let suite = upload.suite;
    cut(suite.mac(
        &upload.token_key,
        &[fields, &suite.hash(&[upload.upstream_id().as_bytes()])],
    ))
}

const FLAG_STAGED: u8 = 1;
const FLAG_MD5: u8 = 1 << 1;
const FLAG_CHECKSUM: u8 = 1 << 2;
