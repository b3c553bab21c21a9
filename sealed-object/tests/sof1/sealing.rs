//! Sealing and opening whole bodies: any pieces give the same result, and nothing comes out too early.

use bytes::Bytes;
use proptest::prelude::*;
use sealed_object::{
    AuditKey, Aux, BodyOpener, ClientChecksum, Error, Facts, Metadata, Plain, Suite, Trailer,
    seal_single,
};

use crate::world::{self, MIB5, SUITE, aux, context, facts, kek, plaintext, random, read, size};

#[test]
fn f26_the_last_frame_waits_for_the_trailer_and_the_end() {
    for stored in [
        world::seal_plainly("held", &plaintext(0, 200_000)),
        world::seal_parts("held", &[MIB5, 200_000]),
    ] {
        let total = stored.summary.plain.0;
        let opened = stored.opened();
        let mut reader = BodyOpener::new(&opened, size(&stored.body)).unwrap();
        let mut released = 0;
        for byte in stored.body.chunks(1_000) {
            let mut piece = Bytes::copy_from_slice(byte);
            while !piece.is_empty() {
                released += reader
                    .push(&mut piece)
                    .unwrap()
                    .map_or(0, |text| text.len());
            }
        }
        // 200 000 = 3 frames and 3 392 bytes, for both.
        assert_eq!(u64::try_from(released).unwrap(), total - 3_392);
        assert_eq!(reader.finish().unwrap().0.len(), 3_392);
    }
}

#[test]
fn f26_frames_come_out_as_soon_as_they_are_complete() {
    let stored = world::seal_plainly("prompt", &plaintext(0, 300_000));
    let mut reader = BodyOpener::new(&stored.opened(), size(&stored.body)).unwrap();
    let mut head = Bytes::copy_from_slice(&stored.body[..48 + 65_564 - 1]);
    assert_eq!(reader.push(&mut head).unwrap(), None);
    let mut byte = Bytes::copy_from_slice(&stored.body[48 + 65_564 - 1..48 + 65_564]);
    assert_eq!(
        reader.push(&mut byte).unwrap().unwrap(),
        plaintext(0, 65_536)
    );
}

#[test]
fn f26_nothing_comes_out_after_a_failure() {
    let mut stored = world::seal_plainly("failed", &plaintext(0, 300_000));
    stored.body[48 + 20] ^= 1;
    let mut reader = BodyOpener::new(&stored.opened(), size(&stored.body)).unwrap();
    let mut body = Bytes::copy_from_slice(&stored.body);
    assert_eq!(
        reader.push(&mut body).err(),
        Some(Error::Frame {
            part_no: 1,
            index: 0
        })
    );
    assert_eq!(reader.push(&mut body).err(), Some(Error::Size));
    assert_eq!(reader.finish().err(), Some(Error::Size));
}

#[test]
fn f24_a_single_upload_of_another_length_is_refused_before_a_byte() {
    let stored = world::seal_plainly("length", &plaintext(0, 1_000));
    let longer = world::seal_plainly("longer", &plaintext(0, 1_001));
    assert_eq!(
        BodyOpener::new(&stored.opened(), size(&longer.body)).err(),
        Some(Error::Size)
    );
    let gap = sealed_object::Sealed(66_104);
    assert_eq!(
        BodyOpener::new(&stored.opened(), gap).err(),
        Some(Error::NotSealed)
    );
}

/// Requests move between threads of the gateway while their bodies stream.
#[test]
fn sealers_and_openers_can_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<sealed_object::SingleSealer>();
    is_send::<sealed_object::PartSealer>();
    is_send::<sealed_object::StagedRelay>();
    is_send::<BodyOpener>();
    is_send::<sealed_object::SpanOpener>();
}

