//! Requests that boto3 signed and framed (`botocore/record.py` recorded them) go through verification,
//! the decoder and the checksum verifier, as they would in the gateway.

#![expect(
    clippy::unwrap_used,
    reason = "a recording that cannot be read fails the test"
)]

use std::sync::Arc;
use std::time::SystemTime;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use gateway::checksum::{self, ContentMd5, Declared};
use gateway::sigv4::{Decoder, Form, Payload, SecretKey, Step, Verification, Verified, Verifier};
use http::request::Parts;
use http::{HeaderName, HeaderValue, Request};
use serde::Deserialize;
use time::macros::datetime;

#[derive(Deserialize)]
struct Recording {
    requests: Vec<Recorded>,
}

#[derive(Deserialize)]
struct Recorded {
    name: String,
    method: String,
    url: String,
    headers: Vec<(String, String)>,
    body: String,
    form: String,
    payload: String,
    token: Option<String>,
}

impl Recorded {
    fn all() -> Vec<Self> {
        let recording: Recording =
            serde_json::from_str(include_str!("botocore/requests.json")).unwrap();
        recording.requests
    }

    /// The head as an HTTP/1.1 server reads it.
    fn head(&self) -> Parts {
        let (_, rest) = self.url.split_once("://").unwrap();
        let (host, _) = rest.split_once('/').unwrap();
        let mut request = Request::builder()
            .method(self.method.as_str())
            .uri(rest.strip_prefix(host).unwrap());
        request = request.header("host", host);
        for (name, value) in &self.headers {
            let value = HeaderValue::from_bytes(&BASE64_STANDARD.decode(value).unwrap()).unwrap();
            request = request.header(name.parse::<HeaderName>().unwrap(), value);
        }
        request.body(()).unwrap().into_parts().0
    }
}

fn now() -> SystemTime {
    datetime!(2026-02-03 4:05:06 UTC).into()
}

fn verify(head: &Parts) -> Option<Verified> {
    let secrets = |id: &str| {
        (id == "AKIDEXAMPLE")
            .then(|| Arc::new(SecretKey::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")))
    };
    match Verifier::new(vec!["eu-west-1".to_owned()]).verify(head, now(), &secrets) {
        Ok(Verification::Signed(verified)) => Some(verified),
        _ => None,
    }
}

/// The data of a body and its trailer, its framing taken off.
fn unframe(payload: &Payload, head: &Parts, wire: Vec<u8>) -> (Vec<u8>, Option<(String, String)>) {
    let Some(mut decoder) = Decoder::for_payload(payload, &head.headers).unwrap() else {
        return (wire, None);
    };
    let mut input = Bytes::from(wire);
    let mut data = Vec::new();
    while let Step::Data(piece) = decoder.push(&mut input).unwrap() {
        data.extend_from_slice(&piece);
    }
    (data, decoder.finish().unwrap().trailer)
}

#[test]
fn every_request_verifies_and_its_body_keeps_its_promises() {
    for recorded in Recorded::all() {
        let name = &recorded.name;
        let head = recorded.head();
        let verified = verify(&head).unwrap_or_else(|| panic!("{name}"));
        let form = if recorded.form == "presigned" {
            Form::Presigned
        } else {
            Form::Header
        };
        assert_eq!(
            (verified.form, &verified.session_token, verified.signed_at),
            (form, &recorded.token, now()),
            "{name}"
        );
        let sha256 = match (&verified.payload, recorded.payload.as_str()) {
            (Payload::Literal(sha256), "literal") => Some(*sha256),
            (Payload::Unsigned, "unsigned") | (Payload::UnsignedTrailer, "unsigned-trailer") => {
                None
            }
            other => panic!("{name} {other:?}"),
        };
        let (data, trailer) = unframe(
            &verified.payload,
            &head,
            BASE64_STANDARD.decode(&recorded.body).unwrap(),
        );
        if name.starts_with("put") && !name.starts_with("put nothing") {
            assert_eq!(data, b"hello world", "{name}");
        }
        let trailer = trailer
            .as_ref()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let proven = promise(&head, sha256, &data).finish(trailer);
        let chosen = proven
            .unwrap_or_else(|error| panic!("{name} {error}"))
            .checksum;
        assert_eq!(chosen.is_some(), name.starts_with("put"), "{name}");
        if !data.is_empty() {
            let other = [data.as_slice(), b"x"].concat();
            assert!(
                promise(&head, sha256, &other).finish(trailer).is_err(),
                "{name}"
            );
        }
    }
}

fn promise(head: &Parts, sha256: Option<[u8; 32]>, data: &[u8]) -> checksum::Verifier {
    let declared = Declared::from_headers(&head.headers).unwrap();
    let md5 = ContentMd5::from_headers(&head.headers).unwrap();
    let mut verifier = checksum::Verifier::new(declared, md5, sha256);
    verifier.update(data);
    verifier
}

#[test]
fn no_changed_request_verifies() {
    for recorded in Recorded::all() {
        let name = &recorded.name;
        let head = recorded.head();
        let mut method = head.clone();
        method.method = http::Method::PATCH;
        assert!(verify(&method).is_none(), "{name}");
        let mut path = head.clone();
        path.uri = path
            .uri
            .to_string()
            .replacen("/bucket", "/bucket/x", 1)
            .parse()
            .unwrap();
        assert!(verify(&path).is_none(), "{name}");
        let mut host = head.clone();
        host.headers
            .insert("host", HeaderValue::from_static("other.test"));
        assert!(verify(&host).is_none(), "{name}");
        for header in head
            .headers
            .keys()
            .filter(|header| header.as_str().starts_with("x-amz-"))
        {
            let mut changed = head.clone();
            changed.headers.remove(header);
            assert!(verify(&changed).is_none(), "{name} {header}");
        }
    }
}
