//! All size arithmetic: plaintext lengths to stored lengths and back. Knows no bytes and no keys.

use std::fmt;

use crate::format::{
    ENTRY_LEN, FRAME, FRAME_OVERHEAD, MAX_PART, MAX_PARTS, MIN_PART, PART_HEADER_LEN, PART_SLOT,
    TRAILER_LEN,
};

/// A length or offset in plaintext bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Plain(pub u64);

/// A length or offset in stored, sealed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Sealed(pub u64);

/// Frames of a plaintext of this length: at least one, 65 536 bytes each but the last.
pub fn frames(plain: Plain) -> u64 {
    plain.0.div_ceil(FRAME).max(1)
}

/// Part slots a plaintext of this length pays for, however many parts it has.
pub fn part_slots(plain: Plain) -> u64 {
    (plain.0 / MIN_PART).saturating_add(1).min(MAX_PARTS)
}

/// The stored size of a plaintext, the same for every upload mode. Saturates far above any object.
pub fn stored(plain: Plain) -> Sealed {
    let overhead = frames(plain)
        .saturating_mul(FRAME_OVERHEAD)
        .saturating_add(part_slots(plain).saturating_mul(PART_SLOT))
        .saturating_add(TRAILER_LEN);
    Sealed(plain.0.saturating_add(overhead))
}

/// The stored size of one part: its header and its frames.
pub fn part_stored(plain: Plain) -> Sealed {
    let overhead = frames(plain)
        .saturating_mul(FRAME_OVERHEAD)
        .saturating_add(PART_HEADER_LEN);
    Sealed(plain.0.saturating_add(overhead))
}

/// The plaintext length of a stored size, or `None` for a size that no sealed object has.
pub fn plain_of(stored_len: Sealed) -> Option<Plain> {
    let body = stored_len.0.checked_sub(TRAILER_LEN + PART_SLOT)?;
    let guess = (body / SLOT_STRIDE).min(MAX_PARTS - 1);
    // The frame gaps blur the part count by at most one either way.
    [guess.saturating_add(1), guess, guess.saturating_sub(1)]
        .into_iter()
        .filter_map(|slots_less_one| {
            let slots = slots_less_one.saturating_add(1).min(MAX_PARTS);
            let framed = stored_len
                .0
                .checked_sub(TRAILER_LEN)?
                .checked_sub(slots.checked_mul(PART_SLOT)?)?;
            unframed(framed)
        })
        .find(|plain| stored(*plain) == stored_len)
}

/// Whether a part of this number and size is staged as an object until Complete, because a store takes a
/// part under 5 MiB only as the last, and number 10 000 leaves none for the footer.
pub fn is_staged(part_no: u16, plain: Plain) -> bool {
    plain.0 < MIN_PART || u64::from(part_no) >= MAX_PARTS
}

/// Whether one upstream upload can carry this much plaintext as one part.
pub fn fits_one_part(plain: Plain) -> bool {
    plain.0 <= MAX_PART
}

/// The stored range to ask for when only the plaintext range `first..end` is known and the object is
/// probably of kind 1: whole frames, which a store cuts at the object's end.
pub fn single_request(first: Plain, end: Plain) -> std::ops::Range<Sealed> {
    let first_frame = first.0 / FRAME;
    let stop = end.0.div_ceil(FRAME).max(first_frame.saturating_add(1));
    frame_start(first_frame)..frame_start(stop)
}

/// Offset of a frame in its part's stored bytes.
pub(crate) fn frame_start(index: u64) -> Sealed {
    Sealed(
        index
            .saturating_mul(FRAME + FRAME_OVERHEAD)
            .saturating_add(PART_HEADER_LEN),
    )
}

/// Plaintext length of frame `index` of a part of `plain` bytes; zero past the end.
pub(crate) fn frame_len(plain: Plain, index: u64) -> u64 {
    plain
        .0
        .saturating_sub(index.saturating_mul(FRAME))
        .min(FRAME)
}

/// The length of the zero padding between parts and manifest, or `None` when the parts break the format's
/// rules so badly that it would be negative.
pub(crate) fn pad(plain: Plain, parts_stored: Sealed, parts: u64) -> Option<u64> {
    stored(plain)
        .0
        .checked_sub(parts_stored.0)?
        .checked_sub(parts.checked_mul(ENTRY_LEN)?)?
        .checked_sub(TRAILER_LEN)
}

impl Plain {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    pub(crate) fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Sealed {
    pub(crate) fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// Decimal bytes.
impl fmt::Display for Plain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Decimal bytes.
impl fmt::Display for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The plaintext in `framed` bytes of frames, or `None` where a length falls into the gap behind a full frame.
fn unframed(framed: u64) -> Option<Plain> {
    let (full, rest) = (
        framed / (FRAME + FRAME_OVERHEAD),
        framed % (FRAME + FRAME_OVERHEAD),
    );
    let before = full.checked_mul(FRAME)?;
    match rest {
        0 if full > 0 => Some(Plain(before)),
        FRAME_OVERHEAD if full == 0 => Some(Plain(0)),
        rest if rest > FRAME_OVERHEAD => before
            .checked_add(rest.checked_sub(FRAME_OVERHEAD)?)
            .map(Plain),
        _ => None,
    }
}

/// Stored bytes between one part slot and the next: 80 full frames are 5 MiB.
const SLOT_STRIDE: u64 = 80 * (FRAME + FRAME_OVERHEAD) + PART_SLOT;
