//! Forms as browsers and libraries send them, and as they must not.

use time::macros::datetime;

use super::*;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const TYPE: &str = "multipart/form-data; boundary=----WebKitFormBoundaryAb12";

fn body(parts: &[(&str, &str)], end: &str) -> Vec<u8> {
    let parts: Vec<String> = parts
        .iter()
        .map(|(disposition, value)| {
            format!(
                "------WebKitFormBoundaryAb12\r\nContent-Disposition: form-data; {disposition}\r\n\r\n{value}\r\n"
            )
        })
        .collect();
    (parts.concat() + end).into_bytes()
}

const END: &str = "------WebKitFormBoundaryAb12--\r\n";

/// Fields, the file's name, and the file, read in pieces of `step` bytes.
fn read(body: &[u8], step: usize) -> Result<(FormHead, Vec<u8>), S3Error> {
    let boundary = Boundary::of(TYPE).unwrap();
    let mut head = HeadReader::new(boundary.clone());
    let mut pieces = body.chunks(step);
    let found = loop {
        let piece = pieces.next().expect("the head ends");
        if let Some(found) = head.push(piece)? {
            break found;
        }
    };
    let mut scanner = FileScanner::new(&boundary);
    let mut file = scanner.push(&found.rest)?.to_vec();
    for piece in pieces {
        file.extend_from_slice(&scanner.push(piece)?);
    }
    scanner.finish()?;
    Ok((found, file))
}

#[test]
fn a_form_is_the_same_at_any_splitting() {
    let body = body(
        &[
            ("name=\"key\"", "ordner/${filename}"),
            ("name=\"x-amz-meta-a\"", "ein\r\n--Umlaut: ä"),
            (
                "name=\"File\"; filename=\"a \\\"b\\\".txt\"\r\nContent-Type: text/plain",
                "bytes\r\n------WebKitFormBoundary\r\n",
            ),
            ("name=\"submit\"", "Upload"),
        ],
        END,
    );
    for step in 1..body.len() {
        let (head, file) = read(&body, step).unwrap();
        assert_eq!(file, b"bytes\r\n------WebKitFormBoundary\r\n", "{step}");
        assert_eq!(head.file_name, "a \"b\".txt");
        assert_eq!(
            head.fields[0],
            ("key".to_owned(), "ordner/${filename}".to_owned())
        );
        assert_eq!(head.fields[1].1, "ein\r\n--Umlaut: ä");
        assert_eq!(
            head.fields.len(),
            2,
            "fields behind the file are not looked at"
        );
    }
}

#[test]
fn an_empty_file_and_an_end_without_line_break_are_fine() {
    let body = body(
        &[("name=\"file\"; filename=\"\"", "")],
        "------WebKitFormBoundaryAb12--",
    );
    assert!(read(&body, 7).unwrap().1.is_empty());
}

#[test]
fn what_is_no_form_is_refused() {
    let file = ("name=\"file\"; filename=\"f\"", "x");
    let cases = [
        body(&[("name=\"key\"", "k")], END),
        body(&[file], ""),
        body(&[file], "------WebKitFormBoundaryAb12-"),
        body(&[file], "------WebKitFormBoundaryAb12X--\r\n"),
        body(&[("name=\"key\"; name=\"policy\"", "k"), file], END),
        body(&[("filename=\"key\"", "k"), file], END),
        body(&[("name=\"key\r\nX-Header", "k"), file], END),
        body(&[("name=\"key\"\nContent-Type: a", "k"), file], END),
        body(
            &[
                ("name=\"key\"\r\nContent-Transfer-Encoding: base64", "a2V5"),
                file,
            ],
            END,
        ),
        body(&[("name=\"a\"", &"x".repeat(33 * 1024)), file], END),
        [b"preamble\r\n", &body(&[file], END)[..]].concat(),
        [body(&[file], END), vec![b' '; 65 * 1024]].concat(),
    ];
    for (index, case) in cases.iter().enumerate() {
        assert!(read(case, 11).is_err(), "case {index}");
        assert!(read(case, case.len()).is_err(), "case {index} at once");
    }
    for content_type in ["text/plain", "application/x-www-form-urlencoded"] {
        assert_eq!(
            Boundary::of(content_type).unwrap_err().code,
            Code::PreconditionFailed
        );
    }
    for content_type in [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"ä\"",
    ] {
        assert_eq!(
            Boundary::of(content_type).unwrap_err().code,
            Code::MalformedPostRequest
        );
    }
}

