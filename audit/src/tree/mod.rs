//! The Merkle tree over a log's lines: RFC 6962, section 2.1, with SHA-256. Pure; it must not know what a leaf says
//! nor where tiles lie.

mod growing;
mod proof;
mod tiles;

use aws_lc_rs::digest::{Context, SHA256, digest};

pub use growing::{Growing, Tile};
pub use proof::{
    ProofError, Tiles, consistency_proof, inclusion_proof, root_of, verify_consistency,
    verify_inclusion,
};
pub use tiles::{TILE_WIDTH, tile_path, tiles_of};

/// A SHA-256 hash.
pub type Hash = [u8; 32];

/// The hash of a leaf: of 0x00 and the line's bytes, without its line feed.
pub fn leaf_hash(line: &[u8]) -> Hash {
    prefixed(0, line, &[])
}

/// The hash of an inner node: of 0x01, the left hash and the right.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    prefixed(1, left, right)
}

/// The root of a tree without leaves: the hash of nothing.
pub fn empty_root() -> Hash {
    sized(digest(&SHA256, b"").as_ref())
}

/// SHA-256 of some bytes.
pub fn sha256(bytes: &[u8]) -> Hash {
    sized(digest(&SHA256, bytes).as_ref())
}

fn prefixed(prefix: u8, first: &[u8], second: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[prefix]);
    context.update(first);
    context.update(second);
    sized(context.finish().as_ref())
}

/// SHA-256 gives 32 bytes.
fn sized(digest: &[u8]) -> Hash {
    let mut hash = [0; 32];
    for (to, from) in hash.iter_mut().zip(digest) {
        *to = *from;
    }
    hash
}

/// The largest power of two below `size`, where a tree of that many leaves splits; `size` is at least 2.
fn split(size: u64) -> u64 {
    let below = size.saturating_sub(1);
    1_u64
        .checked_shl(63_u32.saturating_sub(below.leading_zeros()))
        .unwrap_or(1)
}

#[cfg(test)]
mod tests;
