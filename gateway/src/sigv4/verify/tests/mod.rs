//! The rules of verification one by one, on requests signed by the AWS SDK's signer.

use std::time::Duration;

mod payload;

use super::*;
use crate::sigv4::oracle::{self, ACCESS_KEY_ID, secrets, signed_at};

fn verify(parts: &Parts) -> Result<Verification, SignatureError> {
    verify_at(parts, signed_at())
}

fn verify_at(parts: &Parts, now: SystemTime) -> Result<Verification, SignatureError> {
    Verifier::new(vec!["eu-central-1".to_owned()]).verify(parts, now, &secrets)
}

fn verified(parts: &Parts) -> Verified {
    match verify(parts) {
        Ok(Verification::Signed(verified)) => verified,
        other => panic!("{other:?}"),
    }
}

fn refused(parts: &Parts) -> SignatureError {
    verify(parts).unwrap_err()
}

fn get() -> Parts {
    oracle::request(
        "GET",
        "http://gateway.test:9000/bucket/key",
        &[("x-amz-meta-a", "b")],
    )
}

fn in_header() -> Parts {
    oracle::sign_header(get(), "us-east-1")
}

fn presigned(seconds: u64) -> Parts {
    oracle::presign(get(), "us-east-1", Duration::from_secs(seconds))
}

fn set(parts: &mut Parts, name: &'static str, value: &str) {
    parts.headers.insert(name, value.parse().unwrap());
}

fn edit_authorization(parts: &mut Parts, edit: impl Fn(&str) -> String) {
    let value = edit(parts.headers["authorization"].to_str().unwrap());
    set(parts, "authorization", &value);
}

fn edit_uri(parts: &mut Parts, from: &str, to: &str) {
    let uri = parts.uri.to_string();
    assert!(uri.contains(from), "{uri}");
    parts.uri = uri.replacen(from, to, 1).parse().unwrap();
}

#[test]
fn both_forms_verify() {
    let header = verified(&in_header());
    assert_eq!(
        (header.form, header.access_key_id.as_str()),
        (Form::Header, ACCESS_KEY_ID)
    );
    assert_eq!(header.expires, signed_at() + Duration::from_mins(15));
    let query = verified(&presigned(60));
    assert_eq!((query.form, query.session_token), (Form::Presigned, None));
    assert_eq!(query.expires, signed_at() + Duration::from_mins(1));
}

#[test]
fn a_session_token_is_passed_on() {
    let header = oracle::sign_with_token(get(), "a token");
    assert_eq!(verified(&header).session_token.as_deref(), Some("a token"));
    let mut header = header;
    set(&mut header, "x-amz-security-token", "another");
    assert!(matches!(
        refused(&header),
        SignatureError::SignatureDoesNotMatch { .. }
    ));
}

#[test]
fn nobody_is_anonymous() {
    assert!(matches!(
        verify(&get()),
        Ok(Verification::Anonymous {
            payload: Payload::Unsigned
        })
    ));
    let mut chunked = get();
    set(
        &mut chunked,
        "x-amz-content-sha256",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    );
    assert!(matches!(
        verify(&chunked),
        Ok(Verification::Anonymous {
            payload: Payload::UnsignedTrailer
        })
    ));
    set(
        &mut chunked,
        "x-amz-content-sha256",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
    );
    assert!(matches!(
        refused(&chunked),
        SignatureError::InvalidRequest { .. }
    ));
}

