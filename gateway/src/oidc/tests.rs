//! What a token must say, with a clock that stands still. The suite has tokens of a real provider, and forged ones.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{DecodingKey, EncodingKey, Header};
use serde_json::json;

use super::*;
use crate::config::Config;

/// A key pair on P-256: PKCS #8, and the public point.
fn pair() -> (EncodingKey, DecodingKey) {
    let pair = rcgen::KeyPair::generate().unwrap();
    let private = EncodingKey::from_ec_der(&pair.serialize_der());
    (private, DecodingKey::from_ec_der(pair.public_key_raw()))
}

fn now() -> SystemTime {
    // 1,800,000,000 s.
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

fn providers() -> Providers {
    let text = r#"
        [listen]
        s3 = "127.0.0.1:9000"
        [upstream.embedded]
        path = "bucket"
        [kms.dangerous_local_file]
        path = "root-keys"
        [audit]
        journal = "audit"
        [[tenants]]
        id = "clinic"
        [[tenants.identity_providers]]
        name = "sso"
        issuer = "https://login.example.org"
        audiences = ["sealgate"]
        kind = "human"
        claims = ["clinicId", "level", "list"]
        [[tenants.identity_providers.roles]]
        role = "reader"
        claim = "groups"
        values = ["readers", "everybody"]
    "#;
    let config = Config::parse(text, Path::new("/")).unwrap();
    Providers::declared(&config.tenants, &Clock::from_fn(now)).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "https://login.example.org", "aud": "sealgate", "sub": "alice",
        "exp": 1_800_000_600, "iat": 1_800_000_000, "auth_time": 1_799_999_000.5,
        "amr": ["pwd", "otp"], "groups": ["readers"],
        "clinicId": "c1", "level": 3, "list": ["not", "told"],
    })
}

/// What becomes of a token whose signature is right, with `changes` of its claims; `null` takes one away.
fn identity(changes: Value) -> Result<WebIdentity, TokenError> {
    let (private, public) = pair();
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    let header = Header::new(jsonwebtoken::Algorithm::ES256);
    let token = jsonwebtoken::encode(&header, &claims, &private).unwrap();
    let token = Unverified::parse(&token)?;
    let providers = providers();
    let provider = chosen(&providers.by_tenant["clinic"], &token)?;
    token.verify(&public)?.identity(provider, now())
}

#[test]
fn a_good_token_says_who_signed_in_how_and_when() {
    let alice = identity(json!({})).unwrap();
    assert_eq!(alice.principal().unwrap(), "sso/alice");
    assert!(alice.has_role("reader") && !alice.has_role("writer"));
    let told: Vec<_> = alice.attributes().into_iter().collect();
    let told: Vec<_> = told
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    assert_eq!(told, [("clinicId", "c1"), ("level", "3")]);
    let shown = SystemTime::UNIX_EPOCH + Duration::from_millis(1_799_999_000_500);
    assert_eq!(alice.second_factor, Some(shown));
    assert_eq!(alice.check_second_factor(now()), Ok(()));
    let later = now() + Duration::from_hours(12);
    assert!(matches!(
        alice.check_second_factor(later),
        Err(TokenError::Claims(_))
    ));
}

#[test]
fn a_second_factor_without_its_time_is_none() {
    for changes in [
        json!({"amr": ["pwd"]}),
        json!({"amr": null}),
        json!({"auth_time": null}),
        // From the future.
        json!({"auth_time": 1_800_000_061}),
        // No acr is declared to be one.
        json!({"amr": null, "acr": "urn:mfa"}),
    ] {
        let alice = identity(changes.clone()).unwrap();
        assert_eq!(alice.second_factor, None, "{changes}");
        assert!(alice.check_second_factor(now()).is_err(), "{changes}");
    }
}

#[test]
fn times_are_good_within_a_minute_of_skew_to_the_second() {
    for (changes, good) in [
        (json!({"exp": 1_799_999_941}), true),
        (json!({"exp": 1_799_999_940}), false),
        (json!({"nbf": 1_800_000_060}), true),
        (json!({"nbf": 1_800_000_061}), false),
        (json!({"iat": 1_800_000_061}), false),
        (json!({"iat": null}), true),
        (json!({"exp": null}), false),
        (json!({"exp": "1800000600"}), false),
        (json!({"exp": -1}), false),
        (json!({"exp": 1e300}), false),
        (json!({"nbf": true}), false),
    ] {
        assert_eq!(identity(changes.clone()).is_ok(), good, "{changes}");
    }
    assert_eq!(
        identity(json!({"exp": 1_799_999_000})).unwrap_err(),
        TokenError::Expired
    );
}

#[test]
fn it_must_be_meant_for_us_and_issued_to_us() {
    for (changes, good) in [
        (json!({"aud": ["sealgate"]}), true),
        (
            json!({"aud": ["another", "sealgate"], "azp": "sealgate"}),
            true,
        ),
        (json!({"aud": ["another", "sealgate"]}), false),
        (json!({"aud": ["sealgate", 1]}), false),
        (json!({"aud": []}), false),
        (json!({"aud": "another"}), false),
        (json!({"aud": null}), false),
        (json!({"azp": "sealgate"}), true),
        (json!({"azp": "another"}), false),
        (json!({"azp": 1}), false),
        (json!({"iss": "https://login.example.org/"}), false),
        (json!({"sub": ""}), false),
        (json!({"jti": 1}), false),
    ] {
        assert_eq!(identity(changes.clone()).is_ok(), good, "{changes}");
    }
}

#[test]
fn names_of_principals_are_names() {
    for (sub, good) in [("a|b@c", true), ("x\ny", false)] {
        let found = identity(json!({"sub": sub})).unwrap();
        assert_eq!(found.principal().is_ok(), good, "{sub:?}");
    }
    let long = identity(json!({"sub": "x".repeat(256)})).unwrap();
    assert!(long.principal().is_err());
}

#[test]
fn only_signatures_of_public_keys_are_looked_at() {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    for (header, good) in [
        (json!({"alg": "ES256"}), true),
        (json!({"alg": "RS256", "typ": "jwt"}), true),
        (json!({"alg": "HS256"}), false),
        (json!({"alg": "none"}), false),
        (json!({"alg": "es256"}), false),
        (json!({}), false),
        (json!({"alg": "ES256", "crit": []}), false),
        (json!({"alg": "ES256", "typ": "at+jwt"}), false),
    ] {
        let token = format!("{}.{}.", part(header.clone()), part(claims()));
        assert_eq!(Unverified::parse(&token).is_ok(), good, "{header}");
    }
    let (private, _) = pair();
    let (_, stranger) = pair();
    let header = Header::new(jsonwebtoken::Algorithm::ES256);
    let token = jsonwebtoken::encode(&header, &claims(), &private).unwrap();
    assert!(
        Unverified::parse(&token)
            .unwrap()
            .verify(&stranger)
            .is_err()
    );
}
