//! The envelope: what it is bound to, what a reader refuses, and how it moves.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;
use sealed_object::{
    Context, Envelope, Error, Header, Kek, KeyId, Kind, Metadata, OwnKey, Plain, Suite, UploadId,
    create_upload, seal_single,
};

use crate::world::{self, CREATED, SUITE, Uploading, context, kek, plaintext, read, size};

fn metadata() -> Metadata {
    Metadata {
        user: vec![("owner".to_owned(), b"ward 7".to_vec())],
        content_type: Some(b"text/plain".to_vec()),
        ..Metadata::default()
    }
}

fn sealed() -> world::Stored {
    world::seal("envelope", b"some text", &metadata(), world::facts(), &[])
}

fn reparsed(envelope: &Envelope) -> Envelope {
    Envelope::parse(
        &envelope.sof_h(),
        envelope.sof_m().as_deref(),
        envelope.sof_k().as_deref(),
    )
    .unwrap()
}

#[test]
fn f6_suites_that_are_not_built_in_are_refused() {
    let header = URL_SAFE_NO_PAD.decode(sealed().envelope.sof_h()).unwrap();
    for suite in [0, 3, 4, 0xFF] {
        let mut header = header.clone();
        header[4] = suite;
        assert_eq!(
            Header::parse(&URL_SAFE_NO_PAD.encode(header)).err(),
            Some(Error::Suite),
            "{suite}"
        );
    }
}

/// Both suites have the same layout, so only the MAC stands against taking one for the other.
#[test]
fn f6_f9_an_object_of_one_suite_is_not_opened_as_one_of_another() {
    let envelope = sealed().envelope;
    let mut header = URL_SAFE_NO_PAD.decode(envelope.sof_h()).unwrap();
    header[4] ^= 3;
    let header = URL_SAFE_NO_PAD.encode(header);
    let found = Envelope::parse(&header, envelope.sof_m().as_deref(), None).unwrap();
    assert_ne!(found.header().suite(), SUITE);
    assert_eq!(found.open(&kek(), &context()).err(), Some(Error::Context));
}

#[test]
fn f6_f11_a_suite_below_the_places_minimum_is_refused_before_any_key_is_used() {
    let refused = match SUITE {
        Suite::GcmSivBlake3 => Some(Error::Suite),
        Suite::GcmHmacSha512 => None,
    };
    let strict = context().with_minimum(Suite::GcmHmacSha512);
    let lax = context().with_minimum(Suite::GcmSivBlake3);
    assert_eq!(strict.admit(SUITE).err(), refused);
    assert_eq!(lax.admit(SUITE).err(), None);

    let stored = sealed();
    let other = Kek::new(KeyId(*b"kek-0002"), [0; 32]);
    let sooner = refused.or(Some(Error::KeyUnknown));
    assert_eq!(stored.envelope.open(&kek(), &strict).err(), refused);
    assert_eq!(stored.envelope.open(&other, &strict).err(), sooner);
    assert!(stored.envelope.open(&kek(), &lax).is_ok());
    let random = world::random("minimum");
    let moved = stored
        .opened()
        .rebind(&kek(), &strict, None, random.as_ref());
    assert_eq!(moved.err(), refused);

    let uploading = Uploading::start("minimum", &metadata());
    assert_eq!(uploading.id.verify(&kek(), &strict).err(), refused);
    assert_eq!(uploading.id.verify(&other, &strict).err(), sooner);
    let (keys, metadata) = ((kek(), world::aux()), Metadata::default());
    let single = seal_single(
        SUITE,
        &keys.0,
        &keys.1,
        &strict,
        Plain(1),
        &metadata,
        CREATED,
        &random,
    );
    assert_eq!(single.err(), refused);
    let parts = create_upload(SUITE, &keys.0, &strict, &metadata, CREATED, random.as_ref());
    assert_eq!(parts.err(), refused);
}

#[test]
fn f7_every_field_of_the_place_is_bound() {
    let bucket = std::array::from_fn(|i| u8::try_from(i + 16).unwrap());
    let key = "reports/räksmörgås 2026.pdf".as_bytes();
    let envelope = sealed().envelope;
    assert!(
        envelope
            .open(&kek(), &Context::new("acme", &bucket, key))
            .is_ok()
    );
    let elsewhere = [
        Context::new("acm", &bucket, key),
        Context::new("acme", &[0; 16], key),
        Context::new("acme", &bucket, b"reports/other.pdf"),
        Context::new("acme", &bucket, b""),
    ];
    for place in elsewhere {
        assert_eq!(envelope.open(&kek(), &place).err(), Some(Error::Context));
    }
}

