//! Size arithmetic: the specification's own figures, and the laws between the functions.

use proptest::prelude::*;
use sealed_object::geometry::{
    frames, is_staged, part_slots, part_stored, plain_of, single_request, stored,
};
use sealed_object::{Error, Metadata, Plain, Sealed, format, seal_single};

use crate::world::{self, MIB5, SUITE};

/// P, nf(P), np(P), stored(P) as the design lists them.
const TABLE: [(u64, u64, u64, u64); 11] = [
    (0, 1, 1, 540),
    (1, 1, 1, 541),
    (65_536, 1, 1, 66_076),
    (65_537, 2, 1, 66_105),
    (1 << 20, 16, 1, 1_049_536),
    (5_242_879, 80, 1, 5_245_631),
    (5_242_880, 80, 2, 5_245_776),
    (8 << 20, 128, 2, 8_392_848),
    (100 << 20, 1_600, 21, 104_905_792),
    (5 << 30, 81_920, 1_025, 5_371_150_848),
    (1 << 40, 16_777_216, 10_000, 1_099_982_830_192),
];

#[test]
fn f1_f2_sizes_are_those_of_the_table() {
    for (plain, nf, np, total) in TABLE {
        let found = (
            frames(Plain(plain)),
            part_slots(Plain(plain)),
            stored(Plain(plain)),
        );
        assert_eq!(found, (nf, np, Sealed(total)), "P = {plain}");
        assert_eq!(plain_of(Sealed(total)), Some(Plain(plain)), "T = {total}");
    }
}

#[test]
fn f2_the_worked_example_adds_up_for_both_upload_modes() {
    let plain = 103_821_369;
    let eight = Plain(8 << 20);
    let multipart = 12 * part_stored(eight).0 + part_stored(Plain(3_158_073)).0;
    assert_eq!(multipart, 103_866_373);
    assert_eq!(multipart + 1_528 + 728 + 368, stored(Plain(plain)).0);
    assert_eq!(part_stored(Plain(plain)), Sealed(103_865_797));
    assert_eq!(103_865_797 + 2_776 + 56 + 368, stored(Plain(plain)).0);
}

#[test]
fn f3_a_size_in_the_gap_behind_a_full_frame_is_no_object() {
    assert_eq!(plain_of(Sealed(66_104)), None);
    assert_eq!(plain_of(Sealed(0)), None);
    assert_eq!(plain_of(Sealed(539)), None);
}

/// Every size up to a few frames, against the image computed forwards.
#[test]
fn f3_the_inverse_is_exact_for_all_small_sizes() {
    let mut expected = vec![None; 270_000];
    for plain in 0..270_000 {
        if let Some(slot) = expected.get_mut(usize::try_from(stored(Plain(plain)).0).unwrap()) {
            *slot = Some(Plain(plain));
        }
    }
    for (size, plain) in (0..).zip(expected) {
        assert_eq!(plain_of(Sealed(size)), plain, "T = {size}");
    }
}

#[test]
fn f5_a_single_upload_or_part_above_the_limit_is_refused() {
    assert!(part_stored(Plain(format::MAX_PART)) <= Sealed(5 << 30));
    assert!(
        stored(Plain(format::MAX_PART)) <= Sealed(5 << 30),
        "it must fit one upstream PUT"
    );
    let above = Plain(format::MAX_PART + 1);
    let random = world::random("limit");
    let sealed = seal_single(
        SUITE,
        &world::kek(),
        &world::aux(),
        &world::context(),
        above,
        &Metadata::default(),
        0,
        &random,
    );
    assert_eq!(sealed.err(), Some(Error::TooLarge));
    let uploading = world::Uploading::start("limit", &Metadata::default());
    assert_eq!(
        uploading.upload.part(1, above, &random).err(),
        Some(Error::TooLarge)
    );
    assert!(
        uploading
            .upload
            .part(1, Plain(format::MAX_PART), &random)
            .is_ok()
    );
}

#[test]
fn f30_small_parts_and_the_last_number_are_staged() {
    assert!(is_staged(1, Plain(MIB5 - 1)));
    assert!(!is_staged(1, Plain(MIB5)));
    assert!(!is_staged(9_999, Plain(MIB5)));
    assert!(is_staged(10_000, Plain(MIB5)));
}

/// The footer is largest where every part has the least that is lawful.
#[test]
fn f2_a_footer_is_never_above_its_published_limit() {
    let parts = 10_000;
    let plain = Plain(parts * MIB5);
    let footer = stored(plain).0 - parts * part_stored(Plain(MIB5)).0;
    assert!(footer <= 1_440_368, "{footer}");
    assert!(
        stored(Plain(10_000 * format::MAX_PART)).0
            - 10_000 * part_stored(Plain(format::MAX_PART)).0
            <= 1_440_368
    );
}

/// Lengths near everything that bends the curve.
fn lengths() -> impl Strategy<Value = u64> {
    let near = |unit: u64, most: u64| {
        (0..most, 0_u64..200).prop_map(move |(k, d)| (k * unit + d).saturating_sub(100))
    };
    prop_oneof![
        0_u64..(1 << 46),
        near(65_536, 1 << 26),
        near(MIB5, 20_000),
        near(MIB5 * 10_000 - 300, 2),
        0_u64..1_000
    ]
}

/// A lawful part that is not the last, preferably one that wastes the most.
fn part_lengths() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(MIB5),
        Just(MIB5 + 1),
        MIB5..MIB5 + 200_000,
        MIB5..1_u64 << 33
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn f3_stored_grows_strictly_and_has_an_inverse(plain in lengths(), more in 1_u64..100_000) {
        let total = stored(Plain(plain));
        prop_assert!(total < stored(Plain(plain + more)));
        prop_assert_eq!(plain_of(total), Some(Plain(plain)));
    }

    #[test]
    fn f3_what_has_an_inverse_is_the_size_of_it(plain in lengths(), off in 0_u64..300) {
        let near = Sealed((stored(Plain(plain)).0 + off).saturating_sub(150));
        if let Some(found) = plain_of(near) {
            prop_assert_eq!(stored(found), near);
        } else {
            // Strictly between the sizes of two neighbours, or below the smallest.
            let mut below = plain.saturating_sub(200);
            while stored(Plain(below)) < near { below += 1; }
            prop_assert!(stored(Plain(below)) > near);
        }
    }

    #[test]
    fn f2_a_request_by_guess_covers_the_frames(first in lengths(), len in 1_u64..1_000_000) {
        let request = single_request(Plain(first), Plain(first + len));
        let frame = |index: u64| 48 + index * 65_564;
        prop_assert_eq!(request.start.0, frame(first / 65_536));
        prop_assert_eq!(request.end.0, frame((first + len - 1) / 65_536 + 1));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn f4_padding_is_never_negative(parts in prop::collection::vec(part_lengths(), 0..400), last in lengths()) {
        // A part list of ten thousand is the same few parts over and over.
        for repeat in [1, 9_999 / parts.len().max(1)] {
            let all = || parts.iter().copied().cycle().take(parts.len() * repeat).chain([last]);
            let count = u64::try_from(all().count()).unwrap();
            prop_assert!(count <= 10_000);
            let parts_stored: u64 = all().map(|plain| part_stored(Plain(plain)).0).sum();
            let total = stored(Plain(all().sum())).0;
            // Forty bytes is what the padding of one part has at least; readers rely on four.
            prop_assert!(total >= parts_stored + 56 * count + 368 + 40);
        }
    }
}
