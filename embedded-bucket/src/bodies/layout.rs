//! What an object's bytes consist of: slices of bodies, in order, and their 33-byte record.

use std::ops::Range;

use super::BodyId;

/// Where a body's bytes are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the index, because a file would cost more than it holds.
    Index,
    /// In a file of its own.
    File,
}

/// `length` bytes of one body, from `offset`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) body: BodyId,
    pub(crate) place: Place,
    pub(crate) offset: u64,
    pub(crate) length: u64,
}

/// The extents of an object or a part. Multipart objects and copies share bodies, so no byte is
/// written twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout(Vec<Extent>);

impl Layout {
    /// A whole body of `length` bytes; nothing at all when it is empty.
    pub(crate) fn whole(body: BodyId, place: Place, length: u64) -> Self {
        if length == 0 {
            return Self::default();
        }
        Self(vec![Extent {
            body,
            place,
            offset: 0,
            length,
        }])
    }

    pub(crate) fn extents(&self) -> &[Extent] {
        &self.0
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// The part of this layout that holds bytes `range` of the object.
    pub(crate) fn slice(&self, range: Range<u64>) -> Self {
        let mut kept = Vec::new();
        let mut start = 0_u64;
        for extent in &self.0 {
            let end = start.saturating_add(extent.length);
            let from = range.start.max(start);
            let to = range.end.min(end);
            if from < to {
                kept.push(Extent {
                    offset: extent.offset + (from - start),
                    length: to - from,
                    ..*extent
                });
            }
            start = end;
        }
        Self(kept)
    }

    /// The index's record: per extent the place, then body, offset and length in big endian.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut record = Vec::with_capacity(self.0.len() * RECORD);
        for extent in &self.0 {
            record.push(match extent.place {
                Place::Index => IN_INDEX,
                Place::File => IN_FILE,
            });
            record.extend_from_slice(&extent.body.to_be_bytes());
            record.extend_from_slice(&extent.offset.to_be_bytes());
            record.extend_from_slice(&extent.length.to_be_bytes());
        }
        record
    }

    /// Reads [`Self::encode`]'s record; `None` if it is not one.
    pub(crate) fn decode(record: &[u8]) -> Option<Self> {
        let (records, []) = record.as_chunks::<RECORD>() else {
            return None;
        };
        records
            .iter()
            .map(decode_extent)
            .collect::<Option<_>>()
            .map(Self)
    }
}

fn decode_extent(record: &[u8; RECORD]) -> Option<Extent> {
    let (place, rest) = record.split_first()?;
    let (body, rest) = rest.split_first_chunk()?;
    let (offset, length) = rest.split_first_chunk()?;
    Some(Extent {
        place: match *place {
            IN_INDEX => Place::Index,
            IN_FILE => Place::File,
            _ => return None,
        },
        body: u128::from_be_bytes(*body),
        offset: u64::from_be_bytes(*offset),
        length: u64::from_be_bytes(length.try_into().ok()?),
    })
}

const RECORD: usize = 1 + 16 + 8 + 8;
const IN_INDEX: u8 = 0;
const IN_FILE: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> Layout {
        let mut layout = Layout::whole(7, Place::File, 10);
        layout.append(Layout::whole(8, Place::Index, 5));
        layout
    }

    #[test]
    fn a_slice_across_two_bodies_takes_the_end_of_one_and_the_start_of_the_other() {
        let slice = two().slice(8..12);
        let seen: Vec<_> = slice
            .extents()
            .iter()
            .map(|extent| (extent.body, extent.offset, extent.length))
            .collect();
        assert_eq!(seen, [(7, 8, 2), (8, 0, 2)]);
    }

    #[test]
    fn a_slice_of_a_slice_counts_from_the_body_s_start() {
        let slice = two().slice(3..15).slice(1..4);
        assert_eq!(
            slice.extents(),
            [Extent {
                body: 7,
                place: Place::File,
                offset: 4,
                length: 3
            }]
        );
    }

    #[test]
    fn a_record_is_read_back_and_a_broken_one_is_refused() {
        let record = two().encode();
        assert_eq!(Layout::decode(&record), Some(two()));
        assert_eq!(Layout::decode(&record[1..]), None);
        let mut unknown = record;
        unknown[0] = 9;
        assert_eq!(Layout::decode(&unknown), None);
    }
}
