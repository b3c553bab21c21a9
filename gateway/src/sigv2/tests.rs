//! Version 2 on the examples that the Amazon S3 user guide publishes with their signatures, and on what must not
//! pass for them.

use std::time::Duration;

use http::Request;
use time::macros::datetime;

use super::*;

const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn secrets(id: &str) -> Option<Arc<SecretKey>> {
    (id == ACCESS_KEY_ID).then(|| Arc::new(SecretKey::new(SECRET)))
}

/// Every example was signed within half an hour of this one or the next but one day.
fn now(day: u8) -> SystemTime {
    match day {
        27 => datetime!(2007-03-27 19:40 UTC).into(),
        _ => datetime!(2007-03-28 01:40 UTC).into(),
    }
}

fn signed(method: &str, path: &str, headers: &[(&str, &str)], signature: &str) -> Parts {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let authorization = format!("AWS {ACCESS_KEY_ID}:{signature}");
    let request = request.header("authorization", authorization);
    request.body(()).unwrap().into_parts().0
}

fn verify_at(
    parts: &Parts,
    bucket: Option<&str>,
    now: SystemTime,
) -> Result<Verified, SignatureError> {
    Verifier::new(true).verify(parts, bucket, now, &secrets)
}

fn date_of(parts: &Parts) -> SystemTime {
    let text = parts.headers["date"].to_str().unwrap();
    let format = &time::format_description::well_known::Rfc2822;
    time::OffsetDateTime::parse(text, format).unwrap().into()
}

fn examples() -> Vec<(Parts, Option<&'static str>)> {
    let date = |text: &'static str| ("date", text);
    vec![
        (
            signed(
                "GET",
                "/photos/puppy.jpg",
                &[date("Tue, 27 Mar 2007 19:36:42 +0000")],
                "bWq2s1WEIj+Ydj0vQ697zp+IXMU=",
            ),
            Some("johnsmith"),
        ),
        (
            signed(
                "PUT",
                "/photos/puppy.jpg",
                &[
                    ("content-type", "image/jpeg"),
                    date("Tue, 27 Mar 2007 21:15:45 +0000"),
                ],
                "MyyxeRY7whkBe+bq8fHCL/2kKUg=",
            ),
            Some("johnsmith"),
        ),
        (
            signed(
                "GET",
                "/?prefix=photos&max-keys=50&marker=puppy",
                &[date("Tue, 27 Mar 2007 19:42:41 +0000")],
                "htDYFYduRNen8P9ZfE/s9SuKy0U=",
            ),
            Some("johnsmith"),
        ),
        (
            signed(
                "GET",
                "/?acl",
                &[date("Tue, 27 Mar 2007 19:44:46 +0000")],
                "c2WLPFtWHVgbEmeEG93a4cG37dM=",
            ),
            Some("johnsmith"),
        ),
        (
            signed(
                "PUT",
                "/db-backup.dat.gz",
                &[
                    date("Tue, 27 Mar 2007 21:06:08 +0000"),
                    ("x-amz-acl", "public-read"),
                    ("content-type", "application/x-download"),
                    ("content-md5", "4gJE4saaMU4BqNR0kLY+lw=="),
                    ("x-amz-meta-reviewedby", "joe@johnsmith.net"),
                    ("x-amz-meta-reviewedby", "jane@johnsmith.net"),
                    ("x-amz-meta-filechecksum", "0x02661779"),
                    ("x-amz-meta-checksumalgorithm", "crc32"),
                ],
                "ilyl83RwaSoYIEdixDQcA4OnAnc=",
            ),
            Some("static.johnsmith.net"),
        ),
        (
            signed(
                "GET",
                "/",
                &[date("Wed, 28 Mar 2007 01:29:59 +0000")],
                "qGdzdERIC03wnaRNKh6OqZehG9s=",
            ),
            None,
        ),
        (
            signed(
                "GET",
                "/dictionary/fran%C3%A7ais/pr%c3%a9f%c3%a8re",
                &[date("Wed, 28 Mar 2007 01:49:49 +0000")],
                "DNEZGsoieTZ92F3bUfSPQcbGmlM=",
            ),
            None,
        ),
    ]
}

fn presigned() -> Parts {
    let uri = format!(
        "/photos/puppy.jpg?AWSAccessKeyId={ACCESS_KEY_ID}&Signature=NpgCjnDzrM%2BWFzoENXmpNDUsSn8%3D&Expires=1175139620"
    );
    Request::get(uri).body(()).unwrap().into_parts().0
}

#[test]
fn the_published_examples_verify() {
    for (parts, bucket) in examples() {
        let verified = verify_at(&parts, bucket, date_of(&parts)).unwrap();
        assert_eq!(
            (verified.access_key_id.as_str(), verified.form),
            (ACCESS_KEY_ID, Form::Header)
        );
        assert!(matches!(verified.payload, Payload::Unsigned));
    }
    let verified = verify_at(&presigned(), Some("johnsmith"), now(27)).unwrap();
    assert_eq!(verified.form, Form::Presigned);
}

