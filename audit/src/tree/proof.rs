//! Proofs that a leaf is in a tree, and that one tree is the beginning of another: RFC 6962, section 2.1; verified
//! as RFC 9162, sections 2.1.3.2 and 2.1.4.2 say.

use super::growing::perfect_root;
use super::{Hash, TILE_WIDTH, empty_root, node_hash, split};

/// Where a proof finds hashes.
pub trait Tiles {
    /// The first `width` hashes of a tile, or more.
    fn tile(&self, level: u8, index: u64, width: u64) -> Option<Vec<Hash>>;
}

/// Why a proof cannot be made or does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// A tile is not there.
    #[error("tile {level}/{index} is missing")]
    Missing {
        /// The tile's level.
        level: u8,
        /// Which of its level.
        index: u64,
    },
    /// There is no such leaf, or no such earlier size.
    #[error("the tree has no such position")]
    Outside,
    /// It does not lead to the root.
    #[error("the proof does not lead to the root")]
    Wrong,
}

/// The root of the first `size` leaves.
pub fn root_of(tiles: &impl Tiles, size: u64) -> Result<Hash, ProofError> {
    if size == 0 {
        return Ok(empty_root());
    }
    range_root(tiles, 0, size)
}

/// The proof that leaf `index` is in the tree of the first `size` leaves, from the leaf up.
pub fn inclusion_proof(tiles: &impl Tiles, index: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
    if index >= size {
        return Err(ProofError::Outside);
    }
    let (mut first, mut end) = (0_u64, size);
    let mut proof = Vec::new();
    while end.saturating_sub(first) > 1 {
        let middle = first.saturating_add(split(end.saturating_sub(first)));
        if index < middle {
            proof.push(range_root(tiles, middle, end)?);
            end = middle;
        } else {
            proof.push(range_root(tiles, first, middle)?);
            first = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of the first `old` leaves is the beginning of that of the first `size`.
pub fn consistency_proof(tiles: &impl Tiles, old: u64, size: u64) -> Result<Vec<Hash>, ProofError> {
    if old == 0 || old > size {
        return Err(ProofError::Outside);
    }
    let (mut first, mut end) = (0_u64, size);
    let mut proof = Vec::new();
    while old != end {
        let middle = first.saturating_add(split(end.saturating_sub(first)));
        if old <= middle {
            proof.push(range_root(tiles, middle, end)?);
            end = middle;
        } else {
            proof.push(range_root(tiles, first, middle)?);
            first = middle;
        }
    }
    // The whole of the old tree is known to whoever verifies.
    if first > 0 {
        proof.push(range_root(tiles, first, end)?);
    }
    proof.reverse();
    Ok(proof)
}

/// Whether the proof leads from a leaf's hash to the root of a tree.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    if index >= size {
        return Err(ProofError::Outside);
    }
    let (mut node, mut last, mut hash) = (index, size.saturating_sub(1), *leaf);
    for sibling in proof {
        if last == 0 {
            return Err(ProofError::Wrong);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && hash == *root {
        Ok(())
    } else {
        Err(ProofError::Wrong)
    }
}

/// Whether the tree of `old` leaves is the beginning of that of `size`.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    size: u64,
    root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old == 0 || old > size {
        return Err(ProofError::Outside);
    }
    if old == size {
        let same = proof.is_empty() && old_root == root;
        return if same { Ok(()) } else { Err(ProofError::Wrong) };
    }
    let whole = old.is_power_of_two().then_some(*old_root);
    let mut hashes = whole.into_iter().chain(proof.iter().copied());
    let first = hashes.next().ok_or(ProofError::Wrong)?;
    let (mut node, mut last) = (old.saturating_sub(1), size.saturating_sub(1));
    while node & 1 == 1 {
        (node, last) = (node >> 1, last >> 1);
    }
    let (mut from, mut to) = (first, first);
    for hash in hashes {
        if last == 0 {
            return Err(ProofError::Wrong);
        }
        if node & 1 == 1 || node == last {
            from = node_hash(&hash, &from);
            to = node_hash(&hash, &to);
            while node & 1 == 0 && node != 0 {
                (node, last) = (node >> 1, last >> 1);
            }
        } else {
            to = node_hash(&to, &hash);
        }
        (node, last) = (node >> 1, last >> 1);
    }
    if last == 0 && from == *old_root && to == *root {
        Ok(())
    } else {
        Err(ProofError::Wrong)
    }
}

/// The root of the leaves from `first` to before `end`, a range that occurs in a tree.
fn range_root(tiles: &impl Tiles, first: u64, end: u64) -> Result<Hash, ProofError> {
    let count = end.saturating_sub(first);
    if count.is_power_of_two() {
        return perfect(tiles, first, count);
    }
    let middle = first.saturating_add(split(count));
    let left = range_root(tiles, first, middle)?;
    let right = range_root(tiles, middle, end)?;
    Ok(node_hash(&left, &right))
}

/// The same of a perfect subtree: its hashes lie beside each other in one tile.
fn perfect(tiles: &impl Tiles, first: u64, count: u64) -> Result<Hash, ProofError> {
    let (mut level, mut at, mut count) = (0_u8, first, count);
    while count >= TILE_WIDTH {
        (level, at, count) = (level.saturating_add(1), at / TILE_WIDTH, count / TILE_WIDTH);
    }
    let (index, within) = (at / TILE_WIDTH, at % TILE_WIDTH);
    let missing = ProofError::Missing { level, index };
    let end = within.saturating_add(count);
    let hashes = tiles.tile(level, index, end).ok_or(missing)?;
    let range = usize::try_from(within).ok().zip(usize::try_from(end).ok());
    let hashes = range
        .and_then(|(from, to)| hashes.get(from..to))
        .ok_or(missing)?;
    Ok(perfect_root(hashes))
}
