//! Listings against a model, page by page.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use http::Method;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::client::{World, encoded};

/// Keys and common prefixes in order: what S3 says a listing is, on a set.
fn model(keys: &BTreeSet<String>, prefix: &str, delimiter: &str, after: &str) -> Vec<String> {
    let entries: BTreeSet<String> = keys
        .iter()
        .filter_map(|key| {
            let rest = key.strip_prefix(prefix)?;
            match rest.find(delimiter) {
                Some(at) if !delimiter.is_empty() => {
                    Some([prefix, rest.split_at(at + delimiter.len()).0].concat())
                }
                _ => Some(key.clone()),
            }
        })
        .collect();
    entries
        .into_iter()
        .filter(|entry| entry.as_str() > after)
        .collect()
}

/// Lists to the end with pages of `page`, checking each page's own figures.
async fn list_all(
    world: &World,
    bucket: &str,
    query: &str,
    page: usize,
    after: &str,
) -> Vec<String> {
    let mut entries = Vec::new();
    let mut from = format!("start-after={}", encoded(after));
    loop {
        let target =
            format!("/{bucket}?list-type=2&encoding-type=url&max-keys={page}&{query}&{from}");
        let answer = world.send(Method::GET, &target, &[], "").await.expect(200);
        let prefixes: Vec<String> = answer
            .all("CommonPrefixes")
            .iter()
            .map(|text| inner(text))
            .collect();
        let mut seen = [answer.all("Key"), prefixes].concat();
        assert!(seen.len() <= page);
        assert_eq!(answer.one("KeyCount"), seen.len().to_string());
        for entry in &mut seen {
            *entry = percent_encoding::percent_decode_str(entry)
                .decode_utf8()
                .unwrap()
                .into_owned();
        }
        // A page keeps keys and prefixes apart; in order they are one sequence.
        seen.sort();
        entries.extend(seen);
        if answer.one("IsTruncated") == "false" {
            return entries;
        }
        from = format!("continuation-token={}", answer.one("NextContinuationToken"));
    }
}

fn inner(common_prefix: &str) -> String {
    common_prefix
        .replace("<Prefix>", "")
        .replace("</Prefix>", "")
}

#[test]
fn listing_agrees_with_a_sorted_set() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    let world = runtime.block_on(World::new());
    let piece = prop::sample::select(vec!["a", "b", "/", "//", "é", "-", "0", "\u{10ffff}"]);
    let key = prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat());
    let keys = prop::collection::btree_set(key.clone(), 0..40);
    let text = prop_oneof![Just(String::new()), key];
    let delimiter = prop::sample::select(vec!["", "/", "//", "a"]);
    let case = (keys, text.clone(), delimiter, text, 1..7_usize);
    let mut runner = TestRunner::new(Config {
        cases: 48,
        failure_persistence: None,
        ..Config::default()
    });
    let number = std::cell::Cell::new(0);
    let outcome = runner.run(&case, |(keys, prefix, delimiter, after, page)| {
        number.set(number.get() + 1);
        let bucket = format!("case{}", number.get());
        let entries = runtime.block_on(async {
            world
                .send(Method::PUT, &format!("/{bucket}"), &[], "")
                .await
                .expect(200);
            let puts = keys.iter().map(|key| {
                let target = format!("/{bucket}/{}", encoded(key));
                let world = &world;
                async move { world.send(Method::PUT, &target, &[], "x").await.expect(200) }
            });
            join_all(puts).await;
            let query = format!(
                "prefix={}&delimiter={}",
                encoded(&prefix),
                encoded(delimiter)
            );
            list_all(&world, &bucket, &query, page, &after).await
        });
        prop_assert_eq!(entries, model(&keys, &prefix, delimiter, &after));
        Ok(())
    });
    outcome.unwrap();
}

async fn filled(count: usize) -> (World, Vec<String>) {
    let world = World::new().await;
    let keys: Vec<String> = (0..count).map(|number| format!("k{number:05}")).collect();
    join_all(
        keys.iter()
            .map(|key| async { world.put(key, "x").await.expect(200) }),
    )
    .await;
    (world, keys)
}

#[tokio::test]
async fn two_and_a_half_thousand_keys_come_in_three_pages() {
    let (world, keys) = filled(2500).await;
    let mut seen = Vec::new();
    let mut pages = Vec::new();
    let mut from = String::new();
    loop {
        let answer = world
            .list(&format!("list-type=2&max-keys=5000{from}"))
            .await;
        pages.push(answer.all("Key").len());
        seen.extend(answer.all("Key"));
        if answer.one("IsTruncated") == "false" {
            break;
        }
        from = format!(
            "&continuation-token={}",
            answer.one("NextContinuationToken")
        );
    }
    assert_eq!(pages, [1000, 1000, 500]);
    assert_eq!(seen, keys);

    // The first version of the API goes on from the last key.
    let mut seen: Vec<String> = Vec::new();
    loop {
        let marker = seen.last().cloned().unwrap_or_default();
        let answer = world.list(&format!("marker={marker}")).await;
        seen.extend(answer.all("Key"));
        if answer.one("IsTruncated") == "false" {
            break;
        }
    }
    assert_eq!(seen, keys);

    let versions = world.list("versions&max-keys=600&key-marker=k01999").await;
    assert_eq!(versions.all("Key"), keys[2000..]);
    assert!(versions.all("VersionId").iter().all(|id| id == "null"));
}

#[tokio::test]
async fn the_first_api_names_the_next_marker_with_a_delimiter() {
    let world = World::new().await;
    for key in ["a/1", "a/2", "b/1", "c"] {
        world.put(key, "x").await.expect(200);
    }
    let first = world.list("delimiter=/&max-keys=1").await;
    assert_eq!(inner(&first.one("CommonPrefixes")), "a/");
    assert_eq!(first.one("NextMarker"), "a/");
    let second = world.list("delimiter=/&max-keys=1&marker=a/").await;
    assert_eq!(inner(&second.one("CommonPrefixes")), "b/");
    let third = world.list("delimiter=/&max-keys=1&marker=b/").await;
    assert_eq!(third.all("Key"), ["c"]);
    assert_eq!(third.one("IsTruncated"), "false");
}

#[tokio::test]
async fn bad_parameters_are_refused_and_zero_keys_are_none() {
    let world = World::new().await;
    world.put("key", "x").await.expect(200);
    for query in [
        "list-type=2&continuation-token=zz",
        "list-type=2&max-keys=-1",
        "encoding-type=base64",
        "versions&version-id-marker=null",
    ] {
        let answer = world
            .send(Method::GET, &format!("/box?{query}"), &[], "")
            .await;
        answer.refused(400, "InvalidArgument");
    }
    let none = world.list("list-type=2&max-keys=0").await;
    assert!(none.all("Key").is_empty());
    assert_eq!(none.one("IsTruncated"), "false");
}

#[tokio::test]
async fn a_listing_shows_size_tag_and_time() {
    let world = World::new().await;
    let tag = world
        .put("key", "four")
        .await
        .expect(200)
        .header("etag")
        .to_owned();
    let listed = world.list("list-type=2").await;
    assert_eq!(listed.one("Size"), "4");
    assert_eq!(listed.one("ETag"), tag);
    assert_eq!(listed.one("LastModified"), "2026-01-02T03:04:05.000Z");
    assert_eq!(listed.one("StorageClass"), "STANDARD");
}
