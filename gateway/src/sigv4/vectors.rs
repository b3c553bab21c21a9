//! The worked examples AWS publishes in the Amazon S3 API reference ("Examples: Signature
//! Calculations", "Transferring Payload in Multiple Chunks", "Including Trailing Headers"),
//! verified as published, with the example credentials of those pages.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::Request;
use http::request::Parts;
use time::macros::datetime;

use super::*;

const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const CREDENTIAL: &str = "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn secrets(id: &str) -> Option<Arc<SecretKey>> {
    (id == ACCESS_KEY_ID).then(|| Arc::new(SecretKey::new(SECRET)))
}

fn signed_at() -> SystemTime {
    datetime!(2013-05-24 0:00 UTC).into()
}

fn verified(parts: &Parts) -> Verified {
    match Verifier::new(Vec::new()).verify(parts, signed_at(), &secrets) {
        Ok(Verification::Signed(verified)) => verified,
        other => panic!("{other:?}"),
    }
}

fn request(
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    signed: &str,
    signature: &str,
) -> Parts {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let authorization =
        format!("AWS4-HMAC-SHA256 {CREDENTIAL},SignedHeaders={signed},Signature={signature}");
    request
        .header("authorization", authorization)
        .body(())
        .unwrap()
        .into_parts()
        .0
}

#[test]
fn get_object() {
    let headers = [
        ("host", "examplebucket.s3.amazonaws.com"),
        ("range", "bytes=0-9"),
        ("x-amz-content-sha256", EMPTY),
        ("x-amz-date", "20130524T000000Z"),
    ];
    let signature = "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41";
    let parts = request(
        "GET",
        "/test.txt",
        &headers,
        "host;range;x-amz-content-sha256;x-amz-date",
        signature,
    );
    let verified = verified(&parts);
    assert_eq!(verified.access_key_id, ACCESS_KEY_ID);
    assert_eq!(verified.region, "us-east-1");
    assert_eq!(verified.form, Form::Header);
    assert_eq!(verified.signed_at, signed_at());
    assert!(matches!(verified.payload, Payload::Literal(sha256) if hex::encode(sha256) == EMPTY));
}

/// Its path holds an encoded `$`, and it has both date headers.
#[test]
fn put_object() {
    let headers = [
        ("host", "examplebucket.s3.amazonaws.com"),
        ("date", "Fri, 24 May 2013 00:00:00 GMT"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        (
            "x-amz-content-sha256",
            "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
        ),
    ];
    let signature = "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd";
    let signed = "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class";
    verified(&request(
        "PUT",
        "/test%24file.text",
        &headers,
        signed,
        signature,
    ));
    // The same object's path as a client may also put it on the wire.
    verified(&request(
        "PUT",
        "/test$file.text",
        &headers,
        signed,
        signature,
    ));
}

#[test]
fn get_bucket_lifecycle() {
    let headers = [
        ("host", "examplebucket.s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-content-sha256", EMPTY),
    ];
    let signature = "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543";
    let signed = "host;x-amz-content-sha256;x-amz-date";
    verified(&request("GET", "/?lifecycle", &headers, signed, signature));
    verified(&request("GET", "/?lifecycle=", &headers, signed, signature));
}

#[test]
fn list_objects() {
    let headers = [
        ("host", "examplebucket.s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-content-sha256", EMPTY),
    ];
    let signature = "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7";
    let signed = "host;x-amz-content-sha256;x-amz-date";
    verified(&request(
        "GET",
        "/?max-keys=2&prefix=J",
        &headers,
        signed,
        signature,
    ));
    verified(&request(
        "GET",
        "/?prefix=J&max-keys=2",
        &headers,
        signed,
        signature,
    ));
}

#[test]
fn presigned_get_object() {
    let uri = "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
        &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
        &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
        &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let parts = Request::get(uri)
        .header("host", "examplebucket.s3.amazonaws.com")
        .body(())
        .unwrap()
        .into_parts()
        .0;
    let verified = verified(&parts);
    assert_eq!(verified.form, Form::Presigned);
    assert_eq!(verified.expires, signed_at() + Duration::from_hours(24));
    assert!(matches!(verified.payload, Payload::Unsigned));
}

fn chunked_upload(payload: &str, trailer: bool, seed: &str) -> Parts {
    let mut headers = vec![
        ("host", "s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ("x-amz-content-sha256", payload),
        ("content-encoding", "aws-chunked"),
        ("x-amz-decoded-content-length", "66560"),
    ];
    let mut signed = "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;\
        x-amz-decoded-content-length;x-amz-storage-class"
        .to_owned();
    if trailer {
        headers.push(("x-amz-trailer", "x-amz-checksum-crc32c"));
        signed = signed.replace("content-length;host", "host") + ";x-amz-trailer";
    } else {
        headers.push(("content-length", "66824"));
    }
    request(
        "PUT",
        "/examplebucket/chunkObject.txt",
        &headers,
        &signed,
        seed,
    )
}

fn chunked_body(signatures: [&str; 3], trailer: &str) -> Vec<u8> {
    let [first, second, last] = signatures;
    let (a, b) = ("a".repeat(65536), "a".repeat(1024));
    format!(
        "10000;chunk-signature={first}\r\n{a}\r\n400;chunk-signature={second}\r\n{b}\r\n\
         0;chunk-signature={last}\r\n{trailer}\r\n"
    )
    .into_bytes()
}

fn decode(parts: &Parts, body: Vec<u8>) -> Decoded {
    let mut decoder = Decoder::for_payload(&verified(parts).payload, &parts.headers)
        .unwrap()
        .unwrap();
    let mut input = Bytes::from(body);
    let mut data = Vec::new();
    while let Step::Data(piece) = decoder.push(&mut input).unwrap() {
        data.extend_from_slice(&piece);
    }
    assert_eq!(data, vec![b'a'; 66560]);
    decoder.finish().unwrap()
}

#[test]
fn put_object_in_signed_chunks() {
    let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
    let parts = chunked_upload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", false, seed);
    let signatures = [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ];
    let body = chunked_body(signatures, "");
    assert_eq!(body.len(), 66824);
    assert_eq!(
        decode(&parts, body),
        Decoded {
            length: 66560,
            trailer: None
        }
    );
}

#[test]
fn put_object_in_signed_chunks_with_a_trailer() {
    let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e";
    let parts = chunked_upload("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", true, seed);
    let signatures = [
        "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
        "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
        "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
    ];
    let signature = "d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435";
    let expected = Some(("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned()));
    let trailer =
        format!("x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:{signature}\r\n");
    assert_eq!(
        decode(&parts, chunked_body(signatures, &trailer)).trailer,
        expected
    );
    // As minio-go writes it.
    let trailer =
        format!("x-amz-checksum-crc32c:sOO8/Q==\n\r\nx-amz-trailer-signature:{signature}\r\n");
    assert_eq!(
        decode(&parts, chunked_body(signatures, &trailer)).trailer,
        expected
    );
}
