//! Object tags: by header, by document, per version.

use http::Method;

use crate::client::World;

fn document(tags: &[(&str, &str)]) -> String {
    let tags = tags
        .iter()
        .map(|(key, value)| format!("<Tag><Key>{key}</Key><Value>{value}</Value></Tag>"));
    let tags = tags.collect::<Vec<_>>().concat();
    format!("<Tagging><TagSet>{tags}</TagSet></Tagging>")
}

#[tokio::test]
async fn tags_are_set_shown_replaced_and_deleted() {
    let world = World::new().await;
    let tagged = [("x-amz-tagging", "a%20b=1%262&plus+plus=x")];
    world
        .send(Method::PUT, "/box/key", &tagged, "x")
        .await
        .expect(200);
    let shown = world
        .send(Method::GET, "/box/key?tagging", &[], "")
        .await
        .expect(200);
    assert_eq!(shown.all("Key"), ["a b", "plus plus"]);
    assert_eq!(shown.all("Value"), ["1&amp;2", "x"]);
    assert_eq!(world.get("key").await.header("x-amz-tagging-count"), "2");
    let head = world.send(Method::HEAD, "/box/key", &[], "").await;
    assert_eq!(head.header("x-amz-tagging-count"), "2");

    let tag = world.get("key").await.header("etag").to_owned();
    world
        .send(
            Method::PUT,
            "/box/key?tagging",
            &[],
            document(&[("c", "3")]),
        )
        .await
        .expect(200);
    let world = world.reopened();
    let shown = world
        .send(Method::GET, "/box/key?tagging", &[], "")
        .await
        .expect(200);
    assert_eq!(shown.all("Key"), ["c"]);
    let got = world.get("key").await.expect(200);
    assert_eq!((got.text(), got.header("etag")), ("x", tag.as_str()));

    world
        .send(Method::DELETE, "/box/key?tagging", &[], "")
        .await
        .expect(204);
    let shown = world
        .send(Method::GET, "/box/key?tagging", &[], "")
        .await
        .expect(200);
    assert!(shown.all("Tag").is_empty());
    assert_eq!(world.get("key").await.header("x-amz-tagging-count"), "");
    world
        .send(Method::GET, "/box/absent?tagging", &[], "")
        .await
        .refused(404, "NoSuchKey");
}

#[tokio::test]
async fn limits_are_s3_s() {
    let world = World::new().await;
    world.put("key", "x").await.expect(200);
    let many: Vec<String> = (0..11).map(|number| format!("t{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
    let (key, value) = ("k".repeat(128), "v".repeat(256));
    let (long_key, long_value) = ("k".repeat(129), "v".repeat(257));
    let put = |tags: String| world.send(Method::PUT, "/box/key?tagging", &[], tags);
    put(document(&many[..10])).await.expect(200);
    put(document(&[(&key, &value)])).await.expect(200);
    for bad in [
        &many[..],
        &[(&long_key, "")],
        &[("k", &long_value)],
        &[("", "")],
        &[("k", "1"), ("k", "2")],
    ] {
        put(document(bad)).await.refused(400, "InvalidTag");
    }
    let header = [("x-amz-tagging", "a=1&a=2")];
    world
        .send(Method::PUT, "/box/other", &header, "x")
        .await
        .refused(400, "InvalidTag");
}

#[tokio::test]
async fn tags_belong_to_a_version() {
    let world = World::new().await;
    let enable = "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>";
    world
        .send(Method::PUT, "/box?versioning", &[], enable)
        .await
        .expect(200);
    let first = world
        .send(Method::PUT, "/box/key", &[("x-amz-tagging", "v=1")], "1")
        .await
        .expect(200);
    let id = first.header("x-amz-version-id").to_owned();
    world
        .send(Method::PUT, "/box/key", &[("x-amz-tagging", "v=2")], "2")
        .await
        .expect(200);
    let old = format!("/box/key?tagging&versionId={id}");
    world
        .send(Method::PUT, &old, &[], document(&[("v", "1a")]))
        .await
        .expect(200);
    assert_eq!(
        world.send(Method::GET, &old, &[], "").await.one("Value"),
        "1a"
    );
    assert_eq!(
        world
            .send(Method::GET, "/box/key?tagging", &[], "")
            .await
            .one("Value"),
        "2"
    );
}

#[tokio::test]
async fn copies_take_or_replace_tags() {
    let world = World::new().await;
    world
        .send(Method::PUT, "/box/key", &[("x-amz-tagging", "v=2")], "2")
        .await
        .expect(200);
    let copy = [
        ("x-amz-copy-source", "box/key"),
        ("x-amz-tagging-directive", "REPLACE"),
        ("x-amz-tagging", "v=3"),
    ];
    world
        .send(Method::PUT, "/box/kept", &copy[..1], "")
        .await
        .expect(200);
    world
        .send(Method::PUT, "/box/replaced", &copy, "")
        .await
        .expect(200);
    assert_eq!(
        world
            .send(Method::GET, "/box/kept?tagging", &[], "")
            .await
            .one("Value"),
        "2"
    );
    assert_eq!(
        world
            .send(Method::GET, "/box/replaced?tagging", &[], "")
            .await
            .one("Value"),
        "3"
    );
}
