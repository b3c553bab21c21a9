//! What a hostile store can do to a body: the reader gets the exact plaintext or an error, never anything else.

use proptest::prelude::*;
use sealed_object::{
    BodyOpener, Error, Header, Manifest, Metadata, PartToken, Plain, Sealed, Tail, Trailer,
    UploadId, geometry,
};

use crate::world::{self, MIB5, Stored, StoredPart, Uploading, facts, plaintext, read, size};

struct Uploaded {
    uploading: Uploading,
    parts: Vec<StoredPart>,
    text: Vec<u8>,
}

/// Three parts of 5 MiB and one of 1 000 bytes.
fn uploaded() -> Uploaded {
    let uploading = Uploading::start("hostile", &Metadata::default());
    let text = plaintext(0, 3 * MIB5 + 1_000);
    let pieces = text.chunks(usize::try_from(MIB5).unwrap());
    let parts = (1..)
        .zip(pieces)
        .map(|(part_no, piece)| uploading.part(part_no, piece, None, &[]))
        .collect();
    Uploaded {
        uploading,
        parts,
        text,
    }
}

impl Uploaded {
    fn complete(&self) -> Stored {
        self.uploading
            .complete(&self.parts.iter().collect::<Vec<_>>(), &facts())
    }
}

/// Puts these bodies in front of a footer, padded or cut to the footer's object's length.
fn spliced(parts: &[&[u8]], whole: &Stored) -> Vec<u8> {
    let mut body = parts.concat();
    body.extend_from_slice(&whole.body[body.len().min(whole.body.len())..]);
    body.truncate(whole.body.len());
    body
}

/// Everything released is authentic, and it is not everything.
fn refused(stored: &Stored, body: &[u8], announced: Sealed, text: &[u8]) -> Error {
    let (released, outcome) = read(&stored.opened(), body, announced, &[]);
    assert!(
        text.starts_with(&released),
        "only the plaintext's own beginning comes out"
    );
    assert!(released.len() < text.len(), "never the whole");
    outcome.unwrap_err()
}

#[test]
fn f25_parts_dropped_repeated_or_reordered_are_refused() {
    let uploaded = uploaded();
    let stored = uploaded.complete();
    let bodies: Vec<&[u8]> = uploaded
        .parts
        .iter()
        .map(|part| part.body.as_slice())
        .collect();
    // Repeated; reordered; the second missing, so that what follows no longer adds up.
    for order in [&[0, 0, 2, 3][..], &[0, 2, 1, 3], &[1, 0, 2, 3], &[0, 2, 3]] {
        let parts: Vec<&[u8]> = order.iter().map(|index| bodies[*index]).collect();
        let body = spliced(&parts, &stored);
        let (released, outcome) = read(&stored.opened(), &body, size(&body), &[]);
        assert_eq!(outcome.err(), Some(Error::Part), "{order:?}");
        assert!(
            released.len() < uploaded.text.len(),
            "{order:?}: never the whole"
        );
    }
}

#[test]
fn f25_a_known_layout_stops_a_misplaced_part_before_its_first_byte() {
    let uploaded = uploaded();
    let stored = uploaded.complete();
    let layout = stored.tail().layout().clone();
    let older = uploaded.uploading.part(2, &plaintext(77, MIB5), None, &[]);
    let bodies: Vec<&[u8]> = uploaded
        .parts
        .iter()
        .map(|part| part.body.as_slice())
        .collect();
    for second in [bodies[2], &older.body] {
        let body = spliced(&[bodies[0], second, bodies[2], bodies[3]], &stored);
        let mut reader = BodyOpener::with_layout(&stored.opened(), size(&body), &layout).unwrap();
        let mut released = Vec::new();
        let found = world::pump(
            &body,
            &[],
            &mut released,
            |input| reader.push(input),
            |bytes| bytes,
        );
        assert_eq!(found.err(), Some(Error::Part));
        assert!(
            released == uploaded.text[..released.len()],
            "only the plaintext's own beginning comes out"
        );
        assert_eq!(u64::try_from(released.len()).unwrap(), MIB5);
    }
    let other = world::seal_parts("other", &[MIB5]).tail().layout().clone();
    let found = BodyOpener::with_layout(&stored.opened(), size(&stored.body), &other);
    assert_eq!(found.err(), Some(Error::Size));
}

