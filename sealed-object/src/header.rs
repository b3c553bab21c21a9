//! The 192-byte header as fields: parsing and encoding, without keys. What it proves is checked in `envelope`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::BufMut as _;

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::format::{FRAME_LOG2, HEADER_LEN, HEADER_MAGIC, WRAPPED_LEN};
use crate::geometry::Plain;
use crate::id::{KeyId, ObjectId};
use crate::suite::Suite;

/// How the object was uploaded, with the length only a single upload knows beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Kind 1: one PUT of this plaintext length.
    Single(Plain),
    /// Kind 2: parts, listed in the manifest.
    Multipart,
}

/// A header as it is stored. Parsed is not authentic: only [`crate::Envelope::open`] says that.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    pub(crate) suite: Suite,
    pub(crate) kind: Kind,
    pub(crate) has_metadata: bool,
    pub(crate) rebound: bool,
    pub(crate) has_own_key: bool,
    pub(crate) kek_id: KeyId,
    pub(crate) object_id: ObjectId,
    pub(crate) wrap_salt: [u8; 16],
    pub(crate) wrapped: [u8; WRAPPED_LEN],
    pub(crate) commit: [u8; 32],
    pub(crate) created_ms: u64,
    pub(crate) mac: [u8; 32],
}

impl Header {
    /// Parses the value of `x-amz-meta-sof-h`, without any key.
    ///
    /// # Errors
    /// [`Error::NotSealed`] if it is no header, [`Error::Suite`] if it is one of an unknown suite.
    pub fn parse(text: &str) -> Result<Self> {
        let raw = URL_SAFE_NO_PAD.decode(text).map_err(|_| Error::NotSealed)?;
        let raw: [u8; HEADER_LEN] = raw.try_into().map_err(|_| Error::NotSealed)?;
        let mut fields = Fields::new(&raw);
        fields.exactly(HEADER_MAGIC).ok_or(Error::NotSealed)?;
        let suite = Suite::from_id(fields.u8().ok_or(Error::NotSealed)?)?;
        Self::parse_rest(suite, fields).ok_or(Error::NotSealed)
    }

    /// The value of `x-amz-meta-sof-h`: 256 characters.
    pub fn encode(&self) -> String {
        let mut raw = self.authenticated();
        raw.put_slice(&self.mac);
        URL_SAFE_NO_PAD.encode(raw)
    }

    /// The cipher suite.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// How it was uploaded.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Which KEK unwraps its data key.
    pub fn kek_id(&self) -> KeyId {
        self.kek_id
    }

    /// The object's id.
    pub fn object_id(&self) -> ObjectId {
        self.object_id
    }

    /// When it was sealed, in ms since the epoch; a copy keeps it.
    pub fn created_ms(&self) -> u64 {
        self.created_ms
    }

    /// The plaintext length, which only a single upload's header states.
    pub fn plain(&self) -> Option<Plain> {
        match self.kind {
            Kind::Single(plain) => Some(plain),
            Kind::Multipart => None,
        }
    }

    /// Whether sealed metadata stands beside it.
    pub fn has_metadata(&self) -> bool {
        self.has_metadata
    }

    /// Whether it was bound to another place than the one it was sealed for.
    pub fn is_rebound(&self) -> bool {
        self.rebound
    }

    /// Whether its data key is wrapped under a key of the object's own too, which stands beside it as key management
    /// wrapped it.
    pub fn has_own_key(&self) -> bool {
        self.has_own_key
    }

    /// The bytes in front of the MAC.
    pub(crate) fn authenticated(&self) -> Vec<u8> {
        let (kind, plain) = match self.kind {
            Kind::Single(plain) => (KIND_SINGLE, plain.0),
            Kind::Multipart => (KIND_MULTIPART, UNKNOWN_LENGTH),
        };
        let metadata = if self.has_metadata { FLAG_METADATA } else { 0 };
        let rebound = if self.rebound { FLAG_REBOUND } else { 0 };
        let own_key = if self.has_own_key { FLAG_OWN_KEY } else { 0 };
        let mut raw = Vec::with_capacity(HEADER_LEN);
        raw.put_slice(HEADER_MAGIC);
        let flags = metadata | rebound | own_key;
        raw.put_slice(&[self.suite.id(), FRAME_LOG2, kind, flags]);
        raw.put_slice(&self.kek_id.0);
        raw.put_slice(&self.object_id.0);
        raw.put_slice(&self.wrap_salt);
        raw.put_slice(&self.wrapped);
        raw.put_slice(&self.commit);
        raw.put_u64(plain);
        raw.put_u64(self.created_ms);
        raw.put_bytes(0, RESERVED_LEN);
        raw
    }

    fn parse_rest(suite: Suite, mut fields: Fields<'_>) -> Option<Self> {
        fields.exactly(&[FRAME_LOG2])?;
        let kind = fields.u8()?;
        let flags = fields.u8()?;
        if flags & !(FLAG_METADATA | FLAG_REBOUND | FLAG_OWN_KEY) != 0 {
            return None;
        }
        let (kek_id, object_id) = (KeyId(fields.array()?), ObjectId(fields.array()?));
        let (wrap_salt, wrapped, commit) = (fields.array()?, fields.array()?, fields.array()?);
        let kind = match (kind, fields.u64()?) {
            (KIND_MULTIPART, UNKNOWN_LENGTH) => Kind::Multipart,
            (KIND_SINGLE, plain) if plain != UNKNOWN_LENGTH => Kind::Single(Plain(plain)),
            _ => return None,
        };
        let created_ms = fields.u64()?;
        fields.zeros(RESERVED_LEN)?;
        let mac = fields.array()?;
        fields.end()?;
        Some(Self {
            suite,
            kind,
            has_metadata: flags & FLAG_METADATA != 0,
            rebound: flags & FLAG_REBOUND != 0,
            has_own_key: flags & FLAG_OWN_KEY != 0,
            kek_id,
            object_id,
            wrap_salt,
            wrapped,
            commit,
            created_ms,
            mac,
        })
    }
}

/// What `object inspect` prints; the wrapped key and MACs are of no use to a reader.
impl std::fmt::Debug for Header {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Header")
            .field("suite", &self.suite)
            .field("kind", &self.kind)
            .field("has_metadata", &self.has_metadata)
            .field("rebound", &self.rebound)
            .field("has_own_key", &self.has_own_key)
            .field("kek_id", &self.kek_id)
            .field("object_id", &self.object_id)
            .field("created_ms", &self.created_ms)
            .finish_non_exhaustive()
    }
}

const KIND_SINGLE: u8 = 1;
const KIND_MULTIPART: u8 = 2;
const FLAG_METADATA: u8 = 1;
const FLAG_REBOUND: u8 = 1 << 2;
const FLAG_OWN_KEY: u8 = 1 << 3;
const UNKNOWN_LENGTH: u64 = u64::MAX;
const RESERVED_LEN: usize = 4;
