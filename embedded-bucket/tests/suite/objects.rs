//! Objects written, read whole and in ranges, described, copied and deleted.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::stream;
use http::{Method, Request};
use http_body::Frame;
use http_body_util::StreamBody;
use tower::ServiceExt;

use crate::client::{World, encoded, noise, read, target};

#[tokio::test]
async fn bodies_of_every_kind_come_back_whole_and_after_a_restart() {
    let world = World::new().await;
    let sizes = [
        0,
        1,
        4095,
        4096,
        4097,
        256 * 1024,
        256 * 1024 + 1,
        1_000_000,
    ];
    for (seed, size) in (1..).zip(sizes) {
        let put = world
            .put(&format!("k{size}"), noise(seed, size))
            .await
            .expect(200);
        let tag = put.header("etag");
        assert_eq!(tag.len(), 34, "{tag}");
    }
    let world = world.reopened();
    for (seed, size) in (1..).zip(sizes) {
        let got = world.get(&format!("k{size}")).await.expect(200);
        assert_eq!(got.body, noise(seed, size));
        assert_eq!(got.header("content-length"), size.to_string());
        assert_eq!(got.header("content-type"), "binary/octet-stream");
        let head = world
            .send(Method::HEAD, &target(&format!("k{size}")), &[], "")
            .await
            .expect(200);
        assert_eq!(head.header("content-length"), size.to_string());
        assert_eq!(head.header("etag"), got.header("etag"));
        assert!(head.body.is_empty());
    }
}

#[tokio::test]
async fn odd_keys_are_keys_byte_for_byte() {
    let world = World::new().await;
    let long = "é".repeat(512);
    let keys = [
        "/",
        "//",
        "/lead",
        "trail/",
        "a//b",
        "a/../b",
        "..",
        "../..",
        ".",
        "./x",
        "a b+c",
        "50%",
        "%2F",
        "?q=1&x",
        "#",
        "漢字/ü",
        "\u{1}\u{7f}",
        "x\\y",
        "\"<>&'",
        &long,
    ];
    for (seed, key) in (1..).zip(keys) {
        world.put(key, noise(seed, 5000)).await.expect(200);
    }
    for (seed, key) in (1..).zip(keys) {
        assert_eq!(
            world.get(key).await.expect(200).body,
            noise(seed, 5000),
            "{key}"
        );
    }
    let mut expected: Vec<String> = keys.iter().map(|key| encoded(key)).collect();
    expected.sort_by_key(|key| percent_encoding::percent_decode_str(key).collect::<Vec<_>>());
    assert_eq!(
        world.list("list-type=2&encoding-type=url").await.all("Key"),
        expected
    );
    world
        .put(&format!("{long}x"), "x")
        .await
        .refused(400, "KeyTooLongError");
    for key in keys {
        world
            .send(Method::DELETE, &target(key), &[], "")
            .await
            .expect(204);
        world.get(key).await.refused(404, "NoSuchKey");
    }
    assert_eq!(world.body_files().len(), 0);
}

#[tokio::test]
async fn every_form_of_range_is_answered_as_s3_does() {
    let world = World::new().await;
    for (key, size) in [("small", 100_usize), ("large", 600_000)] {
        let body = noise(3, size);
        world.put(key, body.clone()).await.expect(200);
        let ranges = [
            ("bytes=0-0", 0..1),
            ("bytes=10-19", 10..20),
            ("bytes=90-", 90..size),
            ("bytes=-7", size - 7..size),
            ("bytes=-9999999", 0..size),
            ("bytes=50-9999999", 50..size),
        ];
        for (range, expected) in ranges {
            let got = world
                .send(Method::GET, &target(key), &[("range", range)], "")
                .await
                .expect(206);
            assert_eq!(got.body, body.slice(expected.clone()), "{range}");
            let shown = format!("bytes {}-{}/{size}", expected.start, expected.end - 1);
            assert_eq!(got.header("content-range"), shown);
            assert_eq!(got.header("content-length"), expected.len().to_string());
            let head = world
                .send(Method::HEAD, &target(key), &[("range", range)], "")
                .await
                .expect(206);
            assert_eq!(head.header("content-range"), shown);
        }
        for ignored in ["bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=x-"] {
            let got = world
                .send(Method::GET, &target(key), &[("range", ignored)], "")
                .await
                .expect(200);
            assert_eq!(got.body, body, "{ignored}");
        }
        let past = format!("bytes={size}-");
        for unsatisfiable in [past.as_str(), "bytes=-0"] {
            let range = [("range", unsatisfiable)];
            let answer = world
                .send(Method::GET, &target(key), &range, "")
                .await
                .refused(416, "InvalidRange");
            assert_eq!(answer.header("content-range"), format!("bytes */{size}"));
        }
    }
    world.put("empty", "").await.expect(200);
    world
        .send(Method::GET, "/box/empty", &[("range", "bytes=0-")], "")
        .await
        .refused(416, "InvalidRange");
    let suffix = world
        .send(Method::GET, "/box/empty", &[("range", "bytes=-5")], "")
        .await
        .expect(200);
    assert!(suffix.body.is_empty());
}

