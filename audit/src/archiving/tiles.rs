//! Which tiles a tree gains as it grows. Names only.

use crate::tree::TILE_WIDTH;

/// The tiles of a tree of `size` leaves that it had not, or not as wide, when it had `before`: level, index and width.
pub fn tiles_since(before: u64, size: u64) -> Vec<(u8, u64, u64)> {
    let mut tiles = Vec::new();
    let (mut level, mut had, mut has) = (0_u8, before, size);
    while has > had {
        for index in had / TILE_WIDTH..has.div_ceil(TILE_WIDTH) {
            let below = index.saturating_mul(TILE_WIDTH);
            tiles.push((level, index, has.saturating_sub(below).min(TILE_WIDTH)));
        }
        had /= TILE_WIDTH;
        has /= TILE_WIDTH;
        level = level.saturating_add(1);
    }
    tiles
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::tree::tiles_of;

    #[test]
    fn however_a_tree_grew_every_tile_of_it_was_among_those_it_gained() {
        for steps in [&[1, 2, 255, 256, 257][..], &[300, 65_535, 65_536, 131_400]] {
            let (mut before, mut gained) = (0, BTreeSet::new());
            for size in steps {
                let since = tiles_since(before, *size);
                assert!(since.iter().all(|tile| tiles_of(*size).contains(tile)));
                gained.extend(since);
                before = *size;
                assert!(tiles_of(*size).iter().all(|tile| gained.contains(tile)));
            }
        }
        // 65 536 lines are 256 full tiles, whose roots fill one above, whose root is one hash.
        assert_eq!(
            tiles_since(65_535, 65_536),
            [(0, 255, 256), (1, 0, 256), (2, 0, 1)]
        );
        assert_eq!(tiles_since(7, 7), []);
    }
}
