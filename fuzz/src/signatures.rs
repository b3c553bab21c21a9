//! Verified requests: who may be taken for whom. It must not sign: all it knows are the examples AWS publishes.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gateway::sigv2;
use gateway::sigv4::{SecretKey, Verification, Verified, Verifier};
use http::request::Parts;

use crate::requests::request;
use crate::{Outcome, percent, seeds};

/// Nobody but the holder of the secret signs: a request is verified only if method, path, query and signed headers
/// are those of one that AWS published with its signature, and only at its time. The input is as in [`crate::s3_request`].
pub fn verify(data: &[u8]) -> Outcome {
    let Some(parts) = request(data) else {
        return Outcome::Refused;
    };
    let late = signed_at() + Duration::from_hours(8 * 24);
    let verdict = Verifier::new(Vec::new()).verify(&parts, signed_at(), &secrets);
    assert!(!matches!(
        Verifier::new(Vec::new()).verify(&parts, late, &secrets),
        Ok(Verification::Signed(_))
    ));
    match verdict {
        Ok(Verification::Signed(verified)) => {
            assert_eq!(verified.access_key_id, ACCESS_KEY_ID);
            let published = seeds::examples()
                .into_iter()
                .filter_map(|text| request(&text));
            assert!(
                published
                    .map(|parts| meaning(&parts))
                    .any(|known| known == meaning(&parts)),
                "a signature was forged: {parts:?}"
            );
            Outcome::Accepted
        }
        Ok(Verification::Anonymous { .. }) => {
            assert!(!parts.headers.contains_key("authorization"));
            let query = percent::query(parts.uri.query().unwrap_or_default());
            let signs = |name: &[u8]| name.eq_ignore_ascii_case(b"X-Amz-Signature");
            assert!(!query.iter().any(|(name, _)| signs(name)));
            Outcome::Accepted
        }
        Ok(Verification::Version2) | Err(_) => Outcome::Refused,
    }
}

/// The same for Signature Version 2, on the bucket that its examples have in the host.
pub fn version2(data: &[u8]) -> Outcome {
    let Some(parts) = request(data) else {
        return Outcome::Refused;
    };
    let verifier = sigv2::Verifier::new(true);
    let verify = |at| verifier.verify(&parts, Some("johnsmith"), at, &secrets);
    let late = signed_with_version2() + Duration::from_hours(8 * 24);
    assert!(verify(late).is_err());
    if verify(signed_with_version2()).is_err() {
        return Outcome::Refused;
    }
    let published = seeds::of("version2");
    let mut published = published.iter().filter_map(|text| request(text));
    assert!(
        published.any(|known| meaning_of_version2(&known) == meaning_of_version2(&parts)),
        "a signature was forged: {parts:?}"
    );
    Outcome::Accepted
}

/// What a signature of those examples covers: all of the query that could change which object is meant and how.
fn meaning_of_version2(parts: &Parts) -> impl PartialEq + use<> {
    let mut query = percent::query(parts.uri.query().unwrap_or_default());
    let unsigned: [&[u8]; 5] = [
        b"prefix",
        b"max-keys",
        b"marker",
        b"Signature",
        b"AWSAccessKeyId",
    ];
    // Beside a signature in a header it says nothing.
    let expires = !parts.headers.contains_key("authorization");
    query.retain(|(name, _)| {
        let name = name.as_slice();
        !unsigned.contains(&name)
            && (expires || name != b"Expires")
            && (SIGNED.contains(&name) || name.starts_with(b"x-amz-"))
    });
    query.sort();
    let mut headers: Vec<_> = parts
        .headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-amz-") || *name == "content-type")
        .map(|(name, value)| (name.to_string(), value.as_bytes().trim_ascii().to_vec()))
        .filter(|(name, value)| name != "content-type" || !value.is_empty())
        .collect();
    headers.sort();
    let path = percent::decode(parts.uri.path().as_bytes());
    (parts.method.clone(), path, query, headers)
}

/// 2007-03-27, the day of those examples, 19:40 UTC.
fn signed_with_version2() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_mins(13_599 * 24 * 60 + 19 * 60 + 40)
}

/// Verifies a request that AWS published.
pub(crate) fn verified(text: &[u8]) -> (Parts, Verified) {
    let parts = request(text).expect("it is a request");
    match Verifier::new(Vec::new()).verify(&parts, signed_at(), &secrets) {
        Ok(Verification::Signed(verified)) => Some((parts, verified)),
        _ => None,
    }
    .expect("its signature is right")
}

/// What a signature of the published requests covers.
fn meaning(parts: &Parts) -> impl PartialEq + use<> {
    let mut query = percent::query(parts.uri.query().unwrap_or_default());
    query.retain(|(name, _)| !name.eq_ignore_ascii_case(b"X-Amz-Signature"));
    query.sort();
    let covered = [
        "range",
        "x-amz-storage-class",
        "x-amz-decoded-content-length",
        "x-amz-trailer",
    ];
    let headers = covered.map(|name| {
        let values = parts
            .headers
            .get_all(name)
            .iter()
            .map(|value| value.as_bytes().trim_ascii().to_vec());
        values.collect::<Vec<_>>()
    });
    let host = parts
        .headers
        .get("host")
        .map(|value| value.as_bytes().trim_ascii().to_vec());
    let host = host.or_else(|| {
        parts
            .uri
            .authority()
            .map(|host| host.as_str().as_bytes().to_vec())
    });
    (
        parts.method.clone(),
        percent::decode(parts.uri.path().as_bytes()),
        query,
        headers,
        host,
    )
}

fn secrets(id: &str) -> Option<Arc<SecretKey>> {
    (id == ACCESS_KEY_ID).then(|| Arc::new(SecretKey::new(SECRET)))
}

/// 2013-05-24, the day of AWS's examples: 15 849 days after the epoch.
fn signed_at() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(15_849 * 24)
}

/// A few of the parameters that Version 2 signs.
const SIGNED: [&[u8]; 5] = [b"acl", b"versionId", b"uploadId", b"partNumber", b"Expires"];

// The example credentials of the Amazon S3 API reference.
const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