fn form(fields: &[(&str, &str)]) -> Form {
    let fields = fields
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Form::new(fields, "C:\\photos\\cat.jpg").unwrap()
}

#[test]
fn fields_become_the_headers_they_stand_for() {
    let form = form(&[
        ("KEY", "in/${filename}"),
        ("acl", "private"),
        (
            "tagging",
            "<Tagging><TagSet><Tag><Key>a b</Key><Value>1&amp;2</Value></Tag></TagSet></Tagging>",
        ),
        ("Content-Type", "image/jpeg"),
        ("x-amz-meta-name", "${filename}"),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("policy", "${filename}"),
        ("submit", "Upload"),
    ]);
    assert_eq!(form.field("key"), Some("in/cat.jpg"));
    assert_eq!(form.field("policy"), Some("${filename}"));
    let headers = form.headers().unwrap();
    let expected = [
        ("x-amz-acl", "private"),
        ("x-amz-tagging", "a%20b=1%262"),
        ("content-type", "image/jpeg"),
        ("x-amz-meta-name", "cat.jpg"),
    ];
    assert_eq!(headers.len(), expected.len());
    for (name, value) in expected {
        assert_eq!(headers[name], value);
    }
    let twice = vec![
        ("key".to_owned(), String::new()),
        ("Key".to_owned(), String::new()),
    ];
    assert!(Form::new(twice, "").is_err());
}

#[test]
fn what_to_answer_is_one_of_three_statuses_or_a_url() {
    let success = |name: &str, value: &str| form(&[(name, value)]).success();
    assert_eq!(
        success("success_action_status", "201"),
        Success::Status(201)
    );
    assert_eq!(
        success("success_action_status", "404"),
        Success::Status(204)
    );
    let url = "https://example.org/done?a=b";
    assert_eq!(
        success("success_action_redirect", url),
        Success::Redirect(url.to_owned())
    );
    assert_eq!(
        success("redirect", "javascript:alert(1)"),
        Success::Status(204)
    );
}

fn policy(conditions: &str) -> Result<FormPolicy, S3Error> {
    FormPolicy::parse(&STANDARD.encode(format!(
        "{{\"expiration\": \"2026-11-21T12:00:00.000Z\", \"conditions\": {conditions}}}"
    )))
}

fn checked(conditions: &str, fields: &[(&str, &str)]) -> Result<(), S3Error> {
    policy(conditions)?.check(&form(fields), "bkt", datetime!(2026-11-21 12:00 UTC))
}

