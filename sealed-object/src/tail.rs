//! The authentic end of an object: its layout and the facts its trailer keeps. Reads bytes it is handed, asks for none.

use crate::envelope::Opened;
use crate::error::{Error, Result};
use crate::facts::TrailerFacts;
use crate::fields::Fields;
use crate::format::{PART_SLOT, TRAILER_LEN};
use crate::geometry::{self, Plain, Sealed};
use crate::header::Kind;
use crate::layout::Layout;
use crate::manifest::{Entry, Manifest};
use crate::trailer::Trailer;

/// Manifest and trailer, authenticated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tail {
    layout: Layout,
    facts: TrailerFacts,
    manifest: Manifest,
}

impl Tail {
    /// How many bytes from the end of the body [`Self::open`] needs. `have` is a suffix already read, or empty;
    /// with none the answer is a good guess, with at least a trailer it is exact.
    ///
    /// # Errors
    /// [`Error::NotSealed`] for a stored length that no object has, [`Error::Trailer`] for a suffix that ends in none.
    pub fn needed(stored_len: Sealed, have: &[u8]) -> Result<Sealed> {
        let plain = geometry::plain_of(stored_len).ok_or(Error::NotSealed)?;
        let most = geometry::part_slots(plain)
            .saturating_mul(PART_SLOT)
            .saturating_add(TRAILER_LEN);
        let Some((_, raw)) = split_end(have, TRAILER_LEN) else {
            return Ok(Sealed(most.min(FIRST_GUESS)));
        };
        let manifest = Trailer::parse(raw)?.manifest_len();
        let exact = manifest.0.saturating_add(TRAILER_LEN);
        // More than the size has room for would make a hostile store's trailer fetch the object's body.
        if exact > most {
            Err(Error::Trailer)
        } else {
            Ok(Sealed(exact))
        }
    }

    /// Authenticates the end of a body; `suffix` is at least as long as [`Self::needed`] says.
    ///
    /// # Errors
    /// [`Error::Size`] for too short a suffix or another object's length; [`Error::Commit`], [`Error::Trailer`],
    /// [`Error::Manifest`], [`Error::Pad`] as the checks fail.
    pub fn open(opened: &Opened, suffix: &[u8], stored_len: Sealed) -> Result<Self> {
        let (before, raw) = split_end(suffix, TRAILER_LEN).ok_or(Error::Size)?;
        let trailer = Trailer::parse(raw)?;
        let (_, manifest) = split_end(before, trailer.manifest_len().0).ok_or(Error::Size)?;
        let (manifest, facts) = trailer.open(opened, manifest)?;
        if geometry::stored(manifest.plain()) != stored_len {
            return Err(Error::Size);
        }
        if let Kind::Single(plain) = opened.header.kind {
            check_single(opened, plain, &manifest)?;
        }
        let layout = Layout::new(
            opened.header.suite,
            opened.header.object_id,
            manifest.entries(),
        );
        Ok(Self {
            layout,
            facts,
            manifest,
        })
    }

    /// Where every part lies.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What the trailer keeps about the plaintext.
    pub fn facts(&self) -> &TrailerFacts {
        &self.facts
    }

    /// The object's plaintext length.
    pub fn plain(&self) -> Plain {
        self.layout.plain()
    }

    /// Length of the manifest, the parts' checksums included.
    pub(crate) fn manifest_len(&self) -> Sealed {
        self.manifest.stored()
    }

    /// The parts in order, with their plaintext lengths.
    pub fn parts(&self) -> &[Entry] {
        self.manifest.entries()
    }
}

/// A single upload has one part, whose every field the header fixes.
fn check_single(opened: &Opened, plain: Plain, manifest: &Manifest) -> Result<()> {
    match manifest.entries() {
        [only]
            if only.part_no == 1
                && only.plain == plain
                && only.salt == opened.header.object_id.0
                && manifest.checksums.is_empty() =>
        {
            Ok(())
        }
        _ => Err(Error::Manifest),
    }
}

pub(crate) fn split_end(bytes: &[u8], len: u64) -> Option<(&[u8], &[u8])> {
    let mut fields = Fields::new(bytes);
    let before = bytes.len().checked_sub(usize::try_from(len).ok()?)?;
    Some((
        fields.slice(before)?,
        fields.slice(bytes.len().checked_sub(before)?)?,
    ))
}

/// Covers 285 parts without checksums of theirs and 182 with those of SHA-256, so one request for nearly every object; a second costs more than these bytes.
const FIRST_GUESS: u64 = 16_384;
