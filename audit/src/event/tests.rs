//! The line an event becomes.

use serde_json::{Value, json};

use super::*;
use crate::{AuditKey, Field, Named};

fn event() -> Event {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_nanos(1_763_750_000_123_456_789);
    Event::new(
        Kind::Intent,
        wall,
        "R1".into(),
        "s3:GetObject",
        Class::Read,
        Decision::Allow,
    )
}

fn key() -> AuditKey {
    AuditKey::new("a1", &[7; 32])
}

fn line(event: &Event) -> Value {
    serde_json::from_str(&format!("{{{}", event.members("log", &key()).unwrap())).unwrap()
}

#[test]
fn another_event_says_the_same_under_an_id_of_its_own() {
    let mut first = event();
    first.key = Some("k".into());
    let later = first.wall + Duration::from_secs(2);
    let second = first.another(Kind::Outcome, later);
    assert_ne!(second.id, first.id);
    assert_eq!(
        second.id.get_timestamp().unwrap().to_unix().0,
        1_763_750_002
    );
    assert_eq!((second.kind, second.wall), (Kind::Outcome, later));
    let told = |event: &Event| (event.req.clone(), event.op.clone(), event.key.clone());
    assert_eq!(told(&second), told(&first));
}

#[test]
fn a_full_event_has_every_field_of_the_design() {
    let mut event = event();
    event.kind = Kind::Outcome;
    event.intent_ref = Some(Uuid::from_u128(7));
    event.policies = vec!["p1".into(), "p2".into()];
    event.tenant = Some("acme".into());
    event.principal = Some("user/ann".into());
    event.credential = Some("AKIA1".into());
    event.bucket = Some("scans".into());
    event.key = Some("Ä \"1\"\n".into());
    event.object_id = Some("00ff".into());
    event.version = Some("v1".into());
    event.asked_version = Some("asked".into());
    event.bytes_in = Some(1);
    event.bytes_out = Some(2);
    event.range = Some("0-99".into());
    event.status = Some(206);
    event.err = Some("AccessDenied".into());
    event.src = Some([192, 0, 2, 1].into());
    event.ua = Some("aws-cli/2".into());
    event.sealed_under = Some(("0a0b".into(), "aes-256-gcm"));
    event.purpose = Some("TREAT");
    event.duration = Some(Duration::from_micros(12_999));
    let id = event.id.to_string();
    event.source = Some("other/key".into());
    event.digest = Some("sha256:00".into());
    event.receipt = Some("cmVjZWlwdA==".into());
    event.detail.insert("parts".into(), json!(3));
    let mut line = line(&event);
    // Sealed: what names a person or an object. Each opens with the key, and only in its place.
    let sealed = line["sealed"].take();
    let open = |field: Field| {
        let text = sealed[field.name()].as_str().unwrap();
        key().open("log", event.id, field, text).unwrap()
    };
    for (field, expected) in [
        (Field::ObjectKey, "Ä \"1\"\n"),
        (Field::Source, "other/key"),
        (Field::Actor, "user/ann"),
        (Field::Address, "192.0.2.1"),
        (Field::UserAgent, "aws-cli/2"),
        (Field::Digest, "sha256:00"),
        (Field::AskedVersion, "asked"),
    ] {
        assert_eq!(open(field), expected);
    }
    let object = key().token(Named::Object, &[b"scans", "Ä \"1\"\n".as_bytes()]);
    let actor = key().token(Named::Actor, &[b"user/ann"]);
    let address = key().token(Named::Address, &[b"192.0.2.1"]);
    let network = key().token(Named::Network, &[b"192.0.2.0/24"]);
    let device = key().token(Named::Device, &[b"aws-cli"]);
    // date -u -d @1763750000
    let expected = json!({
        "id": id, "kind": "outcome", "wall": "2025-11-21T18:33:20.123Z", "req": "R1",
        "intent_ref": "00000000-0000-0000-0000-000000000007", "tenant": "acme", "actor": {"tok": actor},
        "cred": "AKIA1", "op": "s3:GetObject", "class": "read", "purpose": "TREAT", "bucket": "scans",
        "obj": {"tok": object, "oid": "00ff"}, "ver": "v1",
        "key": {"kek": "0a0b", "suite": "aes-256-gcm"},
        "src": {"tok": address, "net_tok": network, "dev_tok": device},
        "bytes_in": 1, "bytes_out": 2, "range": "0-99",
        "decision": "allow", "policies": ["p1", "p2"], "status": 206, "err": "AccessDenied",
        "dur_ms": 12, "receipt": "cmVjZWlwdA==", "detail": {"parts": 3}, "akey": "a1", "sealed": null,
    });
    assert_eq!(line, expected);
    let text = event.members("log", &key()).unwrap();
    assert!(!text.contains('\n'), "one line");
    for secret in ["ann", "192.0.2", "aws-cli", "other", "sha256", "asked"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[test]
fn what_is_not_known_is_left_out() {
    let event = event();
    let line = line(&event);
    let mut names: Vec<_> = line
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "class", "decision", "id", "kind", "op", "policies", "req", "wall"
        ]
    );
}

