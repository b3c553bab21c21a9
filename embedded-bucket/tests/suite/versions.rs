//! Versioning: enabled, suspended, delete markers, and what each id means.

use http::Method;

use crate::client::{World, noise};

async fn set(world: &World, status: &str) {
    let document =
        format!("<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>");
    world
        .send(Method::PUT, "/box?versioning", &[], document)
        .await
        .expect(200);
    assert_eq!(world.list("versioning").await.one("Status"), status);
}

async fn put(world: &World, body: &'static str) -> String {
    world
        .put("key", body)
        .await
        .expect(200)
        .header("x-amz-version-id")
        .to_owned()
}

async fn get(world: &World, id: &str) -> crate::client::Answer {
    world
        .send(Method::GET, &format!("/box/key?versionId={id}"), &[], "")
        .await
}

async fn delete(world: &World, id: &str) -> crate::client::Answer {
    world
        .send(Method::DELETE, &format!("/box/key?versionId={id}"), &[], "")
        .await
        .expect(204)
}

/// Ids in listed order: versions and delete markers apart.
async fn listed(world: &World) -> (Vec<String>, Vec<String>) {
    let answer = world.list("versions").await;
    let of = |element: &str| -> Vec<String> {
        let entries = answer.all(element);
        entries
            .iter()
            .map(|entry| {
                entry
                    .split("<VersionId>")
                    .nth(1)
                    .unwrap()
                    .split('<')
                    .next()
                    .unwrap()
                    .to_owned()
            })
            .collect()
    };
    (of("Version"), of("DeleteMarker"))
}

#[tokio::test]
async fn without_versioning_no_ids_are_shown() {
    let world = World::new().await;
    assert!(world.list("versioning").await.all("Status").is_empty());
    assert_eq!(put(&world, "one").await, "");
    assert_eq!(
        world
            .get("key")
            .await
            .expect(200)
            .header("x-amz-version-id"),
        ""
    );
    assert_eq!(get(&world, "null").await.expect(200).body, "one");
    get(&world, "0000000000000001")
        .await
        .refused(404, "NoSuchVersion");
    get(&world, "nonsense")
        .await
        .refused(400, "InvalidArgument");
}

#[tokio::test]
async fn enabled_versioning_keeps_every_version() {
    let world = World::new().await;
    put(&world, "old").await;
    set(&world, "Enabled").await;
    let (one, two) = (put(&world, "one").await, put(&world, "two").await);
    assert_ne!(one, two);
    let world = world.reopened();
    assert_eq!(
        world
            .get("key")
            .await
            .expect(200)
            .header("x-amz-version-id"),
        two
    );
    assert_eq!(get(&world, &one).await.expect(200).body, "one");
    assert_eq!(get(&world, "null").await.expect(200).body, "old");
    assert_eq!(
        listed(&world).await,
        (vec![two.clone(), one.clone(), "null".to_owned()], vec![])
    );
    assert_eq!(
        world.list("versions").await.all("IsLatest"),
        ["true", "false", "false"]
    );

    let gone = world
        .send(Method::DELETE, "/box/key", &[], "")
        .await
        .expect(204);
    let marker = gone.header("x-amz-version-id").to_owned();
    assert_eq!(gone.header("x-amz-delete-marker"), "true");
    let absent = world.get("key").await.refused(404, "NoSuchKey");
    assert_eq!(absent.header("x-amz-delete-marker"), "true");
    let direct = get(&world, &marker).await.refused(405, "MethodNotAllowed");
    assert_eq!(direct.header("x-amz-delete-marker"), "true");
    assert!(world.list("list-type=2").await.all("Key").is_empty());
    assert_eq!(listed(&world).await.1, std::slice::from_ref(&marker));
    world
        .send(Method::DELETE, "/box", &[], "")
        .await
        .refused(409, "BucketNotEmpty");

    // Deleting the marker brings the newest version back.
    let undone = delete(&world, &marker).await;
    assert_eq!(undone.header("x-amz-delete-marker"), "true");
    assert_eq!(world.get("key").await.expect(200).body, "two");
    delete(&world, &two).await;
    assert_eq!(world.get("key").await.expect(200).body, "one");
    delete(&world, "null").await;
    delete(&world, &one).await;
    world.get("key").await.refused(404, "NoSuchKey");
    assert_eq!(listed(&world).await, (vec![], vec![]));
    world
        .send(Method::DELETE, "/box", &[], "")
        .await
        .expect(204);
}

