//! Requests signed by the AWS SDK's own signer, and the property that ours agrees with it: what it
//! signs verifies, and nothing near it does.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4::SigningParams;
use http::Request;
use http::request::Parts;
use proptest::prelude::*;
use time::macros::datetime;

use super::{SecretKey, Verification, Verifier, encode_path, encode_query};

pub(super) const ACCESS_KEY_ID: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

pub(super) fn signed_at() -> SystemTime {
    datetime!(2026-02-03 4:05:06 UTC).into()
}

pub(super) fn secrets(id: &str) -> Option<Arc<SecretKey>> {
    (id == ACCESS_KEY_ID).then(|| Arc::new(SecretKey::new(SECRET)))
}

/// A request with its host in the URI and in the header.
pub(super) fn request(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let mut parts = request.body(()).unwrap().into_parts().0;
    let host = parts.uri.authority().unwrap().as_str().parse().unwrap();
    parts.headers.insert("host", host);
    parts
}

pub(super) fn sign_header(parts: Parts, region: &str) -> Parts {
    signed(parts, SECRET, None, region, None, "UNSIGNED-PAYLOAD")
}

pub(super) fn sign_with_token(parts: Parts, token: &str) -> Parts {
    signed(
        parts,
        SECRET,
        Some(token),
        "us-east-1",
        None,
        "UNSIGNED-PAYLOAD",
    )
}

pub(super) fn sign_with_secret(parts: Parts, secret: &str) -> Parts {
    signed(parts, secret, None, "us-east-1", None, "UNSIGNED-PAYLOAD")
}

pub(super) fn sign_payload(parts: Parts, payload: &str) -> Parts {
    signed(parts, SECRET, None, "us-east-1", None, payload)
}

pub(super) fn presign(parts: Parts, region: &str, lifetime: Duration) -> Parts {
    signed(
        parts,
        SECRET,
        None,
        region,
        Some(lifetime),
        "UNSIGNED-PAYLOAD",
    )
}

pub(super) fn presign_payload(parts: Parts, payload: &str) -> Parts {
    signed(
        parts,
        SECRET,
        None,
        "us-east-1",
        Some(Duration::from_mins(1)),
        payload,
    )
}

fn signed(
    mut parts: Parts,
    secret: &str,
    token: Option<&str>,
    region: &str,
    lifetime: Option<Duration>,
    payload: &str,
) -> Parts {
    let settings = settings(lifetime);
    let identity = Credentials::new(
        ACCESS_KEY_ID,
        secret,
        token.map(str::to_owned),
        None,
        "test",
    )
    .into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name("s3")
        .time(signed_at())
        .settings(settings);
    let params = params.build().unwrap().into();
    let headers: Vec<_> = parts
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    let body = SignableBody::Precomputed(payload.to_owned());
    let request = SignableRequest::new(
        parts.method.as_str(),
        parts.uri.to_string(),
        headers.into_iter(),
        body,
    )
    .unwrap();
    let (headers, query) = sign(request, &params).unwrap().into_parts().0.into_parts();
    for header in headers {
        parts
            .headers
            .insert(header.name(), header.value().parse().unwrap());
    }
    if !query.is_empty() {
        let added: Vec<_> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", encode_query(value.as_bytes())))
            .collect();
        let separator = if parts.uri.query().is_some() {
            '&'
        } else {
            '?'
        };
        parts.uri = format!("{}{separator}{}", parts.uri, added.join("&"))
            .parse()
            .unwrap();
    }
    parts
}

fn settings(lifetime: Option<Duration>) -> SigningSettings {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    if lifetime.is_some() {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = lifetime;
    }
    settings
}

fn verifies(parts: &Parts) -> bool {
    matches!(
        Verifier::new(Vec::new()).verify(parts, signed_at(), &secrets),
        Ok(Verification::Signed(_))
    )
}

/// Paths as clients put them on the wire: encoded as S3 signs them, or with marks left as they are.
fn paths() -> impl Strategy<Value = String> {
    let encoded = proptest::collection::vec(any::<u8>(), 0..20).prop_map(|key| encode_path(&key));
    let sent = prop_oneof![
        encoded,
        "[a-z/=*+:@()!$,;'.~-]{0,20}",
        Just("//../a/./b/..".to_owned()),
        "[äöüéع語😀]{1,5}".prop_map(|key| encode_path(key.as_bytes())),
    ];
    sent.prop_map(|path| format!("/bucket/{path}"))
}

fn queries() -> impl Strategy<Value = String> {
    let pair = ("[a-zA-Zé+ =&/-]{1,8}", proptest::option::of("\\PC{0,8}"));
    let pair = pair.prop_map(|(name, value)| match value {
        Some(value) => format!(
            "{}={}",
            encode_query(name.as_bytes()),
            encode_query(value.as_bytes())
        ),
        None => encode_query(name.as_bytes()),
    });
    proptest::collection::vec(pair, 0..5).prop_map(|pairs| pairs.join("&"))
}

