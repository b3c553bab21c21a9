//! The trailer: what is known only once the body is complete. Parsed and checked here, written in `footer`.

use crate::chunk::ChunkKey;
use crate::envelope::Opened;
use crate::error::{Error, Result};
use crate::facts::TrailerFacts;
use crate::fields::Fields;
use crate::format::{
    MAX_PARTS, NONCE_LEN, TRAILER_CHUNK_LEN, TRAILER_MAGIC, TRAILER_TEXT_LEN, VERSION,
};
use crate::geometry::{Plain, Sealed};
use crate::id::{KeyId, ObjectId};
use crate::key::Aux;
use crate::manifest::{self, Manifest};
use crate::suite::{Suite, same};

/// A trailer as it is stored. Parsed is not authentic; each check below says what it proves.
#[derive(Clone, PartialEq, Eq)]
pub struct Trailer {
    raw: Vec<u8>,
    pub(crate) suite: Suite,
    pub(crate) flags: u16,
    plain: Plain,
    parts: u32,
    manifest_len: Sealed,
    pad: u64,
    pub(crate) object_id: ObjectId,
    pub(crate) commit: [u8; 32],
    ct_root: [u8; 32],
    audit_mac: [u8; 32],
    aux_id: KeyId,
    completed_ms: u64,
    chunk: [u8; TRAILER_CHUNK_LEN],
    object_mac: [u8; 32],
}

impl Trailer {
    /// Parses the last 368 bytes of a body, without any key.
    ///
    /// # Errors
    /// [`Error::Trailer`] if they are no trailer, [`Error::Suite`] if it is one of an unknown suite.
    pub fn parse(raw: &[u8]) -> Result<Self> {
        let mut fields = Fields::new(raw);
        fields.exactly(TRAILER_MAGIC).ok_or(Error::Trailer)?;
        fields.exactly(&[VERSION]).ok_or(Error::Trailer)?;
        let suite = Suite::from_id(fields.u8().ok_or(Error::Trailer)?)?;
        Self::parse_rest(raw, suite, fields).ok_or(Error::Trailer)
    }

    /// The suite it is sealed with.
    pub fn suite(&self) -> Suite {
        self.suite
    }

    /// The object's plaintext length.
    pub fn plain(&self) -> Plain {
        self.plain
    }

    /// The number of parts.
    pub fn parts(&self) -> u32 {
        self.parts
    }

    /// Length of the manifest, which stands directly before the trailer.
    pub fn manifest_len(&self) -> Sealed {
        self.manifest_len
    }

    /// The object's id.
    pub fn object_id(&self) -> ObjectId {
        self.object_id
    }

    /// The hash that stands for the whole stored body.
    pub fn ct_root(&self) -> [u8; 32] {
        self.ct_root
    }

    /// Which auxiliary key checks its audit MAC.
    pub fn aux_id(&self) -> KeyId {
        self.aux_id
    }

    /// When sealing ended, in ms since the epoch.
    pub fn completed_ms(&self) -> u64 {
        self.completed_ms
    }

    /// Checks a manifest against `ct_root` and the figures, without any key: proof against bit rot only.
    ///
    /// # Errors
    /// [`Error::Manifest`], or [`Error::Pad`] if the padding is not what the parts make it.
    pub fn check_manifest(&self, raw: &[u8]) -> Result<Manifest> {
        let manifest = Manifest::parse(raw, self.parts)?;
        if !same(
            &manifest::root(self.suite, &manifest.encode()),
            &self.ct_root,
        ) {
            return Err(Error::Manifest);
        }
        if manifest.stored() != self.manifest_len || manifest.plain() != self.plain {
            return Err(Error::Manifest);
        }
        if manifest.pad()? != self.pad {
            return Err(Error::Pad);
        }
        Ok(manifest)
    }

    /// Checks the audit MAC: proof against tampering for whoever holds the tenant's auxiliary key and no other.
    ///
    /// # Errors
    /// [`Error::KeyUnknown`] for another key than the trailer names, [`Error::Trailer`] if it does not match.
    pub fn check_audit_mac(&self, aux: &Aux) -> Result<()> {
        if self.aux_id != aux.id() {
            return Err(Error::KeyUnknown);
        }
        let [described, stamped] = self.audited().ok_or(Error::Trailer)?;
        let mac = self
            .suite
            .mac(&aux.audit_mac(self.suite)?, &[described, stamped]);
        if same(&mac, &self.audit_mac) {
            Ok(())
        } else {
            Err(Error::Trailer)
        }
    }

