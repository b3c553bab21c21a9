//! The tree against RFC 6962's own words, computed recursively, and against published hashes.

use std::collections::HashMap;

use super::*;

fn in_hex(hash: &Hash) -> String {
    hex::encode(hash)
}

fn leaf(n: u64) -> Hash {
    leaf_hash(&n.to_be_bytes())
}

/// MTH of RFC 6962, section 2.1, as it is written there.
fn mth(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        many => {
            let mut k = 1;
            while k * 2 < many.len() {
                k *= 2;
            }
            node_hash(&mth(&many[..k]), &mth(&many[k..]))
        }
    }
}

#[derive(Default)]
struct Kept(HashMap<(u8, u64), Vec<Hash>>);

impl Tiles for Kept {
    fn tile(&self, level: u8, index: u64, _: u64) -> Option<Vec<Hash>> {
        self.0.get(&(level, index)).cloned()
    }
}

fn grown(size: u64) -> (Growing, Kept) {
    let (mut tree, mut full) = (Growing::default(), Vec::new());
    for n in 0..size {
        tree.push(leaf(n), &mut full);
    }
    full.extend(tree.partial());
    let mut widths: Vec<_> = full
        .iter()
        .map(|tile| (tile.level, tile.index, tile.hashes.len() as u64))
        .collect();
    widths.sort_unstable();
    let mut expected = tiles_of(size);
    expected.sort_unstable();
    assert_eq!(widths, expected);
    let tiles = full
        .into_iter()
        .map(|tile| ((tile.level, tile.index), tile.hashes));
    (tree, Kept(tiles.collect()))
}

#[test]
fn hashes_are_those_of_certificate_transparency() {
    // RFC 6962's test vectors, as in the reference implementation: the empty tree, and a leaf of no bytes.
    assert_eq!(
        in_hex(&empty_root()),
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!(
        in_hex(&leaf_hash(b"")),
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    );
    // The tree over its eight leaves.
    let inputs: [&[u8]; 8] = [
        b"",
        b"\x00",
        b"\x10",
        b"\x20\x21",
        b"\x30\x31",
        b"\x40\x41\x42\x43",
        b"\x50\x51\x52\x53\x54\x55\x56\x57",
        b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
    ];
    let (mut tree, mut full) = (Growing::default(), Vec::new());
    for input in inputs {
        tree.push(leaf_hash(input), &mut full);
    }
    assert_eq!(
        in_hex(&tree.root()),
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    );
}

#[test]
fn roots_and_proofs_are_what_the_definition_says() {
    for size in [
        1, 2, 3, 5, 7, 8, 255, 256, 257, 300, 511, 512, 513, 65_535, 65_536, 65_793, 70_001,
    ] {
        let (tree, tiles) = grown(size);
        let leaves: Vec<Hash> = (0..size).map(leaf).collect();
        let root = mth(&leaves);
        assert_eq!(tree.root(), root, "{size}");
        assert_eq!(root_of(&tiles, size), Ok(root));
        for index in [0, 1, size / 2, size - 1, 255, 256]
            .into_iter()
            .filter(|n| *n < size)
        {
            let proof = inclusion_proof(&tiles, index, size).unwrap();
            let verified =
                |leaf, index, proof: &[Hash]| verify_inclusion(&leaf, index, size, proof, &root);
            assert_eq!(
                verified(leaf(index), index, &proof),
                Ok(()),
                "{index} of {size}"
            );
            assert!(verified(leaf(index + 1), index, &proof).is_err());
            let mut longer = proof.clone();
            longer.push(root);
            assert!(verified(leaf(index), index, &longer).is_err());
            if let Some((_, shorter)) = proof.split_last() {
                assert!(verified(leaf(index), index, shorter).is_err());
            }
        }
        for old in [1, 2, 3, 255, 256, 257, size / 2, size - 1, size] {
            if old == 0 || old > size {
                continue;
            }
            let old_root = mth(&leaves[..usize::try_from(old).unwrap()]);
            assert_eq!(root_of(&tiles, old), Ok(old_root), "{old} of {size}");
            let proof = consistency_proof(&tiles, old, size).unwrap();
            assert_eq!(
                verify_consistency(old, &old_root, size, &root, &proof),
                Ok(()),
                "{old} of {size}"
            );
            assert!(verify_consistency(old, &leaf(0), size, &leaf(1), &proof).is_err());
        }
    }
}

#[test]
fn tiles_are_named_as_c2sp_names_them() {
    // The examples of c2sp.org/tlog-tiles.
    assert_eq!(tile_path(0, 1_234_067, 256), "tile/0/x001/x234/067");
    assert_eq!(tile_path(1, 0, 256), "tile/1/000");
    assert_eq!(tile_path(0, 273, 112), "tile/0/273.p/112");
    // A tree of 70 000 leaves, from the same page: 273 full tiles and one of 112 below, one full and one of 17
    // above, and one of 1 on top.
    let tiles = tiles_of(70_000);
    assert_eq!(tiles.len(), 273 + 1 + 1 + 1 + 1);
    assert_eq!(tiles[273], (0, 273, 112));
    assert_eq!(tiles[274..], [(1, 0, 256), (1, 1, 17), (2, 0, 1)]);
}

#[test]
fn a_position_outside_the_tree_has_no_proof() {
    let (_, tiles) = grown(5);
    assert_eq!(inclusion_proof(&tiles, 5, 5), Err(ProofError::Outside));
    assert_eq!(consistency_proof(&tiles, 6, 5), Err(ProofError::Outside));
    assert_eq!(
        verify_inclusion(&leaf(0), 9, 5, &[], &leaf(0)),
        Err(ProofError::Outside)
    );
    let gone = Kept::default();
    assert_eq!(
        root_of(&gone, 5),
        Err(ProofError::Missing { level: 0, index: 0 })
    );
}
