//! Buckets: created, found, listed, deleted.

use http::Method;

use crate::client::World;

#[tokio::test]
async fn a_bucket_is_created_once_and_listed() {
    let world = World::new().await;
    world
        .send(Method::PUT, "/box", &[], "")
        .await
        .refused(409, "BucketAlreadyOwnedByYou");
    world
        .send(Method::PUT, "/another.one", &[], "")
        .await
        .expect(200);
    let list = world.send(Method::GET, "/", &[], "").await.expect(200);
    assert_eq!(list.all("Name"), ["another.one", "box"]);
    assert_eq!(list.all("CreationDate").len(), 2);
}

#[tokio::test]
async fn an_absent_bucket_is_nowhere() {
    let world = World::new().await;
    assert!(
        world
            .send(Method::HEAD, "/nowhere", &[], "")
            .await
            .expect(404)
            .body
            .is_empty()
    );
    world.send(Method::HEAD, "/box", &[], "").await.expect(200);
    for target in [
        "/nowhere?list-type=2",
        "/nowhere/key",
        "/nowhere?location",
        "/nowhere?versioning",
    ] {
        world
            .send(Method::GET, target, &[], "")
            .await
            .refused(404, "NoSuchBucket");
    }
    world
        .send(Method::PUT, "/nowhere/key", &[], "x")
        .await
        .refused(404, "NoSuchBucket");
    world
        .send(Method::DELETE, "/nowhere", &[], "")
        .await
        .refused(404, "NoSuchBucket");
    assert_eq!(world.body_files().len(), 0);
}

#[tokio::test]
async fn only_an_empty_bucket_is_deleted_and_a_new_one_starts_empty() {
    let world = World::new().await;
    world.put("key", "x").await.expect(200);
    world
        .send(Method::DELETE, "/box", &[], "")
        .await
        .refused(409, "BucketNotEmpty");
    world
        .send(Method::DELETE, "/box/key", &[], "")
        .await
        .expect(204);
    world
        .send(Method::POST, "/box/unfinished?uploads", &[], "")
        .await
        .expect(200);
    world
        .send(Method::DELETE, "/box", &[], "")
        .await
        .expect(204);
    world.send(Method::PUT, "/box", &[], "").await.expect(200);
    assert!(world.list("list-type=2").await.all("Key").is_empty());
    assert!(world.list("uploads").await.all("Key").is_empty());
}

#[tokio::test]
async fn the_location_is_the_empty_one_of_us_east_1() {
    let world = World::new().await;
    let answer = world.list("location").await;
    assert!(
        answer.text().contains("LocationConstraint"),
        "{}",
        answer.text()
    );
    assert!(
        answer
            .all("LocationConstraint")
            .iter()
            .all(String::is_empty)
    );
}

#[tokio::test]
async fn what_is_not_there_says_so() {
    let world = World::new().await;
    for target in [
        "/box?cors",
        "/box?policy",
        "/box?acl",
        "/box/key?acl",
        "/box/key?torrent",
        "/box/key?partNumber=1",
    ] {
        world.put("key", "x").await.expect(200);
        world
            .send(Method::GET, target, &[], "")
            .await
            .refused(501, "NotImplemented");
    }
    for header in [
        "x-amz-checksum-crc32",
        "x-amz-server-side-encryption",
        "x-amz-trailer",
        "x-amz-grant-read",
    ] {
        world
            .send(Method::PUT, "/box/refused", &[(header, "x")], "x")
            .await
            .refused(501, "NotImplemented");
    }
    world
        .send(
            Method::PUT,
            "/box/refused",
            &[("x-amz-storage-class", "GLACIER")],
            "x",
        )
        .await
        .refused(400, "InvalidStorageClass");
    world.get("refused").await.refused(404, "NoSuchKey");
}

#[tokio::test]
async fn what_a_bucket_does_not_have_is_said_as_by_s3() {
    let world = World::new().await;
    world
        .send(Method::GET, "/box?lifecycle", &[], "")
        .await
        .refused(404, "NoSuchLifecycleConfiguration");
    let payer = world
        .send(Method::GET, "/box?requestPayment", &[], "")
        .await
        .expect(200);
    assert_eq!(payer.one("Payer"), "BucketOwner");
    let accelerate = world
        .send(Method::GET, "/box?accelerate", &[], "")
        .await
        .expect(200);
    assert!(accelerate.all("Status").is_empty());
    world
        .send(Method::GET, "/nowhere?requestPayment", &[], "")
        .await
        .refused(404, "NoSuchBucket");
}
