//! Conditional reads and writes, and races between them.

use std::time::Duration;

use futures_util::future::join_all;
use http::Method;

use crate::client::{World, noise, target};

#[tokio::test]
async fn reads_honour_tags_and_dates_in_rfc_9110_s_order() {
    let world = World::new().await;
    let tag = world
        .put("key", "x")
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    let (written, before, after) = (
        "Fri, 02 Jan 2026 03:04:05 GMT",
        "Fri, 02 Jan 2026 03:04:04 GMT",
        "Fri, 02 Jan 2026 03:04:06 GMT",
    );
    let bare = tag.trim_matches('"').to_owned();
    let list = format!("\"other\", {tag}");
    let weak = format!("W/{tag}");
    let cases: [(&[(&str, &str)], u16); 16] = [
        (&[("if-match", &tag)], 200),
        (&[("if-match", &bare)], 200),
        (&[("if-match", &list)], 200),
        (&[("if-match", "*")], 200),
        (&[("if-match", &weak)], 412),
        (&[("if-match", "\"other\"")], 412),
        (&[("if-none-match", &tag)], 304),
        (&[("if-none-match", &weak)], 304),
        (&[("if-none-match", "\"other\"")], 200),
        (&[("if-modified-since", written)], 304),
        (&[("if-modified-since", before)], 200),
        (&[("if-unmodified-since", written)], 200),
        (&[("if-unmodified-since", before)], 412),
        (&[("if-match", &tag), ("if-unmodified-since", before)], 200),
        (
            &[("if-none-match", "\"other\""), ("if-modified-since", after)],
            200,
        ),
        (&[("if-modified-since", "yesterday")], 200),
    ];
    for (headers, status) in cases {
        for method in [Method::GET, Method::HEAD] {
            let answer = world
                .send(method, "/box/key", headers, "")
                .await
                .expect(status);
            if status == 304 {
                assert_eq!(answer.header("etag"), tag);
                assert!(answer.body.is_empty());
            }
        }
    }
}

#[tokio::test]
async fn writes_and_deletions_honour_tags() {
    let world = World::new().await;
    let put = |headers: &'static [(&str, &str)]| world.send(Method::PUT, "/box/key", headers, "x");
    put(&[("if-match", "*")]).await.refused(404, "NoSuchKey");
    put(&[("if-none-match", "*")]).await.expect(200);
    put(&[("if-none-match", "*")])
        .await
        .refused(412, "PreconditionFailed");
    put(&[("if-match", "\"other\"")])
        .await
        .refused(412, "PreconditionFailed");
    let tag = put(&[("if-match", "*")])
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    world
        .send(Method::PUT, "/box/key", &[("if-match", &tag)], "y")
        .await
        .expect(200);

    let delete = |tag: String| async move {
        let headers = [("if-match", tag.as_str())];
        world.send(Method::DELETE, "/box/key", &headers, "").await
    };
    let now = "\"other\"".to_owned();
    delete(now).await.refused(412, "PreconditionFailed");
}

#[tokio::test]
async fn a_deletion_with_the_right_tag_or_of_nothing_succeeds() {
    let world = World::new().await;
    let tag = world
        .put("key", "x")
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    let headers = [("if-match", tag.as_str())];
    world
        .send(Method::DELETE, "/box/key", &headers, "")
        .await
        .expect(204);
    world
        .send(Method::DELETE, "/box/key", &headers, "")
        .await
        .expect(204);
    // After a deletion the key is free again.
    world
        .send(Method::PUT, "/box/key", &[("if-none-match", "*")], "x")
        .await
        .expect(200);
}

#[tokio::test]
async fn copies_honour_conditions_on_source_and_target() {
    let world = World::new().await;
    let tag = world
        .put("from", "x")
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    let source = ("x-amz-copy-source", "box/from");
    let cases: [((&str, &str), u16); 5] = [
        (("x-amz-copy-source-if-match", &tag), 200),
        (("x-amz-copy-source-if-match", "\"other\""), 412),
        (("x-amz-copy-source-if-none-match", &tag), 412),
        (
            (
                "x-amz-copy-source-if-modified-since",
                "Fri, 02 Jan 2026 03:04:05 GMT",
            ),
            412,
        ),
        (("if-none-match", "*"), 412),
    ];
    for (header, status) in cases {
        world
            .send(Method::PUT, "/box/to", &[source, header], "")
            .await
            .expect(status);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_first_writers_exactly_one_wins() {
    let world = World::new().await;
    for round in 0..4_u64 {
        let key = format!("key{round}");
        let writers = (0..48_u64).map(|writer| {
            let world = &world;
            let key = &key;
            async move {
                let headers = [("if-none-match", "*")];
                let body = noise(round * 100 + writer, 6000);
                (
                    writer,
                    world.send(Method::PUT, &target(key), &headers, body).await,
                )
            }
        });
        let answers = join_all(writers).await;
        let (won, lost): (Vec<_>, Vec<_>) = answers
            .into_iter()
            .partition(|(_, answer)| answer.status == 200);
        assert_eq!(won.len(), 1);
        assert!(lost.iter().all(|(_, answer)| answer.status == 412));
        let winner = won[0].0;
        assert_eq!(
            world.get(&key).await.expect(200).body,
            noise(round * 100 + winner, 6000)
        );
    }
    assert_eq!(world.body_files().len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn counting_by_compare_and_swap_loses_no_count() {
    let world = World::new().await;
    world.put("count", "0").await.expect(200);
    let counters = (0..8).map(|_| async {
        let mut done = 0;
        while done < 10 {
            let seen = world.get("count").await.expect(200);
            let next = seen.text().parse::<u32>().unwrap() + 1;
            let headers = [("if-match", seen.header("etag"))];
            let answer = world
                .send(Method::PUT, "/box/count", &headers, next.to_string())
                .await;
            match answer.status.as_u16() {
                200 => done += 1,
                412 => tokio::time::sleep(Duration::from_millis(1)).await,
                _ => panic!("{answer:?}"),
            }
        }
    });
    join_all(counters).await;
    assert_eq!(world.get("count").await.expect(200).body, "80");
}
