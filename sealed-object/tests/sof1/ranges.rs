//! Ranges: a span gives exactly its slice, from the header alone or from the tail.

use bytes::Bytes;
use proptest::prelude::*;
use sealed_object::{Error, Layout, Plain, Sealed, SpanOpener, Tail};

use crate::world::{self, MIB5, Stored, plaintext, read_span, size};

fn single() -> Stored {
    world::seal_plainly("ranges", &plaintext(0, 400_000))
}

/// Parts whose ends fall within frames, and an empty last one.
fn parts() -> Stored {
    world::seal_parts("ranges", &[MIB5 + 10, MIB5 + 65_536, MIB5 + 100_000, 0])
}

#[test]
fn f16_f27_a_single_uploads_range_needs_only_the_header() {
    let stored = single();
    let opened = stored.opened();
    let layout = Layout::of_single(&opened).unwrap();
    assert_eq!(&layout, stored.tail().layout(), "the tail says the same");
    let span = layout.span(Plain(70_000), Plain(70_001)).unwrap();
    assert_eq!(span.stored, Sealed(48 + 65_564)..Sealed(48 + 2 * 65_564));
    assert_eq!(
        read_span(&opened, &layout, &stored.body, 70_000..70_001, &[]).unwrap(),
        plaintext(70_000, 1)
    );
    assert_eq!(Layout::of_single(&parts().opened()), None);
}

#[test]
fn f27_a_range_outside_the_object_is_refused() {
    let stored = single();
    let layout = Layout::of_single(&stored.opened()).unwrap();
    for (first, end) in [
        (0, 400_001),
        (400_000, 400_000),
        (5, 5),
        (6, 5),
        (400_000, 400_001),
        (0, u64::MAX),
    ] {
        assert_eq!(
            layout.span(Plain(first), Plain(end)).err(),
            Some(Error::Range),
            "{first}..{end}"
        );
    }
    let empty = world::seal_plainly("nothing", b"");
    let layout = Layout::of_single(&empty.opened()).unwrap();
    assert_eq!(layout.span(Plain(0), Plain(0)).err(), Some(Error::Range));
}

#[test]
fn f27_parts_have_their_ranges() {
    let tail = parts().tail();
    let layout = tail.layout();
    assert_eq!(layout.part(1), Some(Plain(0)..Plain(MIB5 + 10)));
    assert_eq!(
        layout.part(2),
        Some(Plain(MIB5 + 10)..Plain(2 * MIB5 + 65_546))
    );
    assert_eq!(layout.part(4), Some(tail.plain()..tail.plain()));
    assert_eq!(layout.part(5), None);
    let lengths: Vec<u64> = tail.parts().iter().map(|entry| entry.plain.0).collect();
    assert_eq!(lengths, [MIB5 + 10, MIB5 + 65_536, MIB5 + 100_000, 0]);
}

#[test]
fn f27_a_part_header_between_frames_must_be_the_manifests() {
    let stored = parts();
    let opened = stored.opened();
    let layout = stored.tail().layout().clone();
    let between =
        usize::try_from(sealed_object::geometry::part_stored(Plain(MIB5 + 10)).0).unwrap();
    for at in [between, between + 9, between + 47] {
        let mut body = stored.body.clone();
        body[at] ^= 1;
        let found = read_span(&opened, &layout, &body, MIB5 - 5..MIB5 + 100, &[]);
        assert_eq!(found.err(), Some(Error::Part), "byte {at}");
    }
    let mut body = stored.body.clone();
    body[between - 1] ^= 1;
    let found = read_span(&opened, &layout, &body, MIB5 - 5..MIB5 + 100, &[]);
    assert_eq!(
        found.err(),
        Some(Error::Frame {
            part_no: 1,
            index: 80
        })
    );
}