#[tokio::test]
async fn two_kilobytes_of_metadata_beside_two_of_cache_control_come_back() {
    let world = World::new().await;
    let (long, metadata) = ("c".repeat(2048), "m".repeat(2000));
    let headers = [
        ("cache-control", long.as_str()),
        ("x-amz-meta-sof-m", metadata.as_str()),
        ("x-amz-meta-other", "=?UTF-8?Q?=C3=BC?="),
        ("content-type", "text/x-odd; a=b"),
        ("content-encoding", "gzip"),
        ("content-language", "de"),
        ("content-disposition", "attachment; filename=\"a\""),
        ("expires", "not a date"),
    ];
    world
        .send(Method::PUT, "/box/key", &headers, noise(1, 9000))
        .await
        .expect(200);
    for method in [Method::GET, Method::HEAD] {
        let got = world.send(method, "/box/key", &[], "").await.expect(200);
        for (name, value) in headers {
            assert_eq!(got.header(name), value, "{name}");
        }
        assert_eq!(got.header("last-modified"), "Fri, 02 Jan 2026 03:04:05 GMT");
    }
    let bytes = http::HeaderValue::from_bytes(b"latin \xfc and utf-8 \xc3\xbc").unwrap();
    let request = Request::put("/box/bytes")
        .header("content-length", 0)
        .header("x-amz-meta-bytes", &bytes)
        .header("x-amz-meta-twice", "1")
        .header("x-amz-meta-twice", "2")
        .body(http_body_util::Empty::<Bytes>::new())
        .unwrap();
    world.call(request).await.expect(200);
    let got = world.get("bytes").await.expect(200);
    assert_eq!(got.headers["x-amz-meta-bytes"], bytes);
    assert_eq!(got.header("x-amz-meta-twice"), "1,2");
    let overridden = world
        .send(Method::GET, "/box/key?response-content-type=a/b", &[], "")
        .await;
    assert_eq!(overridden.header("content-type"), "a/b");
}

#[tokio::test]
async fn a_body_that_is_short_long_or_broken_commits_nothing() {
    let world = World::new().await;
    world.put("key", "before").await.expect(200);
    let chunk = || Ok::<_, std::io::Error>(Frame::data(noise(1, 100_000)));
    let broken = || Err(std::io::Error::other("cut"));
    let bodies = [
        (300_000, vec![chunk(), chunk()]),
        (300_000, vec![chunk(), chunk(), chunk(), chunk()]),
        (300_000, vec![chunk(), chunk(), broken()]),
        (200_000, vec![chunk(), chunk(), broken()]),
        (10, vec![]),
        (10, vec![chunk()]),
    ];
    for (length, frames) in bodies {
        let request = Request::put("/box/key")
            .header("content-length", length)
            .body(StreamBody::new(stream::iter(frames)))
            .unwrap();
        world.call(request).await.refused(400, "IncompleteBody");
    }
    let unannounced = Request::put("/box/key")
        .body(StreamBody::new(stream::iter([chunk()])))
        .unwrap();
    world
        .call(unannounced)
        .await
        .refused(411, "MissingContentLength");
    assert_eq!(world.get("key").await.expect(200).body, "before");
    assert_eq!(world.body_files().len(), 0);
}

#[tokio::test]
async fn content_md5_is_verified() {
    let world = World::new().await;
    // RFC 1321's test suite: MD5("abc") = 900150983cd24fb0d6963f7d28e17f72.
    let right = [("content-md5", "kAFQmDzST7DWlj99KOF/cg==")];
    world
        .send(Method::PUT, "/box/key", &right, "abc")
        .await
        .expect(200);
    world
        .send(Method::PUT, "/box/bad", &right, "abd")
        .await
        .refused(400, "BadDigest");
    world
        .send(Method::PUT, "/box/bad", &[("content-md5", "x")], "abc")
        .await
        .refused(400, "InvalidDigest");
    world.get("bad").await.refused(404, "NoSuchKey");
}

#[tokio::test]
async fn replaced_and_deleted_bodies_are_removed_but_not_under_a_reader() {
    let world = World::new().await;
    let first = noise(1, 3_000_000);
    world.put("key", first.clone()).await.expect(200);
    let request = Request::get("/box/key")
        .body(http_body_util::Empty::<Bytes>::new())
        .unwrap();
    let running = world.service().oneshot(request).await.unwrap();
    world.put("key", noise(2, 5000)).await.expect(200);
    assert_eq!(world.body_files().len(), 2);
    assert_eq!(read(running.into_body()).await.unwrap(), first);
    world
        .send(Method::DELETE, "/box/key", &[], "")
        .await
        .expect(204);
    // The writer removes bodies after it answers; the next change comes after that.
    world.put("other", "x").await.expect(200);
    assert_eq!(world.body_files().len(), 0);
}

