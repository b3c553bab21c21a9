//! A tree that grows leaf by leaf and gives its tiles away as they fill. It holds at most 255 hashes a level.

use super::{Hash, TILE_WIDTH, empty_root, node_hash};

/// Hashes of one tile: `level` 0 holds leaf hashes, each level above the roots of full tiles below.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tile {
    /// The level.
    pub level: u8,
    /// Which of its level, from 0.
    pub index: u64,
    /// Its hashes, 256 of a full tile.
    pub hashes: Vec<Hash>,
}

/// A tree's right edge.
#[derive(Clone, Debug, Default)]
pub struct Growing {
    size: u64,
    /// Of each level the tile that is not full.
    edge: Vec<Vec<Hash>>,
}

impl Growing {
    /// How many leaves there are.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf by its hash; full tiles go to `full`, the lowest level first.
    pub fn push(&mut self, leaf: Hash, full: &mut Vec<Tile>) {
        let mut index = self.size;
        self.size = self.size.saturating_add(1);
        let mut hash = leaf;
        for level in 0_u8.. {
            let at = usize::from(level);
            if self.edge.len() <= at {
                self.edge.push(Vec::with_capacity(WIDTH));
            }
            let Some(partial) = self.edge.get_mut(at) else {
                return;
            };
            partial.push(hash);
            if partial.len() < WIDTH {
                return;
            }
            let hashes = std::mem::replace(partial, Vec::with_capacity(WIDTH));
            hash = perfect_root(&hashes);
            index /= TILE_WIDTH;
            full.push(Tile {
                level,
                index,
                hashes,
            });
        }
    }

    /// The root.
    pub fn root(&self) -> Hash {
        let mut root: Option<Hash> = None;
        for partial in &self.edge {
            // Within a level the perfect subtrees from the right are the low bits of its width, first to last.
            let mut rest = partial.as_slice();
            for bit in 0..8_u32 {
                let width = 1_usize << bit;
                if partial.len() & width == 0 {
                    continue;
                }
                let (left, peak) = rest.split_at(rest.len().saturating_sub(width));
                rest = left;
                let peak = perfect_root(peak);
                root = Some(root.map_or(peak, |right| node_hash(&peak, &right)));
            }
        }
        root.unwrap_or_else(empty_root)
    }

    /// The tiles that are not full, those without a hash apart.
    pub fn partial(&self) -> Vec<Tile> {
        let mut size = self.size;
        let mut tiles = Vec::new();
        for (level, hashes) in (0_u8..).zip(&self.edge) {
            if !hashes.is_empty() {
                let index = size / TILE_WIDTH;
                tiles.push(Tile {
                    level,
                    index,
                    hashes: hashes.clone(),
                });
            }
            size /= TILE_WIDTH;
        }
        tiles
    }
}

/// The root over hashes whose count is a power of two.
pub(super) fn perfect_root(hashes: &[Hash]) -> Hash {
    let mut level: Vec<Hash> = hashes.to_vec();
    while level.len() > 1 {
        level = level
            .chunks_exact(2)
            .filter_map(|pair| Some(node_hash(pair.first()?, pair.last()?)))
            .collect();
    }
    level.first().copied().unwrap_or_else(empty_root)
}

const WIDTH: usize = 256;
