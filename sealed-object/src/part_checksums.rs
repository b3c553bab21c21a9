//! The checksums of a multipart object's parts, kept sealed beside what else the trailer keeps. Knows no keys.

use crate::error::{Error, Result};
use crate::facts::ClientChecksum;
use crate::format::CHECKSUM_ROOM;

/// One checksum for each part, in their order, all of one algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartChecksums {
    algorithm: u8,
    len: usize,
    values: Vec<u8>,
}

impl PartChecksums {
    /// Of an algorithm id other than 0, and values of 1 to 64 bytes, each as long as the others.
    ///
    /// # Errors
    /// [`Error::Checksum`] if they are not that.
    pub fn new<'v>(algorithm: u8, values: impl IntoIterator<Item = &'v [u8]>) -> Result<Self> {
        let mut values = values.into_iter().peekable();
        let len = values.peek().map_or(0, |first| first.len());
        let mut all = Vec::new();
        for value in values {
            if value.len() != len {
                return Err(Error::Checksum);
            }
            all.extend_from_slice(value);
        }
        Self::of(algorithm, len, all)
    }

    /// The algorithm's id.
    pub fn algorithm(&self) -> u8 {
        self.algorithm
    }

    /// The checksum of the part at this place of the object, the first being 0.
    pub fn get(&self, place: usize) -> Option<ClientChecksum> {
        let value = self.values.chunks_exact(self.len).nth(place)?;
        ClientChecksum::new(self.algorithm, value).ok()
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.values.chunks_exact(self.len).len()
    }

    /// All of them joined, as they are sealed.
    pub(crate) fn joined(&self) -> &[u8] {
        &self.values
    }

    /// Of so many parts, from what was sealed; `None` if no values of one length make it up.
    pub(crate) fn read(algorithm: u8, joined: &[u8], parts: usize) -> Option<Self> {
        let len = joined.len().checked_div(parts)?;
        let this = Self::of(algorithm, len, joined.to_vec()).ok()?;
        (len.checked_mul(parts)? == joined.len()).then_some(this)
    }

    fn of(algorithm: u8, len: usize, values: Vec<u8>) -> Result<Self> {
        if algorithm == 0 || len == 0 || len > CHECKSUM_ROOM {
            return Err(Error::Checksum);
        }
        Ok(Self {
            algorithm,
            len,
            values,
        })
    }
}

/// Whether checksums of so many parts can have this length together.
pub(crate) fn is_joined_len(len: u64, parts: u64) -> bool {
    let each = len.checked_div(parts).unwrap_or_default();
    let fits = u64::try_from(CHECKSUM_ROOM).is_ok_and(|room| (1..=room).contains(&each));
    fits && each.saturating_mul(parts) == len
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f19_values_are_of_one_length_and_go_both_ways() {
        let values: [&[u8]; 3] = [b"abcd", b"efgh", b"ijkl"];
        let kept = PartChecksums::new(1, values).unwrap();
        assert_eq!(kept.count(), 3);
        assert_eq!(kept.get(1).unwrap().value(), b"efgh");
        assert_eq!(kept.get(3), None);
        assert_eq!(PartChecksums::read(1, kept.joined(), 3), Some(kept.clone()));
        assert_eq!(PartChecksums::read(1, kept.joined(), 5), None);
        assert!(is_joined_len(3, 3) && is_joined_len(3 * 64, 3));
        assert!(!is_joined_len(0, 3) && !is_joined_len(4, 3) && !is_joined_len(3 * 65, 3));
        let refused: [(u8, [&[u8]; 2]); 4] = [
            (0, [b"a", b"b"]),
            (1, [b"", b""]),
            (1, [b"ab", b"a"]),
            (1, [&[0; 65], &[0; 65]]),
        ];
        for (algorithm, values) in refused {
            assert_eq!(PartChecksums::new(algorithm, values), Err(Error::Checksum));
        }
        assert_eq!(PartChecksums::new(1, []), Err(Error::Checksum));
    }
}
