//! Multipart state in the client's hands: upload ids, part tokens, completion, staged parts.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use proptest::prelude::*;
use sealed_object::{
    Context, Error, Facts, Kek, KeyId, Metadata, PartToken, Plain, SealedBytes, StagedRelay,
    UploadId,
};

use crate::world::{self, MIB5, UPSTREAM_ID, Uploading, context, facts, kek, plaintext};

fn uploading() -> Uploading {
    Uploading::start("upload", &Metadata::default())
}

#[test]
fn f28_any_replica_recovers_the_upload_from_its_id() {
    let uploading = uploading();
    let id = UploadId::parse(&uploading.id.encode()).unwrap();
    assert_eq!(id.upstream_id(), UPSTREAM_ID);
    assert_eq!(id.kek_id(), kek().id());
    assert_eq!(id.object_id(), uploading.envelope.header().object_id());
    assert_eq!(id.encode(), uploading.id.encode());
    let upload = id.verify(&kek(), &context()).unwrap();
    let part = uploading.part(2, b"text", None, &[]);
    let token = part.token.encode(&uploading.upload);
    assert!(
        PartToken::parse(&token, &upload).unwrap() == part.token,
        "the same data key on both sides"
    );
}

#[test]
fn f28_an_upload_id_is_bound_to_its_place_and_key() {
    let id = uploading().id;
    let elsewhere = Context::new("acme", &[0; 16], b"other");
    assert_eq!(id.verify(&kek(), &elsewhere).err(), Some(Error::Token));
    assert_eq!(
        id.verify(&Kek::new(KeyId(*b"kek-0002"), [0; 32]), &context())
            .err(),
        Some(Error::KeyUnknown)
    );
    assert_eq!(
        id.verify(&Kek::new(KeyId(*b"kek-0001"), [0; 32]), &context())
            .err(),
        Some(Error::Token)
    );
    let moved = id.encode().replace(UPSTREAM_ID, "another-upload");
    assert_eq!(
        UploadId::parse(&moved)
            .unwrap()
            .verify(&kek(), &context())
            .err(),
        Some(Error::Token)
    );
    for text in ["", "u1.", "u1..", "u1.AAAA.x", UPSTREAM_ID, "u2.AAAA.x"] {
        assert_eq!(UploadId::parse(text).err(), Some(Error::Token), "{text}");
    }
    let nameless = id.encode().replace(UPSTREAM_ID, "");
    assert_eq!(UploadId::parse(&nameless).err(), Some(Error::Token));
}

#[test]
fn f29_a_token_says_what_the_part_is() {
    let uploading = uploading();
    let text = plaintext(0, 1_000);
    let part = uploading.part(10_000, &text, Some([5; 16]), &[]);
    let token = PartToken::parse(&part.token.encode(&uploading.upload), &uploading.upload).unwrap();
    assert_eq!(token.part_no(), 10_000);
    assert_eq!(token.plain(), Plain(1_000));
    assert_eq!(token.stored(), world::size(&part.body));
    assert_eq!(token.ct_hash(), world::hash(&part.body));
    assert_eq!(token.pt_digest(), world::hash(&text));
    assert_eq!(token.crc64(), crc_fast::crc64_nvme(&text));
    assert_eq!(token.md5(), Some([5; 16]));
    assert_eq!(token.upstream_etag(), "\"etag-10000\"");
    assert!(token.is_staged());
    assert_eq!(token.salt(), part.body[32..48]);
}

#[test]
fn f29_a_token_of_another_upload_is_refused() {
    let uploading = uploading();
    let token = uploading
        .part(1, b"text", None, &[])
        .token
        .encode(&uploading.upload);
    let other = Uploading::start("other", &Metadata::default());
    assert_eq!(
        PartToken::parse(&token, &other.upload).err(),
        Some(Error::Token)
    );
    // The same object under another upstream upload.
    let (_, new) = sealed_object::create_upload(
        world::SUITE,
        &kek(),
        &context(),
        &Metadata::default(),
        world::CREATED,
        world::random("upload").as_ref(),
    )
    .unwrap();
    let (_, renamed) = new.begin("another-upload");
    assert_eq!(renamed.object_id(), uploading.upload.object_id());
    assert_eq!(PartToken::parse(&token, &renamed).err(), Some(Error::Token));
    assert_eq!(
        PartToken::parse("d41d8cd98f00b204e9800998ecf8427e", &uploading.upload).err(),
        Some(Error::Unpinned)
    );
    for text in ["", "p1", "\"p1.AAAA\""] {
        assert_eq!(
            PartToken::parse(text, &uploading.upload).err(),
            Some(Error::Unpinned),
            "{text}"
        );
    }
    for text in ["p1.", "p1.AAAA", "p1.===="] {
        assert_eq!(
            PartToken::parse(text, &uploading.upload).err(),
            Some(Error::Token),
            "{text}"
        );
    }
}