#[test]
fn f9_a_header_says_without_keys_what_it_may() {
    let single = sealed().envelope;
    let header = Header::parse(&single.sof_h()).unwrap();
    assert_eq!(single.sof_h().len(), 256);
    assert_eq!(header.encode(), single.sof_h());
    assert_eq!(header.suite(), SUITE);
    assert_eq!(header.kind(), Kind::Single(Plain(9)));
    assert_eq!(header.kek_id(), KeyId(*b"kek-0001"));
    assert_eq!(header.created_ms(), CREATED);
    assert!(header.has_metadata() && !header.is_rebound());
    let multipart = Uploading::start("envelope", &Metadata::default()).envelope;
    assert_eq!(multipart.header().plain(), None);
    assert!(!multipart.header().has_metadata());
    assert_eq!(multipart.sof_m(), None);
    assert_ne!(
        multipart.header().object_id(),
        Uploading::start("other", &metadata())
            .envelope
            .header()
            .object_id()
    );
}

#[test]
fn f10_a_length_that_contradicts_the_kind_is_refused() {
    let single = URL_SAFE_NO_PAD.decode(sealed().envelope.sof_h()).unwrap();
    let mut multipart = single.clone();
    multipart[6] = 2;
    let mut unknown = single.clone();
    unknown[140..148].fill(0xFF);
    let mut name_encrypted = single;
    name_encrypted[7] |= 2;
    for header in [multipart, unknown, name_encrypted] {
        assert_eq!(
            Header::parse(&URL_SAFE_NO_PAD.encode(header)).err(),
            Some(Error::NotSealed)
        );
    }
    for text in [
        "",
        "U09GMQ",
        "not base64!",
        &"A".repeat(256),
        &format!("{}=", sealed().envelope.sof_h()),
    ] {
        assert_eq!(Header::parse(text).err(), Some(Error::NotSealed), "{text}");
    }
}

#[test]
fn f11_the_suite_then_the_key_then_the_mac_is_checked() {
    let envelope = sealed().envelope;
    let other_id = Kek::new(
        KeyId(*b"kek-0002"),
        std::array::from_fn(|i| u8::try_from(i).unwrap()),
    );
    let other_key = Kek::new(KeyId(*b"kek-0001"), [7; 32]);
    let other_place = Context::new("evil", &[0; 16], b"");
    assert_eq!(
        envelope.open(&other_id, &other_place).err(),
        Some(Error::KeyUnknown)
    );
    assert_eq!(
        envelope.open(&other_key, &context()).err(),
        Some(Error::Context)
    );
    let mut header = URL_SAFE_NO_PAD.decode(envelope.sof_h()).unwrap();
    header[4] = 3;
    header[8] = 0;
    let found = Envelope::parse(
        &URL_SAFE_NO_PAD.encode(header),
        envelope.sof_m().as_deref(),
        None,
    );
    assert_eq!(found.err(), Some(Error::Suite));
}

#[test]
fn f12_a_rewrap_keeps_the_place_and_the_body() {
    let stored = sealed();
    let next = Kek::new(KeyId(*b"kek-0002"), [9; 32]);
    let rebound = stored
        .opened()
        .rebind(&next, &context(), None, world::random("rewrap").as_ref())
        .unwrap();
    let rebound = reparsed(&rebound);
    assert!(!rebound.header().is_rebound());
    assert_eq!(rebound.header().kek_id(), next.id());
    assert_eq!(rebound.header().created_ms(), CREATED);
    assert_ne!(
        rebound.sof_m(),
        stored.envelope.sof_m(),
        "sealed again under a fresh nonce"
    );
    assert_eq!(
        rebound.open(&kek(), &context()).err(),
        Some(Error::KeyUnknown)
    );
    let opened = rebound.open(&next, &context()).unwrap();
    assert_eq!(opened.metadata(), &metadata());
    let (text, outcome) = read(&opened, &stored.body, size(&stored.body), &[]);
    assert_eq!(text, b"some text");
    assert!(outcome.is_ok());
}

