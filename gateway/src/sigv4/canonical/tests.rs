//! The canonical form: cases of AWS's Signature Version 4 test suite that hold for S3 (no
//! normalisation, no second encoding), and the rules of our own.

use http::Request;
use time::macros::datetime;

use super::*;
use crate::sigv4::key::{SecretKey, SigningKey};

const SUITE_SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn parts(method: &str, uri: &str, headers: &[(&str, &[u8])]) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

fn canonical(parts: &Parts, signed: &[&str]) -> (String, Vec<u8>) {
    let query = Query::parse(parts.uri.query().unwrap_or(""));
    let signed: Vec<_> = signed.iter().map(|name| (*name).to_owned()).collect();
    let request = CanonicalRequest::new(parts, &query, &signed, EMPTY).unwrap();
    (hex::encode(request.hash()), request.after_path)
}

/// Method, URI, headers, names of the signed ones, name in the suite.
type Case<'c> = (
    &'c str,
    &'c str,
    &'c [(&'c str, &'c [u8])],
    &'c [&'c str],
    &'c str,
);

/// The signatures the suite publishes (2015 edition): service `service`, region `us-east-1`.
#[test]
fn the_published_test_suite() {
    let secret = SecretKey::new(SUITE_SECRET);
    let key = SigningKey::derive(
        &secret,
        datetime!(2015-08-30 12:36 UTC).into(),
        "us-east-1",
        "service",
    );
    for (method, uri, headers, signed, name) in CASES {
        let (hash, _) = canonical(&parts(method, uri, headers), signed);
        let hash = hex::decode(hash).unwrap().try_into().unwrap();
        let text = string_to_sign(
            "20150830T123600Z",
            "20150830/us-east-1/service/aws4_request",
            hash,
        );
        let expected = SUITE.iter().find(|(case, _)| case == name).unwrap().1;
        assert_eq!(key.sign(text.as_bytes()).as_hex(), expected, "{name}");
    }
}

const DATE: (&str, &[u8]) = ("x-amz-date", b"20150830T123600Z");
const HOST: (&str, &[u8]) = ("host", b"example.amazonaws.com");
const PLAIN: &[&str] = &["host", "x-amz-date"];
const WITH_HEADERS: &[&str] = &["host", "my-header1", "my-header2", "x-amz-date"];
const WITH_HEADER: &[&str] = &["host", "my-header1", "x-amz-date"];
const CASES: &[Case<'static>] = &[
    ("GET", "/", &[HOST, DATE], PLAIN, "get-vanilla"),
    ("POST", "/", &[HOST, DATE], PLAIN, "post-vanilla"),
    (
        "GET",
        "/?Param2=value2&Param1=value1",
        &[HOST, DATE],
        PLAIN,
        "get-vanilla-query-order-key-case",
    ),
    ("GET", "/%E1%88%B4", &[HOST, DATE], PLAIN, "get-utf8"),
    (
        "GET",
        "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        &[HOST, DATE],
        PLAIN,
        "get-unreserved",
    ),
    (
        "GET",
        "/",
        &[
            HOST,
            ("my-header1", b" value1"),
            ("my-header2", b" \"a   b   c\""),
            DATE,
        ],
        WITH_HEADERS,
        "get-header-value-trim",
    ),
    (
        "GET",
        "/",
        &[
            HOST,
            ("my-header1", b"value4"),
            ("my-header1", b"value1"),
            ("my-header1", b"value3"),
            ("my-header1", b"value2"),
            DATE,
        ],
        WITH_HEADER,
        "get-header-value-order",
    ),
];