#[test]
fn headers_are_verified_only_where_that_is_switched_on() {
    let (parts, bucket) = examples().remove(0);
    let refused = Verifier::new(false).verify(&parts, bucket, date_of(&parts), &secrets);
    assert_eq!(refused.unwrap_err(), SignatureError::SigV4Needed);
    assert!(
        Verifier::new(false)
            .verify(&presigned(), Some("johnsmith"), now(27), &secrets)
            .is_ok()
    );
}

#[test]
fn no_changed_example_verifies() {
    for (parts, bucket) in examples() {
        let at = date_of(&parts);
        let refused = |parts: &Parts, bucket| {
            matches!(
                verify_at(parts, bucket, at),
                Err(SignatureError::SignatureDoesNotMatch { .. })
            )
        };
        assert!(refused(&parts, Some("another")));
        let mut changed = parts.clone();
        changed.method = http::Method::DELETE;
        assert!(refused(&changed, bucket));
        let mut changed = parts.clone();
        changed
            .headers
            .insert("x-amz-meta-added", "x".parse().unwrap());
        assert!(refused(&changed, bucket));
        let mut changed = parts.clone();
        changed
            .headers
            .insert("content-type", "text/html".parse().unwrap());
        assert!(refused(&changed, bucket));
        let mut changed = parts.clone();
        let separator = if changed.uri.query().is_some() {
            '&'
        } else {
            '?'
        };
        changed.uri = format!("{}{separator}versionId=1", changed.uri)
            .parse()
            .unwrap();
        assert!(refused(&changed, bucket));
    }
}

#[test]
fn sub_resources_that_version_2_leaves_out_are_refused() {
    for name in [
        "legal-hold",
        "retention",
        "attributes",
        "encryption",
        "%61cl",
    ] {
        let mut parts = presigned();
        parts.uri = format!("{}&{name}", parts.uri).parse().unwrap();
        let refused = verify_at(&parts, Some("johnsmith"), now(27)).unwrap_err();
        assert!(
            matches!(refused, SignatureError::QueryNotSigned { .. }),
            "{name} {refused:?}"
        );
    }
    let mut parts = presigned();
    parts.uri = format!("{}&x-amz-checksum-crc32=a%0Ax-amz-acl:b", parts.uri)
        .parse()
        .unwrap();
    let refused = verify_at(&parts, Some("johnsmith"), now(27)).unwrap_err();
    assert!(matches!(refused, SignatureError::InvalidArgument { .. }));
}

#[test]
fn a_header_is_good_for_fifteen_minutes_and_a_url_until_its_expiry() {
    let (parts, bucket) = examples().remove(0);
    let at = date_of(&parts);
    let quarter = Duration::from_mins(15);
    let second = Duration::from_secs(1);
    assert!(verify_at(&parts, bucket, at + quarter).is_ok());
    assert!(verify_at(&parts, bucket, at - quarter).is_ok());
    for now in [at + quarter + second, at - quarter - second] {
        assert!(matches!(
            verify_at(&parts, bucket, now),
            Err(SignatureError::RequestTimeTooSkewed { .. })
        ));
    }
    let end = SystemTime::UNIX_EPOCH + Duration::from_secs(1_175_139_620);
    assert!(verify_at(&presigned(), Some("johnsmith"), end).is_ok());
    assert!(matches!(
        verify_at(&presigned(), Some("johnsmith"), end + second),
        Err(SignatureError::ExpiredPresign { .. })
    ));
}

#[test]
fn what_is_malformed_is_refused() {
    for uri in [
        "/k?AWSAccessKeyId=a&Signature=b",
        "/k?AWSAccessKeyId=a&Expires=1",
        "/k?Signature=a&Expires=99999999999",
        "/k?AWSAccessKeyId=a&Signature=b&Expires=-1",
        "/k?AWSAccessKeyId=a&Signature=b&Expires=999999999999999",
        "/k?AWSAccessKeyId=a&Signature=b&Expires=9999999999&expires=1",
    ] {
        let parts = Request::get(uri).body(()).unwrap().into_parts().0;
        let refused = verify_at(&parts, None, now(27)).unwrap_err();
        assert!(
            matches!(
                refused,
                SignatureError::AuthorizationQueryParametersError { .. }
            ),
            "{uri} {refused:?}"
        );
    }
    let nobody = Request::get("/k?AWSAccessKeyId=a&Signature=b&Expires=9999999999");
    let nobody = nobody.body(()).unwrap().into_parts().0;
    assert_eq!(
        verify_at(&nobody, None, now(27)).unwrap_err(),
        SignatureError::InvalidAccessKeyId
    );
}

/// The policy of a form is signed as the text it is sent as; RFC 2202's first case of HMAC-SHA-1 cannot be written
/// with a textual secret, its second can: key "Jefe".
#[test]
fn a_policy_is_signed_by_hmac_sha_1_of_its_text() {
    let jefe = |_: &str| Some(Arc::new(SecretKey::new("Jefe")));
    let signature =
        STANDARD.encode(hex::decode("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79").unwrap());
    let check = |policy| Verifier::new(false).verify_policy("id", &signature, policy, &jefe);
    assert!(check("what do ya want for nothing?").is_ok());
    assert!(check("what do ya want for something?").is_err());
}