#[test]
fn f29_an_upstream_etag_has_at_most_255_bytes() {
    let uploading = uploading();
    let facts = || {
        uploading
            .upload
            .part(1, Plain(0), &uploading.random)
            .unwrap()
            .finish()
            .unwrap()
            .1
    };
    let longest = "e".repeat(255);
    let token = PartToken::new(facts(), &longest, true, &Facts::default())
        .unwrap()
        .encode(&uploading.upload);
    assert_eq!(
        PartToken::parse(&token, &uploading.upload)
            .unwrap()
            .upstream_etag(),
        longest
    );
    assert_eq!(
        PartToken::new(facts(), &"e".repeat(256), true, &Facts::default()).err(),
        Some(Error::Token)
    );
}

#[test]
fn f17_every_upload_of_a_part_has_its_own_salt() {
    let uploading = uploading();
    let (first, second) = (
        uploading.part(1, b"text", None, &[]),
        uploading.part(1, b"text", None, &[]),
    );
    assert_ne!(first.token.salt(), second.token.salt());
    assert_ne!(first.body[48..], second.body[48..]);
    assert_eq!(first.token.pt_digest(), second.token.pt_digest());
}

#[test]
fn f4_f19_parts_must_ascend_and_be_large_enough() {
    let uploading = uploading();
    let large = plaintext(0, MIB5);
    let one = uploading.part(1, &large, None, &[]);
    let two = uploading.part(2, &large, None, &[]);
    let small = uploading.part(3, &large[1..], None, &[]);
    let four = uploading.part(4, b"", None, &[]);
    let footer = |parts: &[&world::StoredPart]| uploading.footer(parts, &facts()).err();
    assert_eq!(footer(&[]), Some(Error::NoParts));
    assert_eq!(footer(&[&two, &one]), Some(Error::PartOrder));
    assert_eq!(footer(&[&one, &one]), Some(Error::PartOrder));
    assert_eq!(footer(&[&one, &small, &four]), Some(Error::PartTooSmall));
    assert_eq!(footer(&[&one, &small]), None, "the last may be small");
    assert_eq!(footer(&[&two, &four]), None, "or empty");
    for part_no in [0, 10_001, u16::MAX] {
        let found = uploading.upload.part(part_no, Plain(1), &uploading.random);
        assert_eq!(found.err(), Some(Error::PartNumber), "{part_no}");
    }
}

#[test]
fn f30_a_staged_part_is_sent_again_as_it_was() {
    let uploading = uploading();
    let part = uploading.part(1, &plaintext(0, 200_000), None, &[]);
    let relay = |bytes: &[u8]| {
        let mut relay = StagedRelay::new(&part.token, &uploading.upload);
        let mut sent = Vec::new();
        for piece in world::pieces(bytes, &[70_000]) {
            sent.extend_from_slice(&relay.push(piece).map(SealedBytes::into_bytes)?);
        }
        relay.finish()?;
        Ok::<Vec<u8>, Error>(sent)
    };
    assert_eq!(relay(&part.body).unwrap(), part.body);
    let mut flipped = part.body.clone();
    flipped[100_000] ^= 1;
    assert_eq!(relay(&flipped).err(), Some(Error::Part));
    assert_eq!(relay(&part.body[1..]).err(), Some(Error::Size));
    assert_eq!(
        relay(&[part.body.as_slice(), b"x"].concat()).err(),
        Some(Error::Size)
    );
    let older = uploading.part(1, &plaintext(0, 200_000), None, &[]);
    assert_eq!(
        relay(&older.body).err(),
        Some(Error::Part),
        "another instance of the same part"
    );
}

#[test]
fn a_part_sealer_takes_exactly_what_was_announced() {
    let uploading = uploading();
    let sealer = || {
        uploading
            .upload
            .part(1, Plain(4), &uploading.random)
            .unwrap()
    };
    let mut more = sealer();
    let mut input = Bytes::from_static(b"12345");
    assert_eq!(more.push(&mut input), Ok(None));
    assert_eq!(more.push(&mut input), Err(Error::Length));
    let mut less = sealer();
    assert_eq!(less.push(&mut Bytes::from_static(b"123")), Ok(None));
    assert_eq!(less.finish().err(), Some(Error::Length));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn f28_f29_any_flipped_bit_of_an_id_or_token_is_refused(at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let uploading = uploading();
        let token = uploading.part(1, b"text", Some([1; 16]), &[]).token.encode(&uploading.upload);
        let mut raw = URL_SAFE_NO_PAD.decode(token.trim_start_matches("p1.")).unwrap();
        let index = at.index(raw.len());
        raw[index] ^= 1_u8 << bit;
        let flipped = format!("p1.{}", URL_SAFE_NO_PAD.encode(raw));
        prop_assert!(PartToken::parse(&flipped, &uploading.upload).is_err());

        let id = uploading.id.encode();
        let (state, upstream_id) = id.trim_start_matches("u1.").split_once('.').unwrap();
        let mut raw = URL_SAFE_NO_PAD.decode(state).unwrap();
        let index = at.index(raw.len());
        raw[index] ^= 1_u8 << bit;
        let flipped = format!("u1.{}.{upstream_id}", URL_SAFE_NO_PAD.encode(raw));
        let found = UploadId::parse(&flipped).and_then(|id| id.verify(&kek(), &context()));
        prop_assert!(found.is_err());
    }
}