const SUITE: &[(&str, &str)] = &[
    (
        "get-vanilla",
        "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
    ),
    (
        "post-vanilla",
        "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
    ),
    (
        "get-vanilla-query-order-key-case",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
    (
        "get-utf8",
        "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
    ),
    (
        "get-unreserved",
        "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
    ),
    (
        "get-header-value-trim",
        "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
    ),
    (
        "get-header-value-order",
        "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
    ),
];

fn query(raw: &str) -> String {
    Query::parse(raw).canonical()
}

#[test]
fn queries_are_recoded_and_sorted() {
    assert_eq!(query(""), "");
    assert_eq!(query("uploads"), "uploads=");
    assert_eq!(query("uploads="), "uploads=");
    assert_eq!(query("b=2&a=1&b=1&B=0"), "B=0&a=1&b=1&b=2");
    assert_eq!(query("prefix=a+b%20c/d"), "prefix=a%2Bb%20c%2Fd");
    assert_eq!(query("a=b=c"), "a=b%3Dc");
    assert_eq!(query("k=%ff%C3%a9"), "k=%FF%C3%A9");
    assert_eq!(query("k=100%"), "k=100%25");
    assert_eq!(query("a=1&X-Amz-Signature=00&b=2"), "a=1&b=2");
    // Sorted by name first: as pairs, not as text, where "-" comes before "=".
    assert_eq!(query("a-b=1&a=2"), "a=2&a-b=1");
}

#[test]
fn paths_are_encoded_once_and_never_normalised() {
    for (sent, signed) in [
        ("/b/a//b/../c/./", "/b/a//b/../c/./"),
        ("/b/a+b", "/b/a%2Bb"),
        ("/b/a%2Bb", "/b/a%2Bb"),
        ("/b/a%2fb", "/b/a%2Fb"),
        ("/b/%7e%41", "/b/~A"),
        ("/b/%00%", "/b/%00%25"),
        ("/b/(a)*@:=", "/b/%28a%29%2A%40%3A%3D"),
        ("/b/é", "/b/%C3%A9"),
    ] {
        assert_eq!(
            recode(sent, PATH).replace("%2F", "/"),
            signed.replace("%2F", "/"),
            "{sent}"
        );
        assert!(is_canonical_path(&encode_path(
            &percent_decode(sent.as_bytes()).collect::<Vec<_>>()
        )));
    }
    assert!(!is_canonical_path("/b/a+b"));
    assert_eq!(encode_query(b"a/b+c d"), "a%2Fb%2Bc%20d");
}

#[test]
fn header_values_are_bytes() {
    let parts = parts(
        "GET",
        "/",
        &[
            ("host", b"h"),
            ("x-amz-meta-a", b"  caf\xe9   a "),
            ("x-amz-meta-a", b"b"),
        ],
    );
    let (_, text) = canonical(&parts, &["host", "x-amz-meta-a"]);
    let block = b"host:h\nx-amz-meta-a:caf\xe9 a,b\n\nhost;x-amz-meta-a\n";
    assert!(text.windows(block.len()).any(|window| window == block));
}

#[test]
fn the_host_is_one() {
    let both = |uri: &str, header: &[u8]| {
        host(&parts("GET", uri, &[("host", header)])).map(|host| host.unwrap().to_vec())
    };
    assert_eq!(both("/", b"a:9000"), Ok(b"a:9000".to_vec()));
    assert_eq!(both("http://A:9000/", b"a:9000"), Ok(b"a:9000".to_vec()));
    assert!(both("http://b/", b"a").is_err());
    assert_eq!(
        host(&parts("GET", "https://a/", &[])),
        Ok(Some(b"a".as_slice()))
    );
    assert_eq!(host(&parts("GET", "/", &[])), Ok(None));
    assert!(host(&parts("GET", "/", &[("host", b"a"), ("host", b"a")])).is_err());
}

#[test]
fn a_signed_header_that_did_not_come_is_named() {
    let signed = ["content-length".to_owned(), "host".to_owned()];
    let parts = parts("GET", "/", &[("host", b"h")]);
    let outcome = CanonicalRequest::new(&parts, &Query::parse(""), &signed, EMPTY);
    let missing_headers = vec!["content-length".to_owned()];
    assert_eq!(
        outcome.err(),
        Some(SignatureError::SignatureDoesNotMatch { missing_headers })
    );
}
