//! What request headers mean, and which are refused.

use super::*;
use crate::s3::request::{Addressing, RequestId};

fn request(headers: &[(&str, &[u8])]) -> S3Request {
    let mut builder = http::Request::builder().method("PUT").uri("/bkt/key");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    S3Request::parse(
        builder.body(()).unwrap().into_parts().0,
        RequestId(1),
        None,
        &Addressing::default(),
    )
    .unwrap()
}

#[test]
fn metadata_is_bytes_with_a_limit_and_a_reserved_prefix() {
    let read = request(&[
        ("x-amz-meta-a", b"1"),
        ("x-amz-meta-a", b"2"),
        ("x-amz-meta-b", "é".as_bytes()),
    ])
    .object_headers()
    .unwrap();
    assert_eq!(
        read.user,
        vec![
            ("a".to_owned(), b"1,2".to_vec()),
            ("b".to_owned(), "é".as_bytes().to_vec())
        ]
    );
    assert!(
        request(&[("x-amz-meta-n", &[b'v'; 2047])])
            .object_headers()
            .is_ok()
    );
    assert_eq!(
        request(&[("x-amz-meta-n", &[b'v'; 2048])])
            .object_headers()
            .unwrap_err()
            .code,
        Code::MetadataTooLarge
    );
    assert!(
        request(&[("x-amz-meta-sof-h", b"x")])
            .object_headers()
            .is_err()
    );
}

#[test]
fn aws_chunked_is_not_part_of_the_object() {
    assert_eq!(without_aws_chunked(b"aws-chunked"), None);
    assert_eq!(
        without_aws_chunked(b"aws-chunked,gzip"),
        Some(b"gzip".to_vec())
    );
    assert_eq!(
        without_aws_chunked(b"gzip, AWS-Chunked, br"),
        Some(b"gzip,br".to_vec())
    );
    assert_eq!(without_aws_chunked(b"gzip, br"), Some(b"gzip, br".to_vec()));
}

#[test]
fn copy_sources_in_the_forms_clients_send() {
    for (value, key, version) in [
        ("/bkt/a%2Fb%20c", "a/b c", None),
        ("bkt/a+b%2Bc", "a b+c", None),
        ("bkt/k?versionId=3x", "k", Some("3x")),
        ("bkt//k", "/k", None),
    ] {
        let source = request(&[("x-amz-copy-source", value.as_bytes())]);
        // Without a sub-resource a PUT with a copy source is CopyObject.
        let source = source.copy_source().unwrap();
        assert_eq!(
            (
                source.bucket.as_str(),
                source.key.as_str(),
                source.version.as_deref()
            ),
            ("bkt", key, version)
        );
    }
    assert!(
        request(&[("x-amz-copy-source", b"nobucket")])
            .copy_source()
            .is_err()
    );
}

#[test]
fn what_might_change_the_meaning_is_refused() {
    for (name, value) in [
        ("x-amz-server-side-encryption-customer-key", "k"),
        ("x-amz-write-offset-bytes", "5"),
        ("x-amz-mfa", "1 2"),
        ("x-amz-server-side-encryption", "none"),
    ] {
        assert!(
            request(&[(name, value.as_bytes())])
                .refuse_unsafe_headers()
                .is_err(),
            "{name}"
        );
    }
    assert!(
        request(&[
            ("x-amz-acl", b"private"),
            ("x-amz-meta-x", b"y"),
            ("x-amz-server-side-encryption", b"AES256")
        ])
        .refuse_unsafe_headers()
        .is_ok()
    );
}

#[test]
fn only_the_owners_own_access_list_is_none_to_others() {
    for (name, value, expected) in [
        ("x-amz-acl", "private", Ok(false)),
        ("x-amz-acl", "bucket-owner-full-control", Ok(false)),
        ("x-amz-acl", "public-read", Ok(true)),
        ("x-amz-acl", "authenticated-read", Ok(true)),
        ("x-amz-acl", "Private", Err(Code::InvalidArgument)),
        ("x-amz-grant-read", "id=1", Ok(true)),
        ("x-amz-grant-full-control", "id=1", Ok(true)),
        ("x-amz-meta-acl", "public-read", Ok(false)),
    ] {
        let found = request(&[(name, value.as_bytes())]).grants_to_others();
        assert_eq!(
            found.map_err(|error| error.code),
            expected,
            "{name}: {value}"
        );
    }
}

#[test]
fn values_beyond_ascii_come_back_in_rfc_2047_form() {
    let mut headers = HeaderMap::new();
    let object = ObjectHeaders {
        user: vec![("name".to_owned(), "Zoë".as_bytes().to_vec())],
        ..ObjectHeaders::default()
    };
    object.write_to(&mut headers);
    assert_eq!(headers["x-amz-meta-name"], "=?UTF-8?B?Wm/Dqw==?=");
    assert_eq!(headers["content-type"], "binary/octet-stream");
}

#[test]
fn conditions_are_mapped_for_the_store() {
    let mapped = request(&[
        ("if-match", b"\"d41d8cd98f00b204e9800998ecf8427e-1\""),
        ("if-unmodified-since", b"Sat, 21 Nov 2026 10:00:00 GMT"),
    ])
    .conditions_for_store();
    assert_eq!(mapped["if-match"], "\"d41d8cd98f00b204e9800998ecf8427e\"");
    assert_eq!(
        mapped["if-unmodified-since"],
        "Sat, 21 Nov 2026 10:00:00 GMT"
    );
}

#[test]
fn a_retention_is_what_s3_defines() {
    let mode = "x-amz-object-lock-mode";
    let until = "x-amz-object-lock-retain-until-date";
    let check = |name, value: &str| request(&[(name, value.as_bytes())]).refuse_unsafe_headers();
    assert!(check(mode, "COMPLIANCE").is_ok());
    assert!(check(until, "2027-01-31T00:00:00.000Z").is_ok());
    for (name, value) in [(mode, "compliance"), (until, "2027-01-31"), (until, "")] {
        let refused = check(name, value).unwrap_err();
        assert_eq!(refused.code, Code::InvalidArgument, "{name}: {value}");
    }
}
