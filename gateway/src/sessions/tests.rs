//! Tokens and their credentials.

use std::collections::HashSet;

use super::token::access_key_id;
use super::*;
use zeroize::Zeroizing;

fn keys(byte: u8) -> SessionKeys {
    SessionKeys::new(Zeroizing::new([byte; 32]), Zeroizing::new([byte; 32]))
}

pub(in crate::sessions) fn session() -> Session {
    Session {
        id: Uuid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef),
        tenant: "clinic".to_owned(),
        principal: "sso/alice".to_owned(),
        is_human: true,
        roles: vec!["clinician".to_owned()],
        groups: vec!["ward-3".to_owned()],
        attributes: BTreeMap::from([("clinicId".to_owned(), "c1".to_owned())]),
        name: "laptop".to_owned(),
        made_with: Vec::new(),
        issued: Seconds(1_800_000_000),
        expires: Seconds(1_800_003_600),
        idle: Some(900),
        signed_in: Some(Seconds(1_799_999_900)),
        methods: vec!["pwd".to_owned(), "otp".to_owned()],
        second_factor: Some(Seconds(1_799_999_900)),
        policies: Vec::new(),
    }
}

#[test]
fn a_token_says_what_was_issued_to_any_replica_of_the_deployment_and_to_no_other() {
    let issued = keys(1).issue(&session()).unwrap();
    let (read, secret) = keys(1).open(&issued.session_token).unwrap();
    assert_eq!(read, session());
    assert!(secret.expose() == issued.secret_access_key.expose());
    assert_eq!(
        keys(2).open(&issued.session_token).err(),
        Some(TokenRefused)
    );
    assert_eq!(keys(1).open("").err(), Some(TokenRefused));
    assert_eq!(keys(1).open(&"A".repeat(9000)).err(), Some(TokenRefused));
}

#[test]
fn a_token_shows_nothing_and_no_character_of_it_can_be_changed() {
    let token = keys(1).issue(&session()).unwrap().session_token;
    assert!(!token.contains("alice"));
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(keys(1).open(&changed).is_err(), "character {at}");
    }
}

#[test]
fn secrets_and_access_keys_have_the_shape_that_clients_know_and_follow_from_the_id() {
    let mut other = session();
    other.id = Uuid::from_u128(7);
    let (one, two) = (
        keys(1).issue(&session()).unwrap(),
        keys(1).issue(&other).unwrap(),
    );
    for issued in [&one, &two] {
        assert_eq!(issued.secret_access_key.expose().len(), 40);
        assert!(is_session_id(&issued.access_key_id));
    }
    assert!(one.secret_access_key.expose() != two.secret_access_key.expose());
    // printf 0123456789ab4def8123 | xxd -r -p | base32
    assert_eq!(access_key_id(session().id), "ASIAAERUKZ4JVNG67AJD");
}

/// A restriction of a later build, say.
#[test]
fn a_token_that_says_more_than_is_understood_is_refused() {
    let mut text = Vec::new();
    let mut plain = ciborium::Value::serialized(&session()).unwrap();
    let members = plain.as_map_mut().unwrap();
    members.push(("at_night".into(), true.into()));
    ciborium::into_writer(&plain, &mut text).unwrap();
    assert!(ciborium::from_reader::<Session, _>(text.as_slice()).is_err());
}

#[test]
fn access_keys_of_different_sessions_differ() {
    let ids: HashSet<_> = (0..1000).map(|_| access_key_id(Uuid::new_v4())).collect();
    assert_eq!(ids.len(), 1000);
}

#[test]
fn the_largest_session_fits_a_header() {
    let mut largest = session();
    largest.policies = vec!["x".repeat(2048)];
    largest.attributes = (0..16)
        .map(|n| (format!("claim-{n}"), "v".repeat(64)))
        .collect();
    let issued = keys(1).issue(&largest).unwrap();
    assert!(issued.session_token.len() <= token::LONGEST);
}