#[test]
fn a_sealer_takes_exactly_what_was_announced() {
    for announced in [0, 1, 65_536, 65_537] {
        let make = || {
            let metadata = Metadata::default();
            let plain = Plain(announced);
            seal_single(
                SUITE,
                &kek(),
                &aux(),
                &context(),
                plain,
                &metadata,
                0,
                &random("exact"),
            )
            .unwrap()
            .1
        };
        let push = |sealer: &mut sealed_object::SingleSealer, len: u64| {
            let mut input = Bytes::from(plaintext(0, len));
            while !input.is_empty() {
                sealer.push(&mut input)?;
            }
            Ok::<(), Error>(())
        };
        assert_eq!(
            push(&mut make(), announced + 1).err(),
            Some(Error::Length),
            "one more than {announced}"
        );
        if announced > 0 {
            let mut sealer = make();
            push(&mut sealer, announced - 1).unwrap();
            assert_eq!(
                sealer.finish(facts()).err(),
                Some(Error::Length),
                "one less than {announced}"
            );
        }
    }
}

#[test]
fn nothing_of_the_last_frame_is_given_before_finish() {
    let text = plaintext(0, 131_072);
    let (_, mut sealer) = seal_single(
        SUITE,
        &kek(),
        &aux(),
        &context(),
        Plain(131_072),
        &Metadata::default(),
        0,
        &random("last"),
    )
    .unwrap();
    let mut input = Bytes::from(text);
    let first = sealer.push(&mut input).unwrap().unwrap();
    assert_eq!(first.len(), 48 + 65_564, "the part header and one frame");
    assert_eq!(sealer.push(&mut input).unwrap(), None);
    assert!(input.is_empty());
    let (last, summary) = sealer.finish(facts()).unwrap();
    assert_eq!(
        u64::try_from(first.len() + last.len()).unwrap(),
        summary.stored.0
    );
}

#[test]
fn f21_every_length_of_client_checksum_comes_back() {
    for len in [1, 4, 8, 16, 20, 31, 32, 33, 63, 64] {
        let checksum = ClientChecksum::new(9, &plaintext(5, len)).unwrap();
        let given = Facts {
            client_checksum: Some(checksum),
            md5: Some([3; 16]),
            composite_parts: 10_000,
            ..facts()
        };
        let stored = world::seal(
            "checksum",
            b"text",
            &Metadata::default(),
            given.clone(),
            &[],
        );
        let tail = stored.tail();
        assert_eq!(
            tail.facts().client_checksum,
            given.client_checksum,
            "{len} bytes"
        );
        assert_eq!(tail.facts().md5, given.md5);
        assert_eq!(tail.facts().composite_parts, 10_000);
    }
    assert_eq!(
        ClientChecksum::new(9, &[0; 65]).err(),
        Some(Error::Checksum)
    );
    assert_eq!(ClientChecksum::new(9, &[]).err(), Some(Error::Checksum));
    assert_eq!(ClientChecksum::new(0, &[1]).err(), Some(Error::Checksum));
}

#[test]
fn f22_digest_and_checksum_are_those_of_the_plaintext() {
    let text = plaintext(0, 100_000);
    let stored = world::seal_plainly("digest", &text);
    assert_eq!(stored.summary.pt_digest, world::hash(&text));
    assert_eq!(stored.summary.crc64, crc_fast::crc64_nvme(&text));
    let parts = world::seal_parts("digest", &[MIB5, MIB5 + 5, 0]);
    let text = plaintext(0, 2 * MIB5 + 5);
    assert_eq!(
        parts.summary.crc64,
        crc_fast::crc64_nvme(&text),
        "a multipart object's is of the whole"
    );
}

