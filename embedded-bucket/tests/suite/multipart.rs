//! Multipart uploads from beginning to end, and every way one may not end.

use bytes::Bytes;
use http::Method;

use crate::client::{World, noise};

const MIB: usize = 1024 * 1024;

async fn begin(world: &World, key: &str, headers: &[(&str, &str)]) -> String {
    let answer = world
        .send(Method::POST, &format!("/box/{key}?uploads"), headers, "")
        .await;
    answer.expect(200).one("UploadId")
}

async fn part(world: &World, key: &str, upload: &str, number: u32, body: Bytes) -> String {
    let target = format!("/box/{key}?partNumber={number}&uploadId={upload}");
    let answer = world
        .send(Method::PUT, &target, &[], body)
        .await
        .expect(200);
    answer.header("etag").to_owned()
}

fn document(parts: &[(u32, &str)]) -> String {
    let parts = parts.iter().map(|(number, tag)| {
        format!("<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>")
    });
    let parts = parts.collect::<Vec<_>>().concat();
    format!("<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>")
}

#[tokio::test]
async fn parts_in_any_order_become_one_object() {
    let world = World::new().await;
    let upload = begin(
        &world,
        "key",
        &[
            ("x-amz-meta-a", "1"),
            ("content-type", "a/b"),
            ("x-amz-tagging", "t=1"),
        ],
    )
    .await;
    let bodies = [noise(1, 5 * MIB), noise(2, 5 * MIB + 1), noise(3, 77)];
    let third = part(&world, "key", &upload, 30, bodies[2].clone()).await;
    part(&world, "key", &upload, 20, noise(9, 5000)).await;
    let replaced = part(&world, "key", &upload, 1, noise(8, 6000)).await;
    let first = part(&world, "key", &upload, 1, bodies[0].clone()).await;
    let second = part(&world, "key", &upload, 7, bodies[1].clone()).await;
    assert_ne!(replaced, first);

    world.get("key").await.refused(404, "NoSuchKey");

    let target = format!("/box/key?uploadId={upload}");
    let parts = document(&[(1, &first), (7, &second), (30, &third)]);
    let done = world
        .send(Method::POST, &target, &[], parts.clone())
        .await
        .expect(200);
    assert!(done.one("ETag").ends_with("-3\""), "{}", done.text());
    // The answer may be lost; asking again gives it again.
    let again = world
        .send(Method::POST, &target, &[], parts)
        .await
        .expect(200);
    assert_eq!(again.one("ETag"), done.one("ETag"));

    let world = world.reopened();
    let got = world.get("key").await.expect(200);
    assert_eq!(got.body, bodies.concat());
    assert_eq!(
        (got.header("x-amz-meta-a"), got.header("content-type")),
        ("1", "a/b")
    );
    assert_eq!(got.header("x-amz-tagging-count"), "1");
    assert_eq!(got.header("etag"), done.one("ETag"));
    let edge = 5 * MIB;
    let range = format!("bytes={}-{}", edge - 10, 10 * MIB + 20);
    let got = world
        .send(Method::GET, "/box/key", &[("range", &range)], "")
        .await
        .expect(206);
    assert_eq!(got.body, bodies.concat()[edge - 10..=10 * MIB + 20]);
    assert_eq!(
        world.body_files().len(),
        2,
        "the unused part is gone, the third is small"
    );
    assert!(world.list("uploads").await.all("UploadId").is_empty());
}

#[tokio::test]
async fn parts_are_listed_by_number_in_pages() {
    let world = World::new().await;
    let upload = begin(&world, "key", &[]).await;
    let mut tags = Vec::new();
    for number in [1, 7, 20, 30] {
        tags.push(part(&world, "key", &upload, number, noise(number.into(), 100)).await);
    }
    let target = format!("/box/key?uploadId={upload}");
    let listed = world.send(Method::GET, &target, &[], "").await.expect(200);
    assert_eq!(listed.all("PartNumber"), ["1", "7", "20", "30"]);
    assert_eq!(listed.all("ETag"), tags);
    assert_eq!(listed.all("Size"), ["100"; 4]);
    let page = format!("{target}&max-parts=2&part-number-marker=1");
    let page = world.send(Method::GET, &page, &[], "").await.expect(200);
    assert_eq!(page.all("PartNumber"), ["7", "20"]);
    assert_eq!(page.one("IsTruncated"), "true");
    assert_eq!(page.one("NextPartNumberMarker"), "20");
}

/// Parts named, headers, and the status and code of the refusal.
type Case<'a> = (Vec<(u32, &'a str)>, &'a [(&'a str, &'a str)], u16, &'a str);

