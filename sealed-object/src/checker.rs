//! Checking a stored body as it streams, without any key: its structure, its padding and every hash. Opens nothing.

use bytes::Bytes;

use crate::error::{Error, Result};
use crate::fields::Fields;
use crate::format::{MIN_PART, PART_HEADER_LEN, PART_MAGIC, TRAILER_LEN};
use crate::gather::Gather;
use crate::geometry::{self, Plain, Sealed};
use crate::header::{Header, Kind};
use crate::manifest::{Entry, Manifest};
use crate::part::PartHeader;
use crate::suite::{Digest, Suite, same};
use crate::tail::split_end;
use crate::trailer::Trailer;

/// Checks a stored body from its first byte to its last. It holds what parts it has seen, never their bytes.
///
/// What it proves is that the bytes are those that were hashed: proof against bit rot and mistakes, not against an
/// attacker, who can hash as well. [`Checked::trailer`] and [`Checked::tail`] lead on to what keys can tell.
pub struct BodyChecker {
    plain: Plain,
    stored: Sealed,
    state: State,
    parts: Vec<Hashed>,
    /// Their plaintext and stored lengths together.
    seen_plain: Plain,
    seen_stored: Sealed,
}

/// A stored body whose structure is whole.
#[derive(Clone)]
pub struct Checked {
    trailer: Trailer,
    manifest: Manifest,
    damaged: Vec<u16>,
    tail: Bytes,
}

/// A part as it was found.
struct Hashed {
    header: PartHeader,
    hash: [u8; 32],
}

/// What the next bytes are.
enum State {
    PartHeader(Gather),
    /// All plaintext is there: an empty last part, or padding.
    PartOrPad(Gather),
    /// So many bytes of this part's frames.
    Frames(PartHeader, Digest, u64),
    /// Padding, manifest and trailer.
    Ending(Gather),
    Done(Box<Checked>),
    Failed,
}

impl BodyChecker {
    /// For a body of so many bytes.
    ///
    /// # Errors
    /// [`Error::NotSealed`] for a length that no object has.
    pub fn new(stored_len: Sealed) -> Result<Self> {
        Ok(Self {
            plain: geometry::plain_of(stored_len).ok_or(Error::NotSealed)?,
            stored: stored_len,
            state: State::PartHeader(Gather::new(PART_HEADER_LEN)?),
            parts: Vec::new(),
            seen_plain: Plain(0),
            seen_stored: Sealed(0),
        })
    }

    /// Takes the next stored bytes.
    ///
    /// # Errors
    /// What is wrong with the structure, so that what follows cannot be told apart: [`Error::Part`],
    /// [`Error::Suite`], [`Error::Pad`], [`Error::Manifest`], [`Error::Trailer`], or [`Error::Size`] for bytes
    /// behind the end. A part whose bytes were changed is no such error; see [`Checked::damaged`].
    pub fn push(&mut self, mut input: Bytes) -> Result<()> {
        while !input.is_empty() {
            // A failed step leaves `Failed` behind.
            let state = std::mem::replace(&mut self.state, State::Failed);
            self.state = self.step(state, &mut input)?;
        }
        Ok(())
    }

    /// What was found, now that the body has ended.
    ///
    /// # Errors
    /// [`Error::Size`] if bytes are missing.
    pub fn finish(self) -> Result<Checked> {
        match self.state {
            State::Done(checked) => Ok(*checked),
            _ => Err(Error::Size),
        }
    }

    fn step(&mut self, state: State, input: &mut Bytes) -> Result<State> {
        match state {
            State::PartHeader(mut gather) => {
                if gather.fill(input) {
                    self.begin_part(gather.bytes())
                } else {
                    Ok(State::PartHeader(gather))
                }
            }
            State::PartOrPad(mut gather) => {
                if gather.fill(input) {
                    self.part_or_pad(gather)
                } else {
                    Ok(State::PartOrPad(gather))
                }
            }
            State::Frames(header, digest, left) => self.frames(header, digest, left, input),
            State::Ending(mut gather) => {
                if gather.fill(input) {
                    let checked = self.check_ending(gather.into_bytes().freeze())?;
                    Ok(State::Done(Box::new(checked)))
                } else {
                    Ok(State::Ending(gather))
                }
            }
            State::Done(_) | State::Failed => Err(Error::Size),
        }
    }

    /// Only what the structure hangs on is judged here; the rest when the manifest says what was meant.
    fn begin_part(&mut self, raw: &[u8]) -> Result<State> {
        let suite = match self.parts.first() {
            Some(first) => first.header.suite,
            None => suite_of(raw)?,
        };
        let header = PartHeader::parse(raw, suite)?;
        let total = self.seen_plain.plus(header.plain);
        let stored = self.seen_stored.plus(geometry::part_stored(header.plain));
        let fits = total <= self.plain && (total == self.plain || header.plain.0 >= MIN_PART);
        // Without the second, empty parts without end would fill the memory.
        if !fits || stored > self.stored {
            return Err(Error::Part);
        }
        self.seen_plain = total;
        self.seen_stored = stored;
        let mut digest = suite.digest();
        digest.update(raw);
        let left = geometry::part_stored(header.plain)
            .0
            .saturating_sub(PART_HEADER_LEN);
        Ok(State::Frames(header, digest, left))
    }

