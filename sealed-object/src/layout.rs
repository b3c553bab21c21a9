//! Where plaintext lies in the stored body: parts, and the stored range behind a plaintext range. Knows no keys.

use std::ops::Range;

use crate::envelope::Opened;
use crate::error::{Error, Result};
use crate::format::FRAME;
use crate::geometry::{self, Plain, Sealed};
use crate::header::Kind;
use crate::id::ObjectId;
use crate::manifest::Entry;
use crate::part::PartHeader;
use crate::suite::Suite;

/// The parts of one object with their places. Comes only from an authentic header or tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    plain: Plain,
    places: Vec<Place>,
}

/// One part's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    header: PartHeader,
    plain_at: Plain,
    stored_at: Sealed,
}

/// A plaintext range of one object and the stored range that holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// The plaintext asked for, never empty.
    pub plain: Range<Plain>,
    /// Whole frames, with the part headers between them.
    pub stored: Range<Sealed>,
    pub(crate) first_frame: u64,
    /// Plaintext in front of the range in its first frame.
    pub(crate) skip: u64,
    /// Headers of the parts it touches.
    pub(crate) parts: Vec<PartHeader>,
}

impl Layout {
    /// Of a single upload, whose header is enough; `None` for a multipart object, which needs its [`crate::Tail`].
    pub fn of_single(opened: &Opened) -> Option<Self> {
        match opened.header.kind {
            Kind::Single(plain) => {
                let header =
                    PartHeader::of_single(opened.header.suite, opened.header.object_id, plain);
                let place = Place {
                    header,
                    plain_at: Plain(0),
                    stored_at: Sealed(0),
                };
                Some(Self {
                    plain,
                    places: vec![place],
                })
            }
            Kind::Multipart => None,
        }
    }

    pub(crate) fn new(suite: Suite, object_id: ObjectId, entries: &[Entry]) -> Self {
        let mut layout = Self {
            plain: Plain(0),
            places: Vec::with_capacity(entries.len()),
        };
        let mut stored_at = Sealed(0);
        for entry in entries {
            let Entry {
                part_no,
                plain,
                salt,
                ..
            } = *entry;
            let header = PartHeader {
                suite,
                part_no,
                plain,
                object_id,
                salt,
            };
            layout.places.push(Place {
                header,
                plain_at: layout.plain,
                stored_at,
            });
            layout.plain = layout.plain.plus(plain);
            stored_at = stored_at.plus(geometry::part_stored(plain));
        }
        layout
    }

    /// The number of parts.
    pub fn parts(&self) -> usize {
        self.places.len()
    }

    /// Number and plaintext length of each part, in order.
    pub fn numbered(&self) -> impl Iterator<Item = (u16, Plain)> + '_ {
        self.places
            .iter()
            .map(|place| (place.header.part_no, place.header.plain))
    }

    /// The object's plaintext length.
    pub fn plain(&self) -> Plain {
        self.plain
    }

    /// The part headers in order.
    pub(crate) fn headers(&self) -> impl Iterator<Item = PartHeader> {
        self.places.iter().map(|place| place.header)
    }

    /// The plaintext range of the part with this number, if there is one.
    pub fn part(&self, part_no: u16) -> Option<Range<Plain>> {
        let place = self
            .places
            .iter()
            .find(|place| place.header.part_no == part_no)?;
        Some(place.plain_at..place.plain_end())
    }

    /// The stored range that holds plaintext `first..end`.
    ///
    /// # Errors
    /// [`Error::Range`] if that is empty or not within the object.
    pub fn span(&self, first: Plain, end: Plain) -> Result<Span> {
        if first >= end || end > self.plain {
            return Err(Error::Range);
        }
        let touched = |place: &&Place| place.plain_at < end && place.plain_end() > first;
        let touched: Vec<&Place> = self.places.iter().filter(touched).collect();
        let (head, tail) = (
            touched.first().ok_or(Error::Range)?,
            touched.last().ok_or(Error::Range)?,
        );
        let into_head = first.0.saturating_sub(head.plain_at.0);
        let into_tail = end.0.saturating_sub(tail.plain_at.0);
        let first_frame = into_head / FRAME;
        let start = head.stored_at.plus(geometry::frame_start(first_frame));
        // The last frame of a part may be short, and the next frame then begins in another part.
        let stop = geometry::frame_start(into_tail.div_ceil(FRAME))
            .min(geometry::part_stored(tail.header.plain));
        Ok(Span {
            plain: first..end,
            stored: start..tail.stored_at.plus(stop),
            first_frame,
            skip: into_head % FRAME,
            parts: touched.into_iter().map(|place| place.header).collect(),
        })
    }
}

impl Place {
    fn plain_end(&self) -> Plain {
        self.plain_at.plus(self.header.plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB8: u64 = 8 << 20;

    fn worked_example() -> Layout {
        let entry = |part_no, plain| Entry {
            part_no,
            plain: Plain(plain),
            salt: [0; 16],
            ct_hash: [0; 32],
        };
        let entries: Vec<Entry> = (1..=12)
            .map(|part_no| entry(part_no, MIB8))
            .chain([entry(13, 3_158_073)])
            .collect();
        Layout::new(Suite::GcmSivBlake3, ObjectId([0; 16]), &entries)
    }

    /// The specification's worked multipart example, and the same object as one upload.
    #[test]
    fn f27_plaintext_byte_fifty_million_lies_where_the_example_says() {
        let layout = worked_example();
        assert_eq!(layout.plain(), Plain(103_821_369));
        let span = layout.span(Plain(50_000_000), Plain(50_000_001)).unwrap();
        assert_eq!(span.stored, Sealed(49_960_056)..Sealed(49_960_056 + 65_564));
        assert_eq!(
            (span.parts.len(), span.parts[0].part_no, span.first_frame),
            (1, 6, 122)
        );
        let single = Entry {
            part_no: 1,
            plain: layout.plain(),
            salt: [0; 16],
            ct_hash: [0; 32],
        };
        let single = Layout::new(Suite::GcmSivBlake3, ObjectId([0; 16]), &[single]);
        let span = single.span(Plain(50_000_000), Plain(50_000_001)).unwrap();
        assert_eq!(span.stored.start, Sealed(49_959_816));
    }

    #[test]
    fn f27_a_span_over_a_border_includes_the_part_header_between() {
        let layout = worked_example();
        let span = layout.span(Plain(MIB8 - 1), Plain(MIB8 + 1)).unwrap();
        let border = geometry::part_stored(Plain(MIB8));
        assert_eq!(
            span.stored,
            Sealed(border.0 - 65_564)..Sealed(border.0 + 48 + 65_564)
        );
        let up_to_it = layout.span(Plain(MIB8 - 1), Plain(MIB8)).unwrap();
        assert_eq!(up_to_it.stored, Sealed(border.0 - 65_564)..border);
        let from_it = layout.span(Plain(MIB8), Plain(MIB8 + 1)).unwrap();
        assert_eq!(
            from_it.stored.start,
            Sealed(border.0 + 48),
            "a span begins behind the part header"
        );
        let whole = layout.span(Plain(0), layout.plain()).unwrap();
        assert_eq!(whole.stored, Sealed(48)..Sealed(103_866_373));
    }
}
