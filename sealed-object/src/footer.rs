//! Writes what follows the last part: padding, manifest, trailer. The only place that computes the audit MAC's input.

use bytes::{BufMut as _, BytesMut};

use crate::chunk::ChunkKey;
use crate::error::{Error, Result};
use crate::facts::TrailerFacts;
use crate::format::{TRAILER_LEN, TRAILER_MAGIC, VERSION};
use crate::geometry::{self, Plain, Sealed};
use crate::id::ObjectId;
use crate::key::{Aux, Dek};
use crate::manifest::{self, Manifest};
use crate::random::Random;
use crate::suite::Suite;
use crate::trailer::{CHECKSUMS_IN_CHUNK, RESERVED_LEN};

/// What a completed object is, for the record and the response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// The object's id.
    pub object_id: ObjectId,
    /// Its plaintext length.
    pub plain: Plain,
    /// Its stored length.
    pub stored: Sealed,
    /// Its number of parts.
    pub parts: u16,
    /// Hash of the plaintext, or of the list of the parts' lengths and hashes. Confidential.
    pub pt_digest: [u8; 32],
    /// CRC-64/NVME of the whole plaintext. Confidential.
    pub crc64: u64,
    /// The hash that stands for the whole stored body.
    pub ct_root: [u8; 32],
}

/// Everything the end of an object is made of.
pub(crate) struct Ending<'a> {
    pub(crate) suite: Suite,
    pub(crate) object_id: ObjectId,
    pub(crate) dek: &'a Dek,
    pub(crate) aux: &'a Aux,
    pub(crate) manifest: Manifest,
    pub(crate) facts: TrailerFacts,
}

impl Ending<'_> {
    /// Appends padding, manifest and trailer to `out`. The parts' checksums are kept if the padding is long enough to
    /// give way to them.
    pub(crate) fn write(mut self, random: &dyn Random, out: &mut BytesMut) -> Result<Summary> {
        let checksums = self.facts.part_checksums.as_ref();
        let joined = checksums.map_or(0, |checksums| checksums.joined().len());
        if checksums.is_some_and(|kept| kept.count() != self.manifest.entries().len()) {
            return Err(Error::Checksum);
        }
        if usize::try_from(self.manifest.pad()?).is_ok_and(|pad| pad < joined) {
            self.facts.part_checksums = None;
        } else {
            // Their place; what stands there is known once they are sealed.
            self.manifest.checksums = vec![0; joined];
        }
        let pad = self.manifest.pad()?;
        let entries = self.manifest.encode();
        let ct_root = manifest::root(self.suite, &entries);
        let (checksums, trailer) = self.trailer(random, &entries, ct_root, pad)?;
        out.put_bytes(0, usize::try_from(pad).map_err(|_| Error::Pad)?);
        out.put_slice(&entries);
        out.put_slice(&checksums);
        out.put_slice(&trailer);
        Ok(Summary {
            object_id: self.object_id,
            plain: self.manifest.plain(),
            stored: geometry::stored(self.manifest.plain()),
            parts: u16::try_from(self.manifest.count()).map_err(|_| Error::Manifest)?,
            pt_digest: self.facts.digest.unwrap_or_default(),
            crc64: self.facts.crc64.unwrap_or_default(),
            ct_root,
        })
    }

    /// Length of what [`Self::write`] appends after one part of `plain` bytes.
    pub(crate) fn len_after_single(plain: Plain) -> u64 {
        geometry::stored(plain)
            .0
            .saturating_sub(geometry::part_stored(plain).0)
    }

    /// The sealed checksums of the parts, which go behind the entries, and the trailer.
    fn trailer(
        &self,
        random: &dyn Random,
        entries: &[u8],
        ct_root: [u8; 32],
        pad: u64,
    ) -> Result<(Vec<u8>, Vec<u8>)> {
        let (suite, object_id) = (self.suite, self.object_id);
        let described = self.described(ct_root, pad)?;
        let mut stamped = self.aux.id().0.to_vec();
        stamped.put_u64(self.facts.completed_ms);
        let audit_mac = suite.mac(&self.aux.audit_mac(suite)?, &[&described, &stamped]);
        let mut raw = [described.as_slice(), &audit_mac, &stamped].concat();
        let key = ChunkKey::new(suite, &self.dek.trailer_seal(suite, object_id)?)?;
        let mut chunk = key.seal_short(random, &raw, &self.facts.text())?;
        let mut checksums = chunk.split_off(CHECKSUMS_IN_CHUNK);
        let tag = checksums.split_off(self.manifest.checksums.len());
        raw.put_slice(&chunk);
        raw.put_slice(&tag);
        let key = self.dek.trailer_mac(suite, object_id)?;
        let mac = suite.mac(&key, &[entries, &checksums, &raw]);
        raw.put_slice(&mac);
        raw.put_bytes(0, RESERVED_LEN);
        Ok((checksums, raw))
    }

    /// The 112 bytes up to the audit MAC.
    fn described(&self, ct_root: [u8; 32], pad: u64) -> Result<Vec<u8>> {
        let narrow = |wide: u64| u32::try_from(wide).map_err(|_| Error::Manifest);
        let mut raw = Vec::with_capacity(usize::try_from(TRAILER_LEN).unwrap_or_default());
        raw.put_slice(TRAILER_MAGIC);
        raw.put_slice(&[VERSION, self.suite.id()]);
        raw.put_u16(self.facts.flags());
        raw.put_u64(self.manifest.plain().0);
        raw.put_u32(narrow(self.manifest.count())?);
        raw.put_u32(narrow(self.manifest.stored().0)?);
        raw.put_u64(pad);
        raw.put_slice(&self.object_id.0);
        raw.put_slice(&self.dek.commitment(self.suite, self.object_id)?);
        raw.put_slice(&ct_root);
        Ok(raw)
    }
}