#[test]
fn f12_a_copy_moves_to_its_place_and_stays_marked() {
    let stored = sealed();
    let place = Context::new("acme", &[1; 16], b"copy");
    let replaced = Metadata {
        cache_control: Some(b"no-store".to_vec()),
        ..Metadata::default()
    };
    let random = world::random("copy");
    let copy = reparsed(
        &stored
            .opened()
            .rebind(&kek(), &place, Some(&replaced), random.as_ref())
            .unwrap(),
    );
    assert!(copy.header().is_rebound());
    assert_eq!(
        copy.header().object_id(),
        stored.envelope.header().object_id()
    );
    assert_eq!(
        copy.open(&kek(), &context()).err(),
        Some(Error::Context),
        "no longer opens where it was"
    );
    let opened = copy.open(&kek(), &place).unwrap();
    assert_eq!(opened.metadata(), &replaced);
    let (text, outcome) = read(&opened, &stored.body, size(&stored.body), &[]);
    assert_eq!(text, b"some text");
    assert!(outcome.is_ok());
    let again = opened
        .rebind(&kek(), &place, None, random.as_ref())
        .unwrap();
    assert!(
        again.header().is_rebound(),
        "a rewrap does not clear the mark"
    );
    let emptied = opened
        .rebind(&kek(), &place, Some(&Metadata::default()), random.as_ref())
        .unwrap();
    assert_eq!(emptied.sof_m(), None);
    assert!(emptied.open(&kek(), &place).unwrap().metadata().is_empty());
}

#[test]
fn f13_metadata_cannot_be_dropped_added_or_exchanged() {
    let with = sealed().envelope;
    let without = world::seal_plainly("bare", b"some text").envelope;
    assert_eq!(
        Envelope::parse(&with.sof_h(), None, None).err(),
        Some(Error::Context)
    );
    assert_eq!(
        Envelope::parse(&without.sof_h(), with.sof_m().as_deref(), None).err(),
        Some(Error::Context)
    );
    let other = world::seal("other", b"some text", &metadata(), world::facts(), &[]).envelope;
    let mixed = Envelope::parse(&with.sof_h(), other.sof_m().as_deref(), None).unwrap();
    assert_eq!(mixed.open(&kek(), &context()).err(), Some(Error::Context));
}

#[test]
fn f13_metadata_above_the_limit_is_refused() {
    let large = Metadata {
        content_type: Some(vec![b'x'; 20_000]),
        ..Metadata::default()
    };
    let stored = sealed();
    let found = stored.opened().rebind(
        &kek(),
        &context(),
        Some(&large),
        world::random("large").as_ref(),
    );
    assert_eq!(found.err(), Some(Error::MetadataTooLarge));
    let most = Metadata {
        content_type: Some(vec![b'x'; 12_000]),
        ..Metadata::default()
    };
    let found = stored
        .opened()
        .rebind(
            &kek(),
            &context(),
            Some(&most),
            world::random("large").as_ref(),
        )
        .unwrap();
    assert_eq!(
        reparsed(&found)
            .open(&kek(), &context())
            .unwrap()
            .metadata(),
        &most
    );
}

fn own(wrapped: &[u8]) -> Kek {
    kek().with_own(OwnKey::new([7; 32], wrapped.to_vec()))
}

#[test]
fn f31_an_object_with_a_key_of_its_own_opens_with_both_keys_only() {
    let random = world::random("own");
    let bound = sealed().opened();
    let envelope = bound.rebind(&own(b"wrapped"), &context(), None, random.as_ref());
    let envelope = reparsed(&envelope.unwrap());
    assert_eq!(envelope.own_key(), Some(b"wrapped".as_slice()));
    assert_eq!(envelope.authenticate(&kek(), &context()), Ok(()));
    let opened = envelope.open(&own(b"wrapped"), &context()).unwrap();
    assert_eq!(opened.metadata(), &metadata());
    assert_eq!(
        envelope.open(&kek(), &context()).err(),
        Some(Error::KeyUnknown)
    );
    let another = kek().with_own(OwnKey::new([8; 32], b"wrapped".to_vec()));
    assert_eq!(
        envelope.open(&another, &context()).err(),
        Some(Error::Context)
    );
    let stranger = Kek::new(KeyId(*b"kek-0001"), [9; 32]);
    let stranger = stranger.with_own(OwnKey::new([7; 32], b"wrapped".to_vec()));
    assert_eq!(
        envelope.open(&stranger, &context()).err(),
        Some(Error::Context)
    );

    // It is left off again as it was taken on.
    let plain = opened
        .rebind(&kek(), &context(), None, random.as_ref())
        .unwrap();
    assert_eq!(plain.sof_k(), None);
    assert!(reparsed(&plain).open(&kek(), &context()).is_ok());
}