#[test]
fn every_condition_must_hold_and_every_field_have_one() {
    let key = ("key", "user/1.txt");
    let good: [(&str, &[(&str, &str)]); 5] = [
        (
            r#"[{"bucket": "bkt"}, ["eq", "$key", "user/1.txt"]]"#,
            &[key],
        ),
        (r#"[{"bUcKeT": "bkt", "KEY": "user/1.txt"}]"#, &[key]),
        (
            r#"[["starts-with", "$bucket", ""], ["STARTS-WITH", "$Key", "user/"]]"#,
            &[
                key,
                ("x-ignore-this", "1"),
                ("x-amz-checksum-crc32", "AAAA"),
                ("signature", "s"),
                ("AWSAccessKeyId", "a"),
            ],
        ),
        (
            r#"[{"bucket": "bkt"}, {"key": "user/1.txt"}, ["starts-with", "$Content-Type", "image/"]]"#,
            &[key, ("Content-Type", "image/png, image/jpeg")],
        ),
        (
            r#"[{"bucket": "bkt"}, {"key": "user/1.txt"}, ["starts-with", "$x-amz-meta-a", ""]]"#,
            &[key],
        ),
    ];
    for (conditions, fields) in good {
        checked(conditions, fields).unwrap_or_else(|error| panic!("{conditions} {error}"));
    }
    let bad: [(&str, &[(&str, &str)]); 9] = [
        (r#"[{"bucket": "other"}, {"key": "user/1.txt"}]"#, &[key]),
        (r#"[{"key": "user/1.txt"}]"#, &[key]),
        (r#"[{"bucket": "bkt"}]"#, &[key]),
        (r#"[{"bucket": "bkt"}, {"key": "User/1.txt"}]"#, &[key]),
        (
            r#"[{"bucket": "bkt"}, ["starts-with", "$key", "admin/"]]"#,
            &[key],
        ),
        (
            r#"[{"bucket": "bkt"}, {"key": "user/1.txt"}]"#,
            &[key, ("acl", "public-read")],
        ),
        (
            r#"[{"bucket": "bkt"}, {"key": "user/1.txt"}]"#,
            &[key, ("x-amz-meta-a", "b")],
        ),
        (
            r#"[{"bucket": "bkt"}, {"key": "user/1.txt"}]"#,
            &[key, ("bucket", "another")],
        ),
        (
            r#"[{"bucket": "bkt"}, {"key": "user/1.txt"}, ["starts-with", "$Content-Type", "image/"]]"#,
            &[key, ("Content-Type", "image/png,text/html")],
        ),
    ];
    for (conditions, fields) in bad {
        let error = checked(conditions, fields).expect_err(conditions);
        assert_eq!(error.code, Code::AccessDenied, "{conditions}");
        assert!(error.message.starts_with("Invalid according to Policy: "));
    }
}

#[test]
fn a_policy_ends_and_has_lengths() {
    let policy = policy(
        r#"[{"bucket": "bkt"}, ["content-length-range", 3, "10"], ["content-length-range", 0, 9]]"#,
    )
    .unwrap();
    assert_eq!(policy.lengths(), Lengths { least: 3, most: 9 });
    let lengths = policy.lengths();
    for (least, most, code) in [(10, 20, Code::EntityTooLarge), (0, 2, Code::EntityTooSmall)] {
        assert_eq!(lengths.check(least, most).unwrap_err().code, code);
    }
    assert!(
        lengths.check(9, 9).is_ok() && lengths.check(3, 3).is_ok() && lengths.check(0, 100).is_ok()
    );
    let late = policy.check(&form(&[]), "bkt", datetime!(2026-11-21 12:00:01 UTC));
    assert_eq!(late.unwrap_err().code, Code::AccessDenied);
}

#[test]
fn what_is_no_policy_is_refused() {
    for conditions in [
        "{}",
        "[{}]",
        r#"["eq"]"#,
        r#"[["eq", "$key"]]"#,
        r#"[["eq", "key", "a"]]"#,
        r#"[["ends-with", "$key", "a"]]"#,
        r#"[["eq", "$key", 1]]"#,
        r#"[["content-length-range", 0]]"#,
        r#"[["content-length-range", -1, 0]]"#,
        r#"[["content-length-range", 1.5, 2]]"#,
        "[1]",
    ] {
        assert_eq!(
            policy(conditions).unwrap_err().code,
            Code::InvalidPolicyDocument,
            "{conditions}"
        );
    }
    for document in [
        "",
        "{}",
        r#"{"conditions": []}"#,
        r#"{"expiration": "2026-11-21T12:00:00Z"}"#,
        r#"{"EXPIRATION": "2026-11-21T12:00:00Z", "conditions": []}"#,
        r#"{"expiration": "2026-11-21 12:00:00+00:00", "conditions": []}"#,
        r#"{"expiration": "tomorrow", "conditions": []}"#,
    ] {
        let error = FormPolicy::parse(&STANDARD.encode(document)).unwrap_err();
        assert_eq!(error.code, Code::InvalidPolicyDocument, "{document}");
    }
    assert!(FormPolicy::parse("not base64").is_err());
}

#[test]
fn a_form_is_signed_in_one_way_or_not_at_all() {
    assert!(form(&[("key", "k")]).signature().unwrap().is_none());
    let version2 = [("policy", "p"), ("AWSAccessKeyId", "a"), ("signature", "s")];
    assert!(matches!(
        form(&version2).signature(),
        Ok(Some(FormSignature::Version2 {
            access_key_id: "a",
            ..
        }))
    ));
    let version4 = [
        ("policy", "p"),
        ("x-amz-algorithm", "a"),
        ("x-amz-credential", "c"),
        ("x-amz-date", "d"),
        ("x-amz-signature", "s"),
    ];
    assert!(matches!(
        form(&version4).signature(),
        Ok(Some(FormSignature::Version4(_)))
    ));
    for fields in [
        &version2[..2],
        &version4[..4],
        &version4[1..],
        &[&version2[..], &version4[1..]].concat()[..],
    ] {
        assert_eq!(
            form(fields).signature().unwrap_err().code,
            Code::InvalidArgument
        );
    }
}