    fn frames(
        &mut self,
        header: PartHeader,
        mut digest: Digest,
        left: u64,
        input: &mut Bytes,
    ) -> Result<State> {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
        digest.update(&input.split_to(here));
        let left = left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
        if left > 0 {
            return Ok(State::Frames(header, digest, left));
        }
        self.parts.push(Hashed {
            header,
            hash: digest.finish(),
        });
        if self.seen_plain < self.plain {
            Ok(State::PartHeader(Gather::new(PART_HEADER_LEN)?))
        } else {
            Ok(State::PartOrPad(Gather::new(MAGIC_LEN)?))
        }
    }

    /// Where padding begins there are zeros, or, if there is none, a part number of at most 10 000: never the magic.
    fn part_or_pad(&self, mut gather: Gather) -> Result<State> {
        if gather.bytes() == PART_MAGIC {
            gather.extend(PART_MAGIC_TO_END);
            return Ok(State::PartHeader(gather));
        }
        let ending = self.stored.0.checked_sub(self.seen_stored.0);
        let more = ending.and_then(|ending| ending.checked_sub(MAGIC_LEN));
        let more = more.and_then(|more| usize::try_from(more).ok());
        gather.extend(more.ok_or(Error::Pad)?);
        Ok(State::Ending(gather))
    }

    /// The trailer says how long the manifest is: checksums of the parts may stand behind its entries.
    fn check_ending(&self, ending: Bytes) -> Result<Checked> {
        let (before, trailer) = split_end(&ending, TRAILER_LEN).ok_or(Error::Size)?;
        let trailer = Trailer::parse(trailer)?;
        let (pad, manifest) = split_end(before, trailer.manifest_len().0).ok_or(Error::Manifest)?;
        if pad.iter().any(|byte| *byte != 0) {
            return Err(Error::Pad);
        }
        let tail = ending.slice(pad.len()..);
        let suite = self.parts.first().map(|first| first.header.suite);
        if suite != Some(trailer.suite) {
            return Err(Error::Suite);
        }
        let manifest = trailer.check_manifest(manifest)?;
        if manifest.entries().len() != self.parts.len() {
            return Err(Error::Manifest);
        }
        if trailer.plain() != self.plain || geometry::stored(manifest.plain()) != self.stored {
            return Err(Error::Size);
        }
        let pairs = manifest.entries().iter().zip(&self.parts);
        let damaged = pairs
            .filter(|(entry, part)| !part.is(entry, &trailer))
            .map(|(entry, _)| entry.part_no)
            .collect();
        Ok(Checked {
            trailer,
            manifest,
            damaged,
            tail,
        })
    }
}

impl Checked {
    /// Numbers of the parts whose stored bytes are not those that the manifest pins; none in a whole object.
    pub fn damaged(&self) -> &[u16] {
        &self.damaged
    }

    /// The trailer, whose audit MAC the holder of an [`crate::AuditKey`] can check.
    pub fn trailer(&self) -> &Trailer {
        &self.trailer
    }

    /// The parts as the manifest lists them.
    pub fn parts(&self) -> &[Entry] {
        self.manifest.entries()
    }

    /// Manifest and trailer as stored, for [`crate::Tail::open`].
    pub fn tail(&self) -> &[u8] {
        &self.tail
    }

    /// Says whether a header that was stored beside this body is its own, as far as can be told without keys.
    ///
    /// # Errors
    /// [`Error::Suite`], [`Error::Commit`] for the header of another object, [`Error::Size`] for one of another
    /// length, [`Error::Manifest`] if it speaks of one upload and these are parts.
    pub fn belongs_to(&self, header: &Header) -> Result<()> {
        if self.trailer.suite != header.suite {
            return Err(Error::Suite);
        }
        let same_object = self.trailer.object_id == header.object_id;
        if !same_object || !same(&self.trailer.commit, &header.commit) {
            return Err(Error::Commit);
        }
        let Kind::Single(plain) = header.kind else {
            return Ok(());
        };
        if plain != self.trailer.plain() {
            return Err(Error::Size);
        }
        match self.parts() {
            [only] if only.part_no == 1 && only.salt == header.object_id.0 => Ok(()),
            _ => Err(Error::Manifest),
        }
    }
}

impl Hashed {
    fn is(&self, entry: &Entry, trailer: &Trailer) -> bool {
        let Entry {
            part_no,
            plain,
            salt,
            ct_hash,
        } = *entry;
        let meant = PartHeader {
            suite: trailer.suite,
            part_no,
            plain,
            object_id: trailer.object_id,
            salt,
        };
        self.header == meant && same(&self.hash, &ct_hash)
    }
}

/// The suite that a part header names.
fn suite_of(raw: &[u8]) -> Result<Suite> {
    let mut fields = Fields::new(raw);
    fields.exactly(PART_MAGIC).ok_or(Error::Part)?;
    fields.u8().ok_or(Error::Part)?;
    Suite::from_id(fields.u8().ok_or(Error::Part)?)
}

impl std::fmt::Debug for BodyChecker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyChecker")
            .field("stored", &self.stored)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Checked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Checked")
            .field("trailer", &self.trailer)
            .field("damaged", &self.damaged)
            .finish_non_exhaustive()
    }
}

const MAGIC_LEN: u64 = 4;
const PART_MAGIC_TO_END: usize = 44;