    /// Checks everything for the holder of the data key, and opens the sealed facts.
    pub(crate) fn open(
        &self,
        opened: &Opened,
        manifest: &[u8],
    ) -> Result<(Manifest, TrailerFacts)> {
        let header = &opened.header;
        let (suite, object_id) = (header.suite, header.object_id);
        if self.suite != suite {
            return Err(Error::Suite);
        }
        if self.object_id != object_id || !same(&self.commit, &header.commit) {
            return Err(Error::Commit);
        }
        let mut fields = Fields::new(&self.raw);
        let authenticated = fields.slice(MAC_AT).ok_or(Error::Trailer)?;
        let mac = suite.mac(
            &opened.dek.trailer_mac(suite, object_id)?,
            &[manifest, authenticated],
        );
        if !same(&mac, &self.object_mac) {
            return Err(Error::Trailer);
        }
        let manifest = self.check_manifest(manifest)?;
        let aad = Fields::new(&self.raw)
            .slice(CHUNK_AT)
            .ok_or(Error::Trailer)?;
        let key = ChunkKey::new(suite, &opened.dek.trailer_seal(suite, object_id)?)?;
        let text = key
            .open_short(aad, &self.whole_chunk(&manifest))
            .map_err(|_| Error::Trailer)?;
        let parts = manifest.entries().len();
        let facts = TrailerFacts::read(self.flags, self.completed_ms, &text, parts)
            .ok_or(Error::Trailer)?;
        Ok((manifest, facts))
    }

    /// The sealed facts in one piece: of the parts' checksums the ciphertext stands in the manifest.
    fn whole_chunk(&self, manifest: &Manifest) -> Vec<u8> {
        let (start, tag) = self.chunk.split_at(CHECKSUMS_IN_CHUNK);
        [start, &manifest.checksums, tag].concat()
    }

    fn audited(&self) -> Option<[&[u8]; 2]> {
        let mut fields = Fields::new(&self.raw);
        let described = fields.slice(AUDIT_MAC_AT)?;
        fields.slice(32)?;
        Some([described, fields.slice(16)?])
    }

    fn parse_rest(raw: &[u8], suite: Suite, mut fields: Fields<'_>) -> Option<Self> {
        let flags = fields.u16().filter(|flags| flags & !KNOWN_FLAGS == 0)?;
        let plain = Plain(fields.u64()?);
        let parts = fields
            .u32()
            .filter(|parts| (1..=MAX_PARTS).contains(&u64::from(*parts)))?;
        let manifest_len = Sealed(u64::from(fields.u32()?));
        if !manifest::is_manifest_len(manifest_len, parts) {
            return None;
        }
        let trailer = Self {
            raw: raw.to_vec(),
            suite,
            flags,
            plain,
            parts,
            manifest_len,
            pad: fields.u64()?,
            object_id: ObjectId(fields.array()?),
            commit: fields.array()?,
            ct_root: fields.array()?,
            audit_mac: fields.array()?,
            aux_id: KeyId(fields.array()?),
            completed_ms: fields.u64()?,
            chunk: fields.array()?,
            object_mac: fields.array()?,
        };
        fields.zeros(RESERVED_LEN)?;
        fields.end()?;
        Some(trailer)
    }
}

/// What `object inspect` prints.
impl std::fmt::Debug for Trailer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trailer")
            .field("suite", &self.suite)
            .field("plain", &self.plain)
            .field("parts", &self.parts)
            .field("object_id", &self.object_id)
            .field("aux_id", &self.aux_id)
            .field("completed_ms", &self.completed_ms)
            .finish_non_exhaustive()
    }
}

/// Flag: the sealed digest is there.
pub(crate) const FLAG_DIGEST: u16 = 1 << 1;
/// Flag: the sealed CRC is there.
pub(crate) const FLAG_CRC64: u16 = 1 << 2;
/// Flag: the sealed MD5 is there.
pub(crate) const FLAG_MD5: u16 = 1 << 3;
/// Zero bytes at the end.
pub(crate) const RESERVED_LEN: usize = 20;
const KNOWN_FLAGS: u16 = FLAG_DIGEST | FLAG_CRC64 | FLAG_MD5;
/// Where in the chunk of the sealed facts the ciphertext of the parts' checksums belongs: before the tag.
pub(crate) const CHECKSUMS_IN_CHUNK: usize = NONCE_LEN + TRAILER_TEXT_LEN;
const AUDIT_MAC_AT: usize = 112;
const CHUNK_AT: usize = 160;
const MAC_AT: usize = 316;
