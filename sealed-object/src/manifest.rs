//! The manifest: which parts make up the object, in order. Knows no keys; the trailer's MAC is what makes it count.

use bytes::BufMut as _;

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::format::{ENTRY_LEN, MIN_PART, ROOT_DOMAIN};
use crate::geometry::{self, Plain, Sealed};
use crate::part::is_part_no;
use crate::part_checksums::is_joined_len;
use crate::suite::{Suite, length_prefix};

/// One part as the manifest pins it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The part's number, 1 to 10 000.
    pub part_no: u16,
    /// Its plaintext length.
    pub plain: Plain,
    /// The salt of the upload that counts.
    pub salt: [u8; 16],
    /// `H` of the part as stored, header included.
    pub ct_hash: [u8; 32],
}

/// The entries of an object, known to be in order and of lawful sizes, and its parts' checksums, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    entries: Vec<Entry>,
    /// What stands behind the entries: a piece of the trailer's chunk, or nothing.
    pub(crate) checksums: Vec<u8>,
}

impl Manifest {
    /// Of entries that obey the format.
    ///
    /// # Errors
    /// [`Error::NoParts`], [`Error::PartNumber`], [`Error::PartOrder`], [`Error::PartTooSmall`].
    pub(crate) fn new(entries: Vec<Entry>) -> Result<Self> {
        if entries.is_empty() {
            return Err(Error::NoParts);
        }
        if !entries.iter().all(|entry| is_part_no(entry.part_no)) {
            return Err(Error::PartNumber);
        }
        if !entries.is_sorted_by(|left, right| left.part_no < right.part_no) {
            return Err(Error::PartOrder);
        }
        if entries
            .iter()
            .rev()
            .skip(1)
            .any(|entry| entry.plain.0 < MIN_PART)
        {
            return Err(Error::PartTooSmall);
        }
        Ok(Self {
            entries,
            checksums: Vec::new(),
        })
    }

    /// Parses the bytes in front of the trailer, which says of how many `parts` they tell.
    ///
    /// # Errors
    /// [`Error::Manifest`] for anything that is not a lawful manifest.
    pub fn parse(raw: &[u8], parts: u32) -> Result<Self> {
        let mut fields = Fields::new(raw);
        let entries = (0..parts).map_while(|_| Entry::read(&mut fields)).collect();
        let manifest = Self::new(entries).map_err(|_| Error::Manifest)?;
        let rest = raw
            .len()
            .checked_sub(len_of(manifest.stored()))
            .ok_or(Error::Manifest)?;
        let checksums = fields.slice(rest).ok_or(Error::Manifest)?.to_vec();
        let manifest = Self {
            checksums,
            ..manifest
        };
        // An entry cut short leaves fewer entries than parts.
        if manifest.count() == u64::from(parts) && is_manifest_len(manifest.stored(), parts) {
            Ok(manifest)
        } else {
            Err(Error::Manifest)
        }
    }

    /// The entries in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The object's plaintext length.
    pub fn plain(&self) -> Plain {
        self.entries
            .iter()
            .fold(Plain(0), |sum, entry| sum.plus(entry.plain))
    }

    /// The length of the padding in front of it; [`Error::Pad`] if there is none that fits.
    pub(crate) fn pad(&self) -> Result<u64> {
        let parts = self
            .entries
            .iter()
            .map(|entry| geometry::part_stored(entry.plain));
        let parts_stored = parts.fold(Sealed(0), Sealed::plus);
        geometry::pad(self.plain(), parts_stored, self.count())
            .and_then(|pad| pad.checked_sub(self.checksums_len()))
            .ok_or(Error::Pad)
    }

    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.entries.len()).unwrap_or(u64::MAX)
    }

    /// Its length when encoded.
    pub(crate) fn stored(&self) -> Sealed {
        let entries = self.count().saturating_mul(ENTRY_LEN);
        Sealed(entries.saturating_add(self.checksums_len()))
    }

    fn checksums_len(&self) -> u64 {
        u64::try_from(self.checksums.len()).unwrap_or(u64::MAX)
    }

    /// The entries as they are stored.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut raw = Vec::new();
        for entry in &self.entries {
            raw.put_u16(entry.part_no);
            raw.put_uint(entry.plain.0, 6);
            raw.put_slice(&entry.salt);
            raw.put_slice(&entry.ct_hash);
        }
        raw
    }
}

impl Entry {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self {
            part_no: fields.u16()?,
            plain: Plain(fields.u48()?),
            salt: fields.array()?,
            ct_hash: fields.array()?,
        })
    }
}

/// Whether a manifest of so many parts can have this length: its entries alone, or checksums behind them.
pub(crate) fn is_manifest_len(len: Sealed, parts: u32) -> bool {
    let parts = u64::from(parts);
    let rest = len.0.checked_sub(parts.saturating_mul(ENTRY_LEN));
    rest.is_some_and(|rest| rest == 0 || is_joined_len(rest, parts))
}

fn len_of(sealed: Sealed) -> usize {
    usize::try_from(sealed.0).unwrap_or(usize::MAX)
}

/// `ct_root` of encoded entries.
pub(crate) fn root(suite: Suite, raw: &[u8]) -> [u8; 32] {
    suite.hash(&[&length_prefix(ROOT_DOMAIN.len()), ROOT_DOMAIN, raw])
}