#[test]
fn an_id_is_of_version_7_and_of_the_events_time() {
    let event = event();
    assert_eq!(event.id.get_version_num(), 7);
    // RFC 9562: the first 48 bits are milliseconds since the epoch.
    assert_eq!(event.id.as_u128() >> 80, 1_763_750_000_123);
    assert_ne!(self::event().id, event.id);
}

#[test]
fn the_longest_event_fits_its_line_and_says_what_was_cut() {
    let hostile = "\u{1}".repeat(100_000);
    let mut event = event();
    event.req.clone_from(&hostile);
    event.op = hostile.clone().into();
    event.intent_ref = Some(Uuid::max());
    event.policies = vec!["p".repeat(10); 10_000];
    for field in [
        &mut event.tenant,
        &mut event.principal,
        &mut event.credential,
        &mut event.bucket,
        &mut event.key,
        &mut event.object_id,
        &mut event.version,
        &mut event.range,
        &mut event.ua,
        &mut event.source,
        &mut event.asked_version,
        &mut event.digest,
        &mut event.reason,
        &mut event.receipt,
    ] {
        *field = Some(hostile.clone());
    }
    event.detail.insert("more".into(), json!(hostile));
    event.err = Some(hostile.into());
    event.bytes_in = Some(u64::MAX);
    event.bytes_out = Some(u64::MAX);
    event.status = Some(u16::MAX);
    event.src = Some("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap());
    event.duration = Some(Duration::MAX);

    // What the journal adds is at most about 900 bytes: its own test has the whole line.
    assert!(event.members("log", &key()).unwrap().len() <= LINE_LIMIT - 1024);
    let line = line(&event);
    let expected = json!([
        "obj.key",
        "obj.source",
        "actor.name",
        "ua",
        "digest.pt",
        "reason",
        "obj.ver",
        "bucket",
        "req",
        "tenant",
        "cred",
        "op",
        "obj.oid",
        "ver",
        "range",
        "policies",
        "err",
        "receipt",
        "detail"
    ]);
    assert_eq!(line["trunc"], expected);
    let text = line["sealed"]["obj.key"].as_str().unwrap();
    let opened = key().open("log", event.id, Field::ObjectKey, text).unwrap();
    assert_eq!(opened.len(), 1024);
}

#[test]
fn no_key_that_s3_allows_is_cut() {
    let mut event = event();
    event.key = Some("\u{1}".repeat(1024));
    let line = line(&event);
    let text = line["sealed"]["obj.key"].as_str().unwrap();
    let opened = key().open("log", event.id, Field::ObjectKey, text);
    assert_eq!(opened, event.key);
    assert_eq!(line.get("trunc"), None);
}

#[test]
fn debug_shows_no_names() {
    let mut event = event();
    event.key = Some("canary".into());
    event.principal = Some("canary".into());
    event.ua = Some("canary".into());
    let shown = format!("{event:?}");
    assert!(
        shown.contains("s3:GetObject") && !shown.contains("canary"),
        "{shown}"
    );
}