#[test]
fn other_mechanisms_are_named() {
    let with = |value: &str| {
        let mut parts = get();
        set(&mut parts, "authorization", value);
        refused(&parts)
    };
    let mut version2 = get();
    set(
        &mut version2,
        "authorization",
        "AWS AKIAIOSFODNN7EXAMPLE:c2ln",
    );
    assert!(matches!(verify(&version2), Ok(Verification::Version2)));
    assert!(matches!(
        with("AWS4-ECDSA-P256-SHA256 Credential=a"),
        SignatureError::NotImplemented { .. }
    ));
    assert!(matches!(
        with("Bearer token"),
        SignatureError::InvalidArgument { .. }
    ));
    let asked = |query: &str| oracle::request("GET", &format!("http://h/b/k?{query}"), &[]);
    let query = |query: &str| refused(&asked(query));
    assert!(matches!(
        verify(&asked("AWSAccessKeyId=A&Signature=s&Expires=1")),
        Ok(Verification::Version2)
    ));
    assert!(matches!(
        query("X-Amz-Algorithm=AWS4-ECDSA-P256-SHA256"),
        SignatureError::NotImplemented { .. }
    ));
    let mut both = presigned(60);
    set(&mut both, "authorization", "AWS4-HMAC-SHA256 Credential=a");
    assert!(matches!(
        refused(&both),
        SignatureError::InvalidArgument { .. }
    ));
    let mut express = in_header();
    set(&mut express, "x-amz-s3session-token", "t");
    assert!(matches!(
        refused(&express),
        SignatureError::NotImplemented { .. }
    ));
}

#[test]
fn unknown_keys_and_wrong_secrets_are_told_apart_by_code() {
    let mut unknown = in_header();
    edit_authorization(&mut unknown, |value| {
        value.replace(ACCESS_KEY_ID, "AKIDNOBODY")
    });
    assert_eq!(refused(&unknown), SignatureError::InvalidAccessKeyId);
    let wrong = Verifier::new(Vec::new()).verify(&in_header(), signed_at(), &|_| {
        Some(Arc::new(SecretKey::new("wrong")))
    });
    assert!(matches!(
        wrong,
        Err(SignatureError::SignatureDoesNotMatch { .. })
    ));
}

#[test]
fn nobodys_secret_opens_nothing() {
    let parts = oracle::sign_with_secret(get(), "the secret of nobody, which opens nothing");
    let outcome = Verifier::new(Vec::new()).verify(&parts, signed_at(), &|_| None);
    assert_eq!(outcome.err(), Some(SignatureError::InvalidAccessKeyId));
}

#[test]
fn unsigned_amz_headers_are_refused_and_listed() {
    for mut parts in [in_header(), presigned(60)] {
        set(&mut parts, "x-amz-copy-source", "/other/key");
        set(&mut parts, "x-amz-acl", "public-read");
        let headers_not_signed = vec!["x-amz-acl".to_owned(), "x-amz-copy-source".to_owned()];
        assert_eq!(
            refused(&parts),
            SignatureError::AccessDenied { headers_not_signed }
        );
    }
    let mut tracing = in_header();
    set(&mut tracing, "x-amzn-trace-id", "Root=1");
    set(&mut tracing, "range", "bytes=0-1");
    verified(&tracing);
}

#[test]
fn a_header_that_repeats_the_signed_query_is_signed() {
    let request = oracle::request("GET", "http://h/b/k?x-amz-acl=private", &[]);
    let mut parts = oracle::presign(request, "us-east-1", Duration::from_mins(1));
    set(&mut parts, "x-amz-acl", "private");
    verified(&parts);
    set(&mut parts, "x-amz-acl", "public-read");
    assert!(matches!(
        refused(&parts),
        SignatureError::AccessDenied { .. }
    ));
}

#[test]
fn host_must_be_signed() {
    let mut header = in_header();
    edit_authorization(&mut header, |value| value.replace("host;", ""));
    assert!(matches!(
        refused(&header),
        SignatureError::AuthorizationHeaderMalformed { .. }
    ));
    let mut query = presigned(60);
    edit_uri(&mut query, "host%3B", "");
    assert!(matches!(
        refused(&query),
        SignatureError::AuthorizationQueryParametersError { .. }
    ));
}

#[test]
fn a_signed_header_that_is_missing_is_named() {
    let mut parts = in_header();
    parts.headers.remove("x-amz-meta-a");
    let missing_headers = vec!["x-amz-meta-a".to_owned()];
    assert_eq!(
        refused(&parts),
        SignatureError::SignatureDoesNotMatch { missing_headers }
    );
}