#[tokio::test]
async fn a_copy_has_the_bytes_and_takes_or_replaces_the_description() {
    let world = World::new().await;
    let body = noise(5, 70_000);
    let said = [
        ("x-amz-meta-a", "1"),
        ("content-type", "text/plain"),
        ("x-amz-tagging", "t=1"),
    ];
    let put = world
        .send(Method::PUT, "/box/from%2F%2B%20", &said, body.clone())
        .await
        .expect(200);
    let source = ("x-amz-copy-source", "/box/from/%2B%20");

    let copied = world
        .send(Method::PUT, "/box/to", &[source], "")
        .await
        .expect(200);
    assert_eq!(copied.one("ETag"), put.header("etag"));
    let got = world.get("to").await.expect(200);
    assert_eq!(
        (got.header("x-amz-meta-a"), got.header("content-type")),
        ("1", "text/plain")
    );
    assert_eq!(got.header("x-amz-tagging-count"), "1");
    assert_eq!(got.body, body);

    let replace = [
        source,
        ("x-amz-metadata-directive", "REPLACE"),
        ("x-amz-meta-b", "2"),
    ];
    world
        .send(Method::PUT, "/box/from/%2B%20", &replace, "")
        .await
        .expect(200);
    let got = world.get("from/+ ").await.expect(200);
    assert_eq!(
        (got.header("x-amz-meta-a"), got.header("x-amz-meta-b")),
        ("", "2")
    );
    assert_eq!(got.body, body);

    world
        .send(Method::PUT, "/box/from/%2B%20", &[source], "")
        .await
        .refused(400, "InvalidRequest");
    let absent = [("x-amz-copy-source", "box/absent")];
    world
        .send(Method::PUT, "/box/to", &absent, "")
        .await
        .refused(404, "NoSuchKey");
}

#[tokio::test]
async fn a_shared_body_goes_with_the_last_of_its_names() {
    let world = World::new().await;
    let body = noise(5, 70_000);
    world.put("from", body.clone()).await.expect(200);
    let source = [("x-amz-copy-source", "box/from")];
    world
        .send(Method::PUT, "/box/to", &source, "")
        .await
        .expect(200);
    assert_eq!(world.body_files().len(), 1);
    world
        .send(Method::DELETE, "/box/from", &[], "")
        .await
        .expect(204);
    assert_eq!(world.get("to").await.expect(200).body, body);
    world
        .send(Method::DELETE, "/box/to", &[], "")
        .await
        .expect(204);
    world.put("other", "x").await.expect(200);
    assert_eq!(world.body_files().len(), 0);
}

#[tokio::test]
async fn many_keys_are_deleted_at_once() {
    let world = World::new().await;
    for key in ["a", "b<&>", "c"] {
        world.put(key, "x").await.expect(200);
    }
    let document = "<Delete><Object><Key>a</Key></Object><Object><Key>b&lt;&amp;&gt;</Key></Object>\
        <Object><Key>absent</Key></Object><Object><Key>c</Key><ETag>\"0\"</ETag></Object></Delete>";
    let answer = world
        .send(Method::POST, "/box?delete", &[], document)
        .await
        .expect(200);
    assert_eq!(answer.all("Deleted").len(), 3);
    assert_eq!(answer.one("Code"), "PreconditionFailed");
    assert_eq!(world.list("list-type=2").await.all("Key"), ["c"]);
    let quiet = "<Delete><Quiet>true</Quiet><Object><Key>c</Key></Object></Delete>";
    let answer = world
        .send(Method::POST, "/box?delete", &[], quiet)
        .await
        .expect(200);
    assert!(answer.all("Deleted").is_empty() && answer.all("Error").is_empty());
    assert!(world.list("list-type=2").await.all("Key").is_empty());
}

#[tokio::test]
async fn a_signed_request_is_taken_without_looking_at_the_signature() {
    let world = World::new().await;
    let headers = [
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=x, SignedHeaders=host, Signature=x",
        ),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-date", "20260101T000000Z"),
        ("host", "store.example.com"),
    ];
    world
        .send(Method::PUT, "/box/key", &headers, "x")
        .await
        .expect(200);
    assert_eq!(world.get("key").await.expect(200).body, "x");
}

#[tokio::test]
async fn a_caller_that_goes_away_leaves_nothing() {
    let world = World::new().await;
    let endless = stream::pending::<Result<Frame<Bytes>, Infallible>>();
    let request = Request::put("/box/key")
        .header("content-length", 100_000)
        .body(StreamBody::new(endless))
        .unwrap();
    let running = world.service().oneshot(request);
    let gone = tokio::time::timeout(std::time::Duration::from_millis(200), running).await;
    assert!(gone.is_err());
    let world = world.reopened();
    assert_eq!(world.body_files().len(), 0);
    world.get("key").await.refused(404, "NoSuchKey");
}