#[test]
fn f23_an_object_is_checked_without_its_keys() {
    for stored in [
        world::seal_plainly("scrub", &plaintext(0, 70_000)),
        world::seal_parts("scrub", &[MIB5, 9]),
    ] {
        let (before, raw) = stored.body.split_at(stored.body.len() - 368);
        let trailer = Trailer::parse(raw).unwrap();
        let manifest_len = usize::try_from(trailer.manifest_len().0).unwrap();
        let (parts, manifest_raw) = before.split_at(before.len() - manifest_len);
        let manifest = trailer.check_manifest(manifest_raw).unwrap();
        let mut rest = parts;
        for entry in manifest.entries() {
            let len = usize::try_from(sealed_object::geometry::part_stored(entry.plain).0).unwrap();
            let (part, behind) = rest.split_at(len);
            assert_eq!(world::hash(part), entry.ct_hash);
            rest = behind;
        }
        assert_eq!(trailer.ct_root(), stored.summary.ct_root);
        assert_eq!(trailer.plain(), stored.summary.plain);
        assert_eq!(trailer.object_id(), stored.summary.object_id);
        assert_eq!(trailer.completed_ms(), world::COMPLETED);
        assert_eq!(trailer.aux_id(), aux().id());
        trailer.check_audit_mac(&audit_key(&aux())).unwrap();
        let mut rotten = manifest_raw.to_vec();
        rotten[30] ^= 4;
        assert_eq!(trailer.check_manifest(&rotten).err(), Some(Error::Manifest));
    }
}

#[test]
fn f23_the_audit_mac_is_the_auxiliary_keys() {
    let stored = world::seal_plainly("audit", b"text");
    let raw = stored.body[stored.body.len() - 368..].to_vec();
    let other = Aux::new(aux().id(), [0; 32]);
    let another = Aux::new(sealed_object::KeyId([0; 8]), [0; 32]);
    let trailer = Trailer::parse(&raw).unwrap();
    assert_eq!(
        trailer.check_audit_mac(&audit_key(&other)).err(),
        Some(Error::Trailer)
    );
    assert_eq!(
        trailer.check_audit_mac(&audit_key(&another)).err(),
        Some(Error::KeyUnknown)
    );
    // Everything it covers: the description, the MAC itself, the time.
    for at in [15, 80, 112, 159] {
        let mut raw = raw.clone();
        raw[at] ^= 1;
        let trailer = Trailer::parse(&raw).unwrap();
        assert_eq!(
            trailer.check_audit_mac(&audit_key(&aux())).err(),
            Some(Error::Trailer),
            "byte {at}"
        );
    }
}

fn audit_key(aux: &Aux) -> AuditKey {
    aux.audit_key(SUITE).unwrap()
}

/// Lengths around the frame's.
fn lengths() -> impl Strategy<Value = u64> {
    prop_oneof![
        0_u64..300,
        65_500_u64..65_600,
        131_040_u64..131_110,
        0_u64..300_000
    ]
}

fn sizes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(
        prop_oneof![1_usize..50, 1_usize..200_000, Just(65_536), Just(65_564)],
        0..5,
    )
    .prop_filter("at least a kilobyte per round", |sizes| {
        sizes.is_empty() || sizes.iter().sum::<usize>() > 1_000
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn f15_a_single_upload_round_trips_in_any_pieces(len in lengths(), inward in sizes(), outward in sizes()) {
        let text = plaintext(0, len);
        let whole = world::seal_plainly("pieces", &text);
        let stored = world::seal("pieces", &text, &Metadata::default(), facts(), &inward);
        // The nonces of suite 0x02 are never the same twice.
        let same = SUITE == Suite::GcmHmacSha512 || whole.body == stored.body;
        prop_assert!(same, "pieces do not show in what is stored");
        prop_assert_eq!(size(&whole.body), size(&stored.body));
        let (read, outcome) = read(&stored.opened(), &stored.body, size(&stored.body), &outward);
        prop_assert!(read == text);
        prop_assert!(outcome.is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    #[test]
    fn f25_a_multipart_object_round_trips_in_any_pieces(last in lengths(), first in 0_u64..70_000, outward in sizes()) {
        let stored = world::seal_parts("pieces", &[MIB5 + first, last]);
        let (read, outcome) = read(&stored.opened(), &stored.body, size(&stored.body), &outward);
        prop_assert!(read == plaintext(0, MIB5 + first + last));
        prop_assert_eq!(outcome.unwrap().parts().len(), 2);
    }
}