#[test]
fn clocks_may_differ_by_a_quarter_of_an_hour() {
    let skew = Duration::from_mins(15);
    let second = Duration::from_secs(1);
    for now in [signed_at() + skew, signed_at() - skew] {
        assert!(verify_at(&in_header(), now).is_ok());
    }
    for now in [signed_at() + skew + second, signed_at() - skew - second] {
        let expected = SignatureError::RequestTimeTooSkewed {
            request_time: signed_at(),
            server_time: now,
        };
        assert_eq!(verify_at(&in_header(), now).err(), Some(expected));
    }
    let early = verify_at(&presigned(60), signed_at() - skew - second);
    assert!(matches!(
        early,
        Err(SignatureError::RequestTimeTooSkewed { .. })
    ));
}

#[test]
fn dates_at_the_ends_of_time_are_refused_in_words() {
    for text in [
        "99991231T235959Z",
        "19700101T000000Z",
        "19691231T235959Z",
        "00000101T000000Z",
    ] {
        let mut header = in_header();
        set(&mut header, "x-amz-date", text);
        assert!(!refused(&header).to_string().is_empty());
        let mut query = presigned(604_800);
        edit_uri(&mut query, "20260203T040506Z", text);
        assert!(!refused(&query).to_string().is_empty());
    }
}

#[test]
fn a_presigned_url_ends_at_its_time() {
    let minute = Duration::from_mins(1);
    assert!(verify_at(&presigned(60), signed_at() + minute).is_ok());
    let late = verify_at(
        &presigned(60),
        signed_at() + minute + Duration::from_secs(1),
    );
    assert_eq!(
        late.err(),
        Some(SignatureError::ExpiredPresign {
            expired_at: signed_at() + minute
        })
    );
    verified(&presigned(604_800));
    for seconds in [
        "0",
        "604801",
        "-1",
        "+60",
        "",
        "1e3",
        "99999999999999999999",
    ] {
        let mut parts = presigned(60);
        edit_uri(
            &mut parts,
            "X-Amz-Expires=60",
            &format!("X-Amz-Expires={seconds}"),
        );
        assert!(
            matches!(
                refused(&parts),
                SignatureError::AuthorizationQueryParametersError { .. }
            ),
            "{seconds}"
        );
    }
}