fn headers() -> impl Strategy<Value = Vec<(String, String)>> {
    proptest::collection::vec(
        (
            "x-amz-meta-[a-d]{1,2}|range|content-type",
            "[!-~]{1,5}[ -~]{0,10}[!-~]",
        ),
        0..5,
    )
}

fn requests() -> impl Strategy<Value = Parts> {
    (
        prop_oneof![
            Just("GET"),
            Just("PUT"),
            Just("POST"),
            Just("DELETE"),
            Just("HEAD")
        ],
        paths(),
        queries(),
        headers(),
    )
        .prop_map(|(method, path, query, headers)| {
            let mark = if query.is_empty() { "" } else { "?" };
            let headers: Vec<_> = headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .collect();
            let mut parts = request(
                method,
                &format!("http://gateway.test:9000{path}{mark}{query}"),
                &[],
            );
            for (name, value) in headers {
                let name: http::HeaderName = name.parse().unwrap();
                parts.headers.append(name, value.parse().unwrap());
            }
            parts
        })
}

/// Every single change to what a signature covers.
fn changes(parts: &Parts, header_form: bool) -> Vec<(&'static str, Parts)> {
    let mut changes = Vec::new();
    let mut change = |name, edit: &dyn Fn(&mut Parts)| {
        let mut altered = parts.clone();
        edit(&mut altered);
        changes.push((name, altered));
    };
    change("method", &|parts| parts.method = http::Method::PATCH);
    change("path", &|parts| {
        let uri = parts.uri.to_string();
        let (path, query) = uri.split_at(uri.find('?').unwrap_or(uri.len()));
        parts.uri = format!("{path}x{query}").parse().unwrap();
    });
    change("query", &|parts| {
        let mark = if parts.uri.query().is_some() {
            '&'
        } else {
            '?'
        };
        parts.uri = format!("{}{mark}versionId=1", parts.uri).parse().unwrap();
    });
    change("host", &|parts| {
        parts
            .headers
            .insert("host", "gateway.test:9001".parse().unwrap());
        parts.uri = parts
            .uri
            .to_string()
            .replacen("gateway.test:9000", "gateway.test:9001", 1)
            .parse()
            .unwrap();
    });
    change("unsigned header", &|parts| {
        parts
            .headers
            .insert("x-amz-copy-source", "/b/k".parse().unwrap());
    });
    changes.extend(header_changes(parts, header_form));
    changes
}

fn header_changes(parts: &Parts, header_form: bool) -> Vec<(&'static str, Parts)> {
    let mut changes = Vec::new();
    let mut change = |name, edit: &dyn Fn(&mut Parts)| {
        let mut altered = parts.clone();
        edit(&mut altered);
        changes.push((name, altered));
    };
    for name in parts
        .headers
        .keys()
        .filter(|name| *name != "host" && *name != "authorization")
    {
        let signed_here = header_form || name != "x-amz-content-sha256";
        if signed_here {
            change("header value", &|parts| {
                let value = [parts.headers[name].as_bytes(), b"x"].concat();
                parts
                    .headers
                    .insert(name, http::HeaderValue::from_bytes(&value).unwrap());
            });
            change("header twice", &|parts| {
                parts
                    .headers
                    .append(name, http::HeaderValue::from_static("x"));
            });
            change("header missing", &|parts| {
                parts.headers.remove(name);
            });
        }
    }
    changes
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn what_the_sdk_signs_verifies_and_nothing_near_it(parts in requests()) {
        let in_header = sign_header(parts.clone(), "us-east-1");
        prop_assert!(verifies(&in_header), "{in_header:?}");
        let in_query = presign(parts, "us-east-1", Duration::from_mins(5));
        prop_assert!(verifies(&in_query), "{in_query:?}");
        for (parts, header_form) in [(in_header, true), (in_query, false)] {
            for (change, changed) in changes(&parts, header_form) {
                prop_assert!(!verifies(&changed), "{change} {changed:?}");
            }
        }
    }

    #[test]
    fn no_wrong_signature_verifies(parts in requests(), position in 0..64_usize, digit in 0..16_u32) {
        let mut signed = sign_header(parts, "us-east-1");
        let value = signed.headers["authorization"].to_str().unwrap().to_owned();
        let (head, signature) = value.split_at(value.len() - 64);
        let mut forged: Vec<char> = signature.chars().collect();
        forged[position] = char::from_digit(digit, 16).unwrap();
        let forged: String = forged.into_iter().collect();
        signed.headers.insert("authorization", format!("{head}{forged}").parse().unwrap());
        prop_assert_eq!(verifies(&signed), forged == signature);
    }
}