#[test]
fn f25_a_shorter_object_of_the_same_parts_needs_its_own_trailer() {
    let uploaded = uploaded();
    let stored = uploaded.complete();
    let lengths = [MIB5, MIB5, MIB5];
    let shorter = geometry::stored(Plain(lengths.iter().sum()));
    let footer = &stored.body[stored.body.len() - 368 - 4 * 56..];
    let mut body: Vec<u8> = uploaded.parts[..3]
        .iter()
        .flat_map(|part| part.body.clone())
        .collect();
    let pad = usize::try_from(shorter.0).unwrap() - body.len() - 3 * 56 - 368;
    body.resize(body.len() + pad, 0);
    body.extend_from_slice(&footer[..3 * 56]);
    body.extend_from_slice(&footer[4 * 56..]);
    assert_eq!(size(&body), shorter);
    // The trailer speaks of four entries; with the padding that stands before the three they are not its manifest.
    assert_eq!(
        refused(&stored, &body, shorter, &uploaded.text),
        Error::Trailer
    );
    let trailer = body.len() - 368;
    body[trailer + 19] = 3;
    body[trailer + 23] = 3 * 56;
    assert_eq!(
        refused(&stored, &body, shorter, &uploaded.text),
        Error::Trailer
    );
}

/// The old instance is authentic frame by frame, so its first frames come out; the manifest ends it.
#[test]
fn f17_f25_an_older_upload_of_a_part_is_refused() {
    let uploaded = uploaded();
    let stored = uploaded.complete();
    let older_text = plaintext(77, MIB5);
    let older = uploaded.uploading.part(3, &older_text, None, &[]);
    let bodies: Vec<&[u8]> = uploaded
        .parts
        .iter()
        .map(|part| part.body.as_slice())
        .collect();
    let body = spliced(&[bodies[0], bodies[1], &older.body, bodies[3]], &stored);
    let (released, outcome) = read(&stored.opened(), &body, size(&body), &[]);
    assert_eq!(outcome.err(), Some(Error::Manifest));
    assert!(
        released.len() < uploaded.text.len(),
        "the transfer breaks before its end"
    );
}

#[test]
fn f25_a_part_of_another_upload_is_refused() {
    let uploaded = uploaded();
    let stored = uploaded.complete();
    let other = Uploading::start("another", &Metadata::default());
    let foreign = other.part(
        1,
        &uploaded.text[..usize::try_from(MIB5).unwrap()],
        None,
        &[],
    );
    let (text, total) = (&uploaded.text, size(&stored.body));
    assert_eq!(
        refused(&stored, &spliced(&[&foreign.body], &stored), total, text),
        Error::Part
    );
    // With its id forged as well, the key is another.
    let mut forged = foreign.body;
    forged[16..32].copy_from_slice(&stored.body[16..32]);
    let found = refused(&stored, &spliced(&[&forged], &stored), total, text);
    assert_eq!(
        found,
        Error::Frame {
            part_no: 1,
            index: 0
        }
    );
}

#[test]
fn f24_a_header_on_another_objects_body_is_refused() {
    let text = plaintext(0, 1_000);
    let (one, other) = (
        world::seal_plainly("one", &text),
        world::seal_plainly("two", &text),
    );
    assert_eq!(
        refused(&one, &other.body, size(&other.body), &text),
        Error::Part
    );
    // Its parts under the other's tail.
    let part = 48 + 28 + 1_000;
    let mixed = [&one.body[..part], &other.body[part..]].concat();
    assert_eq!(refused(&one, &mixed, size(&mixed), &text), Error::Commit);
    assert_eq!(
        Tail::open(&one.opened(), &other.body, size(&other.body)).err(),
        Some(Error::Commit)
    );
}