#[test]
fn f27_a_range_cut_short_or_drawn_out_is_refused() {
    let stored = single();
    let opened = stored.opened();
    let span = Layout::of_single(&opened)
        .unwrap()
        .span(Plain(65_000), Plain(66_000))
        .unwrap();
    let frames = &stored.body[48..48 + 2 * 65_564];
    for missing in [1, 65_564, 131_128] {
        let mut reader = SpanOpener::new(&opened, span.clone()).unwrap();
        let mut input = Bytes::copy_from_slice(&frames[..frames.len() - missing]);
        while !input.is_empty() {
            reader.push(&mut input).unwrap();
        }
        assert_eq!(
            reader.finish().err(),
            Some(Error::Size),
            "{missing} missing"
        );
    }
    let mut reader = SpanOpener::new(&opened, span).unwrap();
    let mut input = Bytes::copy_from_slice(&stored.body[48..=48 + 2 * 65_564]);
    assert!(reader.push(&mut input).unwrap().is_some());
    assert!(reader.push(&mut input).unwrap().is_some());
    assert_eq!(reader.push(&mut input).err(), Some(Error::Size));
}

#[test]
fn f19_f20_the_tail_says_how_much_of_it_is_needed() {
    for stored in [single(), parts()] {
        let (body, total) = (&stored.body, size(&stored.body));
        let guess = Tail::needed(total, &[]).unwrap();
        let suffix = &body[body.len() - usize::try_from(guess.0).unwrap()..];
        let exact = Tail::needed(total, suffix).unwrap();
        assert_eq!(exact.0, 368 + 56 * u64::from(stored.summary.parts));
        assert!(exact <= guess, "one request is enough for few parts");
        let opened = stored.opened();
        let exactly = &body[body.len() - usize::try_from(exact.0).unwrap()..];
        assert_eq!(Tail::open(&opened, exactly, total).unwrap(), stored.tail());
        assert_eq!(
            Tail::open(&opened, &exactly[1..], total).err(),
            Some(Error::Size)
        );
        assert_eq!(
            Tail::open(&opened, exactly, Sealed(total.0 + 1)).err(),
            Some(Error::Size)
        );
    }
    assert_eq!(
        Tail::needed(Sealed(66_104), &[]).err(),
        Some(Error::NotSealed)
    );
}

#[test]
fn f20_a_trailer_with_more_parts_than_fit_asks_for_nothing() {
    let stored = single();
    let mut raw = stored.body[stored.body.len() - 368..].to_vec();
    raw[16..20].copy_from_slice(&10_000_u32.to_be_bytes());
    raw[20..24].copy_from_slice(&560_000_u32.to_be_bytes());
    assert_eq!(
        Tail::needed(size(&stored.body), &raw).err(),
        Some(Error::Trailer)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(120))]

    #[test]
    fn f27_a_span_is_the_slice_of_the_whole(first in 0_u64..400_000, len in 1_u64..400_000, piece in 1_usize..100_000) {
        let stored = single();
        let end = (first + len).min(400_000);
        let found = read_span(&stored.opened(), stored.tail().layout(), &stored.body, first..end, &[piece]);
        prop_assert!(found.unwrap() == plaintext(first, end - first));
    }
}

#[test]
fn f27_a_span_over_parts_is_the_slice_of_the_whole() {
    let stored = parts();
    let opened = stored.opened();
    let layout = stored.tail().layout().clone();
    let total = layout.plain().0;
    // Both sides of every part's and some frames' borders.
    let borders = [
        0,
        1,
        65_536,
        MIB5,
        MIB5 + 10,
        MIB5 + 65_546,
        2 * MIB5 + 65_546,
        total - 100_000,
        total,
    ];
    let edges = || {
        borders
            .into_iter()
            .flat_map(|at| [at.saturating_sub(1), at, at + 1])
            .filter(|at| *at <= total)
    };
    let text = plaintext(0, total);
    for first in edges() {
        for end in edges().filter(|end| *end > first) {
            let wanted = usize::try_from(first).unwrap()..usize::try_from(end).unwrap();
            let found = read_span(&opened, &layout, &stored.body, first..end, &[]).unwrap();
            assert!(found == text[wanted], "{first}..{end}");
        }
    }
}