#[tokio::test]
async fn a_completion_is_checked_before_anything_happens() {
    let world = World::new().await;
    let upload = begin(&world, "key", &[]).await;
    let target = format!("/box/key?uploadId={upload}");
    let small = part(&world, "key", &upload, 1, noise(1, 5 * MIB - 1)).await;
    let last = part(&world, "key", &upload, 2, noise(2, 10)).await;
    let cases: [Case<'_>; 8] = [
        (vec![(1, &small), (2, &last)], &[], 400, "EntityTooSmall"),
        (vec![(2, &last), (1, &small)], &[], 400, "InvalidPartOrder"),
        (vec![(1, &small), (1, &small)], &[], 400, "InvalidPartOrder"),
        (vec![(1, &last)], &[], 400, "InvalidPart"),
        (vec![(3, &last)], &[], 400, "InvalidPart"),
        (vec![], &[], 400, "MalformedXML"),
        (vec![(2, &last)], &[("if-match", "*")], 404, "NoSuchKey"),
        (
            vec![(2, &last)],
            &[("x-amz-mp-object-size", "11")],
            400,
            "InvalidRequest",
        ),
    ];
    for (parts, headers, status, code) in cases {
        let answer = world
            .send(Method::POST, &target, headers, document(&parts))
            .await;
        answer.refused(status, code);
    }
    world.put("key", "there").await.expect(200);
    let absent = [("if-none-match", "*")];
    let answer = world
        .send(Method::POST, &target, &absent, document(&[(2, &last)]))
        .await;
    answer.refused(412, "PreconditionFailed");
    assert_eq!(world.get("key").await.expect(200).body, "there");
    let right = [("x-amz-mp-object-size", "10")];
    world
        .send(Method::POST, &target, &right, document(&[(2, &last)]))
        .await
        .expect(200);
    assert_eq!(world.get("key").await.expect(200).body, noise(2, 10));
}

#[tokio::test]
async fn an_aborted_upload_leaves_nothing() {
    let world = World::new().await;
    let upload = begin(&world, "key", &[]).await;
    part(&world, "key", &upload, 1, noise(1, 10_000)).await;
    let target = format!("/box/key?uploadId={upload}");
    world
        .send(Method::DELETE, &target, &[], "")
        .await
        .expect(204);
    world
        .send(Method::DELETE, &target, &[], "")
        .await
        .refused(404, "NoSuchUpload");
    world
        .send(Method::GET, &target, &[], "")
        .await
        .refused(404, "NoSuchUpload");
    let late = format!("/box/key?partNumber=1&uploadId={upload}");
    world
        .send(Method::PUT, &late, &[], noise(1, 10_000))
        .await
        .refused(404, "NoSuchUpload");
    let complete = document(&[(1, "\"x\"")]);
    world
        .send(Method::POST, &target, &[], complete)
        .await
        .refused(404, "NoSuchUpload");
    for number in [0, 10_001] {
        let target = format!("/box/key?partNumber={number}&uploadId={upload}");
        world
            .send(Method::PUT, &target, &[], "x")
            .await
            .refused(400, "InvalidArgument");
    }
    assert_eq!(world.body_files().len(), 0);
}

#[tokio::test]
async fn parts_are_copied_from_ranges_of_objects() {
    let world = World::new().await;
    let (large, small) = (noise(1, 6 * MIB), noise(2, 500));
    world.put("large", large.clone()).await.expect(200);
    world.put("small", small.clone()).await.expect(200);
    let upload = begin(&world, "key", &[]).await;
    let copy = |number: u32, source: &'static str, range: &'static str| {
        let target = format!("/box/key?partNumber={number}&uploadId={upload}");
        let world = &world;
        async move {
            let headers = [
                ("x-amz-copy-source", source),
                ("x-amz-copy-source-range", range),
            ];
            world
                .send(
                    Method::PUT,
                    &target,
                    &headers[..if range.is_empty() { 1 } else { 2 }],
                    "",
                )
                .await
        }
    };
    let first = copy(1, "box/large", "bytes=1000-6000000")
        .await
        .expect(200)
        .one("ETag");
    let second = copy(2, "box/small", "bytes=10-19")
        .await
        .expect(200)
        .one("ETag");
    copy(3, "box/small", "bytes=10-500")
        .await
        .refused(416, "InvalidRange");
    copy(3, "box/small", "bytes=10-")
        .await
        .refused(400, "InvalidArgument");
    copy(3, "box/absent", "").await.refused(404, "NoSuchKey");
    let whole = copy(3, "box/small", "").await.expect(200).one("ETag");
    for key in ["large", "small"] {
        world
            .send(Method::DELETE, &format!("/box/{key}"), &[], "")
            .await
            .expect(204);
    }
    let target = format!("/box/key?uploadId={upload}");
    let all = document(&[(1, &first), (2, &second), (3, &whole)]);
    world
        .send(Method::POST, &target, &[], all)
        .await
        .refused(400, "EntityTooSmall");
    let two = document(&[(1, &first), (2, &second)]);
    world
        .send(Method::POST, &target, &[], two)
        .await
        .expect(200);
    let expected = [&large[1000..=6_000_000], &small[10..20]].concat();
    assert_eq!(world.get("key").await.expect(200).body, expected);
}

#[tokio::test]
async fn uploads_are_listed_by_key_and_then_by_age() {
    let world = World::new().await;
    let mut expected = Vec::new();
    for key in ["a", "a", "a", "b/1", "b/2", "c"] {
        expected.push((key.to_owned(), begin(&world, key, &[]).await));
    }
    let mut seen = Vec::new();
    let mut from = String::new();
    loop {
        let answer = world.list(&format!("uploads&max-uploads=2{from}")).await;
        seen.extend(answer.all("Key").into_iter().zip(answer.all("UploadId")));
        if answer.one("IsTruncated") == "false" {
            break;
        }
        from = format!(
            "&key-marker={}&upload-id-marker={}",
            answer.one("NextKeyMarker"),
            answer.one("NextUploadIdMarker")
        );
    }
    assert_eq!(seen, expected);
    let grouped = world.list("uploads&delimiter=/&prefix=").await;
    assert_eq!(grouped.all("Key"), ["a", "a", "a", "c"]);
    assert_eq!(grouped.all("CommonPrefixes"), ["<Prefix>b/</Prefix>"]);
    assert_eq!(
        world.list("uploads&key-marker=a").await.all("Key"),
        ["b/1", "b/2", "c"]
    );
}