#[tokio::test]
async fn suspended_versioning_replaces_the_null_version_only() {
    let world = World::new().await;
    set(&world, "Enabled").await;
    let one = put(&world, "one").await;
    set(&world, "Suspended").await;
    assert_eq!(put(&world, "null one").await, "null");
    assert_eq!(put(&world, "null two").await, "null");
    assert_eq!(listed(&world).await.0, ["null", one.as_str()]);
    assert_eq!(world.get("key").await.expect(200).body, "null two");

    let gone = world
        .send(Method::DELETE, "/box/key", &[], "")
        .await
        .expect(204);
    assert_eq!(gone.header("x-amz-version-id"), "null");
    assert_eq!(
        listed(&world).await,
        (vec![one.clone()], vec!["null".to_owned()])
    );
    assert_eq!(get(&world, &one).await.expect(200).body, "one");

    set(&world, "Enabled").await;
    let two = put(&world, "two").await;
    assert_eq!(
        listed(&world).await,
        (vec![two, one], vec!["null".to_owned()])
    );
}

#[tokio::test]
async fn an_older_version_is_copied_back() {
    let world = World::new().await;
    set(&world, "Enabled").await;
    let one = put(&world, "one").await;
    put(&world, "two").await;
    let source = format!("box/key?versionId={one}");
    let copied = world
        .send(
            Method::PUT,
            "/box/key",
            &[("x-amz-copy-source", &source)],
            "",
        )
        .await
        .expect(200);
    assert_eq!(copied.header("x-amz-copy-source-version-id"), one);
    assert_eq!(world.get("key").await.expect(200).body, "one");
    assert_eq!(listed(&world).await.0.len(), 3);
}

#[tokio::test]
async fn conditions_treat_a_delete_marker_as_nothing() {
    let world = World::new().await;
    set(&world, "Enabled").await;
    put(&world, "one").await;
    world
        .send(Method::DELETE, "/box/key", &[], "")
        .await
        .expect(204);
    world
        .send(Method::PUT, "/box/key", &[("if-match", "*")], "x")
        .await
        .refused(404, "NoSuchKey");
    world
        .send(Method::PUT, "/box/key", &[("if-none-match", "*")], "x")
        .await
        .expect(200);
}

#[tokio::test]
async fn version_pages_split_a_key_s_history() {
    let world = World::new().await;
    set(&world, "Enabled").await;
    for key in ["a", "b", "c/1", "c/2"] {
        for seed in 0..3 {
            world.put(key, noise(seed, 10)).await.expect(200);
        }
    }
    world
        .send(Method::DELETE, "/box/b", &[], "")
        .await
        .expect(204);
    let whole = world.list("versions").await.all("VersionId");
    assert_eq!(whole.len(), 13);
    for page in 1..6 {
        let mut seen = Vec::new();
        let mut from = String::new();
        loop {
            let answer = world.list(&format!("versions&max-keys={page}{from}")).await;
            seen.extend(answer.all("VersionId"));
            if answer.one("IsTruncated") == "false" {
                break;
            }
            from = format!(
                "&key-marker={}&version-id-marker={}",
                answer.one("NextKeyMarker"),
                answer.one("NextVersionIdMarker")
            );
        }
        // A page lists its delete markers apart from its versions.
        seen.sort();
        let mut expected = whole.clone();
        expected.sort();
        assert_eq!(seen, expected, "pages of {page}");
    }
    let grouped = world.list("versions&delimiter=/&max-keys=8").await;
    assert_eq!(grouped.all("CommonPrefixes"), ["<Prefix>c/</Prefix>"]);
    assert_eq!(grouped.one("IsTruncated"), "false");
}

#[tokio::test]
async fn a_page_of_versions_may_be_deleted_before_the_next_is_asked_for() {
    let world = World::new().await;
    for key in ["a", "b", "c"] {
        world.put(key, "x").await.expect(200);
    }
    let first = world.list("versions&max-keys=1").await;
    let (key, version) = (first.one("NextKeyMarker"), first.one("NextVersionIdMarker"));
    assert_eq!((key.as_str(), version.as_str()), ("a", "null"));
    world
        .send(Method::DELETE, "/box/a?versionId=null", &[], "")
        .await
        .expect(204);
    let rest = world
        .list("versions&key-marker=a&version-id-marker=null")
        .await;
    assert_eq!(rest.all("Key"), ["b", "c"]);
}