#[test]
fn regions_are_a_list() {
    for region in ["us-east-1", "auto", "", "eu-central-1"] {
        assert_eq!(verified(&oracle::sign_header(get(), region)).region, region);
    }
    for parts in [
        oracle::sign_header(get(), "us-west-2"),
        oracle::presign(get(), "us-west-2", Duration::from_mins(1)),
    ] {
        match refused(&parts) {
            SignatureError::AuthorizationHeaderMalformed { region, .. }
            | SignatureError::AuthorizationQueryParametersError { region, .. } => {
                assert_eq!(region.as_deref(), Some("eu-central-1"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_scope_must_fit_the_request() {
    for (from, to) in [
        ("/s3/", "/sts/"),
        ("/aws4_request", "/aws4"),
        ("/20260203/", "/20260202/"),
        ("/20260203/", "/2026-02-03/"),
    ] {
        let mut parts = in_header();
        edit_authorization(&mut parts, |value| value.replace(from, to));
        assert!(
            matches!(
                refused(&parts),
                SignatureError::AuthorizationHeaderMalformed { .. }
            ),
            "{to}"
        );
        let mut parts = presigned(60);
        edit_uri(
            &mut parts,
            &from.replace('/', "%2F"),
            &to.replace('/', "%2F"),
        );
        assert!(
            matches!(
                refused(&parts),
                SignatureError::AuthorizationQueryParametersError { .. }
            ),
            "{to}"
        );
    }
}

#[test]
fn malformed_authorization_headers_are_refused() {
    let edits: [fn(&str) -> String; 5] = [
        |value| value.replace("Signature=", "Sig="),
        |value| value.replace("Credential=", "Nothing="),
        |value| format!("{value}, Signature=00"),
        |value| value.replace("SignedHeaders=host", "SignedHeaders=host;host"),
        |value| value.replace("SignedHeaders=host", "SignedHeaders=;host"),
    ];
    for edit in edits {
        let mut parts = in_header();
        edit_authorization(&mut parts, edit);
        assert!(matches!(
            refused(&parts),
            SignatureError::AuthorizationHeaderMalformed { .. }
        ));
    }
    for (name, value) in [
        ("authorization", "AWS4-HMAC-SHA256 a"),
        ("x-amz-date", "20260203T040506Z"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
    ] {
        let mut parts = in_header();
        parts.headers.append(name, value.parse().unwrap());
        assert!(
            matches!(refused(&parts), SignatureError::InvalidArgument { .. }),
            "{name}"
        );
    }
    let mut parts = in_header();
    parts.headers.remove("x-amz-content-sha256");
    assert!(matches!(
        refused(&parts),
        SignatureError::InvalidRequest { .. }
    ));
    // As Amazon S3 answers where a date is missing or cannot be read.
    for date in [None, Some("yesterday"), Some("")] {
        let mut parts = in_header();
        parts.headers.remove("x-amz-date");
        if let Some(date) = date {
            set(&mut parts, "x-amz-date", date);
        }
        assert_eq!(refused(&parts), SignatureError::DateNeeded, "{date:?}");
    }
}

#[test]
fn malformed_presigned_queries_are_refused() {
    let names = [
        "Algorithm",
        "Credential",
        "Date",
        "Expires",
        "SignedHeaders",
        "Signature",
    ];
    for name in names {
        let mut missing = presigned(60);
        edit_uri(
            &mut missing,
            &format!("X-Amz-{name}="),
            &format!("Y-Amz-{name}="),
        );
        assert!(
            matches!(
                refused(&missing),
                SignatureError::AuthorizationQueryParametersError { .. }
            ),
            "{name}"
        );
        for second in [
            format!("X-Amz-{name}=a"),
            format!("x-amz-{name}=a").to_lowercase(),
            format!("%58-Amz-{name}=a"),
        ] {
            let mut twice = presigned(60);
            edit_uri(
                &mut twice,
                "X-Amz-Algorithm",
                &format!("{second}&X-Amz-Algorithm"),
            );
            assert!(
                matches!(
                    refused(&twice),
                    SignatureError::AuthorizationQueryParametersError { .. }
                ),
                "{second}"
            );
        }
    }
}

#[test]
fn http_2_has_its_host_in_the_uri() {
    let mut parts = in_header();
    parts.headers.remove("host");
    verified(&parts);
    edit_uri(&mut parts, "gateway.test", "elsewhere.test");
    assert!(matches!(
        refused(&parts),
        SignatureError::SignatureDoesNotMatch { .. }
    ));
}

/// Signs as the header form does, with nothing but our own parts: `vectors.rs` holds those against AWS's.
fn sign_by_hand(parts: &mut Parts, signed: &[&str]) {
    let names: Vec<_> = signed.iter().map(|name| (*name).to_owned()).collect();
    let payload = parts.headers[CONTENT_SHA256].to_str().unwrap();
    let request = CanonicalRequest::new(parts, &Query::parse(""), &names, payload).unwrap();
    let scope = "20260203/us-east-1/s3/aws4_request";
    let text = string_to_sign("20260203T040506Z", scope, request.hash());
    let secret = secrets(ACCESS_KEY_ID).unwrap();
    let key = SigningKey::derive(&secret, signed_at(), "us-east-1", "s3");
    let (names, signature) = (names.join(";"), key.sign(text.as_bytes()));
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/{scope}, SignedHeaders={names}, Signature={}",
        signature.as_hex()
    );
    set(parts, "authorization", &authorization);
}

#[test]
fn dates_may_come_as_http_dates() {
    let mut parts = get();
    parts.headers.remove("x-amz-meta-a");
    set(&mut parts, "date", &httpdate::fmt_http_date(signed_at()));
    set(&mut parts, CONTENT_SHA256, "UNSIGNED-PAYLOAD");
    // The date is signed even when its header is not: it is in the string to sign.
    for signed in [
        &["date", "host", CONTENT_SHA256][..],
        &["host", CONTENT_SHA256],
    ] {
        sign_by_hand(&mut parts, signed);
        verified(&parts);
        let mut later = parts.clone();
        let second = Duration::from_secs(1);
        set(
            &mut later,
            "date",
            &httpdate::fmt_http_date(signed_at() + second),
        );
        assert!(matches!(
            refused(&later),
            SignatureError::SignatureDoesNotMatch { .. }
        ));
    }
}