#[test]
fn f31_what_stands_beside_it_cannot_be_exchanged_dropped_or_added() {
    let random = world::random("own");
    let bound = sealed().opened();
    let with = bound.rebind(&own(b"wrapped"), &context(), None, random.as_ref());
    let with = with.unwrap();
    let (sof_h, sof_m) = (with.sof_h(), with.sof_m());
    let made_up = URL_SAFE_NO_PAD.encode(b"another");
    let found = Envelope::parse(&sof_h, sof_m.as_deref(), Some(&made_up)).unwrap();
    assert_eq!(found.authenticate(&kek(), &context()), Err(Error::Context));
    assert_eq!(
        found.open(&own(b"another"), &context()).err(),
        Some(Error::Context)
    );
    let dropped = Envelope::parse(&sof_h, sof_m.as_deref(), None);
    assert_eq!(dropped.err(), Some(Error::Context));
    let long = "A".repeat(8_196);
    let found = Envelope::parse(&sof_h, sof_m.as_deref(), Some(&long));
    assert_eq!(found.err(), Some(Error::Context));
    let without = sealed().envelope;
    let added = Envelope::parse(&without.sof_h(), without.sof_m().as_deref(), Some(&made_up));
    assert_eq!(added.err(), Some(Error::Context));
}

#[test]
fn f31_an_upload_id_opens_with_the_kek_alone() {
    let random = world::random("own");
    let (envelope, new) = create_upload(
        SUITE,
        &own(b"wrapped"),
        &context(),
        &metadata(),
        CREATED,
        random.as_ref(),
    )
    .unwrap();
    let (id, _) = new.begin("upstream");
    let id = UploadId::parse(&id.encode()).unwrap();
    assert!(id.verify(&kek(), &context()).is_ok());
    assert_eq!(
        envelope.open(&kek(), &context()).err(),
        Some(Error::KeyUnknown)
    );
    assert!(envelope.open(&own(b"wrapped"), &context()).is_ok());
}

fn pairs() -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    prop::collection::vec(
        ("[a-z-]{0,12}", prop::collection::vec(any::<u8>(), 0..40)),
        0..6,
    )
}

fn value() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::of(prop::collection::vec(any::<u8>(), 0..300))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn f13_any_metadata_comes_back_sorted(
        user in pairs(), extra in pairs(), content_type in value(), expires in value(), cache_control in value(),
    ) {
        let mut given = Metadata { user, extra, content_type, expires, cache_control, ..Metadata::default() };
        let stored = world::seal("metadata", b"", &given, world::facts(), &[]);
        let opened = reparsed(&stored.envelope).open(&kek(), &context()).unwrap();
        given.user.sort_by(|left, right| left.0.cmp(&right.0));
        given.extra.sort_by(|left, right| left.0.cmp(&right.0));
        prop_assert!(opened.metadata() == &given);
    }

    #[test]
    fn f9_f13_any_flipped_bit_of_the_envelope_is_refused(at in any::<prop::sample::Index>(), bit in 0_u32..8) {
        let envelope = sealed().envelope;
        let mut header = URL_SAFE_NO_PAD.decode(envelope.sof_h()).unwrap();
        let mut sealed = URL_SAFE_NO_PAD.decode(envelope.sof_m().unwrap()).unwrap();
        let at = at.index(header.len() + sealed.len());
        match at.checked_sub(header.len()) {
            None => header[at] ^= 1_u8 << bit,
            Some(at) => sealed[at] ^= 1_u8 << bit,
        }
        let found = Envelope::parse(&URL_SAFE_NO_PAD.encode(header), Some(&URL_SAFE_NO_PAD.encode(sealed)), None)
            .and_then(|envelope| envelope.open(&kek(), &context()));
        prop_assert!(found.is_err());
    }
}

#[test]
fn secrets_and_contents_do_not_show_in_debug() {
    let stored = sealed();
    let uploading = Uploading::start("debug", &metadata());
    let part = uploading.part(1, &plaintext(0, 100), None, &[]);
    let shown = format!(
        "{:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?}",
        kek(),
        world::aux(),
        context(),
        stored.opened(),
        metadata(),
        uploading.upload,
        uploading.id,
        part.token,
    );
    // The KEK is 00 01 02 …, in hexadecimal or as a list; the metadata says whose it is.
    for secret in [
        "0001020304",
        "0, 1, 2, 3",
        "8081828384",
        "128, 129",
        "ward",
        "reports",
        "some text",
    ] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