#[test]
fn f18_padding_that_is_not_zero_is_refused_wherever_it_is() {
    let text = plaintext(0, 3 * MIB5);
    let stored = world::seal_plainly("pad", &text);
    let first = usize::try_from(geometry::part_stored(Plain(3 * MIB5)).0).unwrap();
    let end = stored.body.len() - 368 - 56;
    assert!(end - first > 300);
    for at in first..end {
        let (_, outcome) = {
            let mut tail = stored.body.clone();
            tail[at] = 0x80;
            // Reading 3 MiB for each byte of padding would prove nothing more.
            if at % 97 != 0 && at != first && at != end - 1 {
                continue;
            }
            read(&stored.opened(), &tail, size(&tail), &[])
        };
        assert_eq!(outcome.err(), Some(Error::Pad), "byte {at}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn f15_f20_any_flipped_bit_of_a_body_is_refused(len in 0_u64..140_000, at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let text = plaintext(0, len);
        let stored = world::seal_plainly("flip", &text);
        let mut body = stored.body.clone();
        let index = at.index(body.len());
        body[index] ^= 1_u8 << bit;
        let (released, outcome) = read(&stored.opened(), &body, size(&body), &[]);
        prop_assert!(outcome.is_err(), "byte {}", index);
        prop_assert!(text.starts_with(&released));
        prop_assert!(released.len() < text.len() || text.is_empty());
    }

    #[test]
    fn f26_a_body_cut_short_or_drawn_out_is_refused(
        len in 0_u64..140_000, at in any::<prop::sample::Index>(), more in 1_usize..100, told in any::<bool>(),
    ) {
        let text = plaintext(0, len);
        let stored = world::seal_plainly("cut", &text);
        let cut = &stored.body[..at.index(stored.body.len())];
        let long = [stored.body.as_slice(), &vec![0; more]].concat();
        for body in [cut, &long] {
            let announced = if told { size(body) } else { size(&stored.body) };
            let (released, outcome) = read(&stored.opened(), body, announced, &[]);
            prop_assert!(outcome.is_err());
            prop_assert!(text.starts_with(&released));
            prop_assert!(released.len() < text.len() || text.is_empty());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn f15_f19_f25_any_flipped_bit_of_a_multipart_body_is_refused(at in any::<prop::sample::Index>(), late in any::<bool>(), bit in 0_u32..8) {
        let stored = world::seal_parts("flip", &[MIB5, 1_000]);
        let text = plaintext(0, MIB5 + 1_000);
        let mut body = stored.body.clone();
        // Half of the flips go where the structure is: the second part, padding, manifest, trailer.
        let from = if late { body.len() - 2_500 } else { 0 };
        let index = from + at.index(body.len() - from);
        body[index] ^= 1_u8 << bit;
        let (released, outcome) = read(&stored.opened(), &body, size(&body), &[]);
        prop_assert!(outcome.is_err(), "byte {}", index);
        prop_assert!(text.starts_with(&released) && released.len() < text.len());
    }
}

proptest! {
    /// Whatever a store or client makes up is an error, never a panic; nothing made up is a lawful structure.
    #[test]
    fn f10_f19_f20_made_up_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..800)) {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(&bytes);
        let raw = [b"SOFT\x01\x01\0\x06".as_slice(), &bytes].concat();
        prop_assert!(Trailer::parse(&raw[..raw.len().min(368)]).is_err());
        prop_assert!(Trailer::parse(&bytes).is_err());
        prop_assert!(Header::parse(&text).is_err());
        let (id, token) = (format!("u1.{text}.upstream"), format!("p1.{text}"));
        prop_assert!(UploadId::parse(&id).is_err());
        let uploading = Uploading::start("made up", &Metadata::default());
        prop_assert!(PartToken::parse(&token, &uploading.upload).is_err());
        for parts in 0..15_u32 {
            if let Ok(manifest) = Manifest::parse(&bytes, parts) {
                let rest = bytes.len() - manifest.entries().len() * 56;
                prop_assert!(rest % manifest.entries().len() == 0);
            }
        }
    }
}
