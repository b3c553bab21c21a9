//! A key's life as administrators lead it, by the command line of the real binary, and as clients notice it or do
//! not.
#![expect(
    clippy::indexing_slicing,
    reason = "a member of JSON that is not there is null, and fails the assertion"
)]

use std::process::Command;
use std::thread;

use integration_tests::administered::Administered;
use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::tools;
use serde_json::Value;

use crate::on_both_upstreams;

on_both_upstreams! {
    a_tenants_keys_are_rotated_frozen_and_destroyed => lived;
}

fn demo() -> [Principal; 1] {
    [Principal::new("demo", "demo-admin", "tenant-admin")]
}

fn keys(keyring: &Value, state: &str) -> Vec<String> {
    let all = keyring["keys"].as_array().expect("a keyring has keys");
    all.iter()
        .filter(|key| key["purpose"] == "kek" && key["state"] == state)
        .map(|key| key["id"].as_str().expect("a key has an id").to_owned())
        .collect()
}

/// What a boto3 client gets for a GET of `key`: the body's length, or the error's code.
fn read(gateway: &Gateway, bucket: &str, key: &str) -> String {
    let text = gateway.account().run_script("read_one.py", &[bucket, key]);
    text.trim().to_owned()
}

fn lived(upstream: Upstream) {
    let world = Administered::serve(upstream, &demo());
    let gateway = &world.gateway;
    let bucket = format!("lived-{upstream:?}").to_lowercase();
    gateway
        .account()
        .run_script("restart.py", &["before", &bucket]);
    let of = ["--tenant", "demo"];
    let keys_do = |what: &str| world.json("ada", &[&["keys", what], &of[..]].concat());

    let first = keys(&keys_do("show"), "active");
    let rotated = keys_do("rotate");
    assert_eq!(keys(&rotated, "decrypt-only"), first);
    assert_eq!(read(gateway, &bucket, "earlier"), "700000");

    keys_do("freeze");
    assert_eq!(read(gateway, &bucket, "earlier"), "KMS.AccessDenied");
    keys_do("thaw");
    assert_eq!(read(gateway, &bucket, "earlier"), "700000");
    keys_do("evict");
    assert_eq!(read(gateway, &bucket, "earlier"), "700000");

    // One version waits for its destruction: what it sealed is refused, and given back when that is taken back.
    let destroy = [
        "keys", "destroy", "--tenant", "demo", "--days", "7", "--key", &first[0],
    ];
    let waits = world.by_leave(&destroy);
    assert_eq!(keys(&waits, "pending-destroy"), first);
    assert_ne!(read(gateway, &bucket, "earlier"), "700000");
    keys_do("cancel-destruction");
    assert_eq!(read(gateway, &bucket, "earlier"), "700000");
    assert!(world.refused("ovid", &destroy).contains("AccessDenied"));
    assert_eq!(
        keys_do("certificates")["certificates"],
        serde_json::json!([])
    );
}

#[test]
fn rotation_and_rewrap_under_load_on_three_replicas_lose_nothing() {
    let principals = demo();
    let world = Administered::serve_prepared(Upstream::SeaweedFs, &principals, |directory| {
        two_root_keys(directory);
    });
    let others = [
        world.gateway.replica(&principals),
        world.gateway.replica(&principals),
    ];
    let replicas = [&world.gateway, &others[0], &others[1]];
    let (bucket, stop) = ("rotated", world.gateway.directory().join("stop"));
    world
        .gateway
        .account()
        .run_script("make_bucket.py", &[bucket]);
    let stop_text = stop.display().to_string();
    let written = thread::scope(|scope| {
        let clients: Vec<_> = replicas
            .iter()
            .enumerate()
            .map(|(number, replica)| {
                let (writer, stop) = (format!("writer-{number}"), stop_text.clone());
                scope.spawn(move || {
                    replica
                        .account()
                        .run_script("rotation.py", &[bucket, &writer, &stop])
                })
            })
            .collect();
        // The first write of any of them makes the keyring.
        world
            .gateway
            .account()
            .run_script("put_one.py", &[bucket, "first"]);
        for round in 0..10 {
            world.json("ada", &["keys", "rotate", "--tenant", "demo"]);
            let root_key = ["root-one", "root-two"][round % 2];
            let rewrap = [
                "keys",
                "rewrap",
                "--tenant",
                "demo",
                "--to-kms-key",
                root_key,
            ];
            let moved = world.json("ada", &rewrap);
            assert!(moved["moved"].as_u64() > Some(0), "{moved}");
        }
        std::fs::write(&stop, "").expect("a file can be written");
        clients
            .into_iter()
            .map(|client| client.join().expect("no client met an error"))
            .collect::<Vec<String>>()
    });
    let keyring = world.json("ada", &["keys", "show", "--tenant", "demo"]);
    assert_eq!(keys(&keyring, "decrypt-only").len(), 10);
    let active = keys(&keyring, "active");
    // Every replica follows, within the age of a document and the time a poll takes.
    for replica in replicas {
        let follows = || {
            let kek = replica
                .account()
                .run_script("put_one.py", &[bucket, "last"]);
            kek.trim().ends_with(&active[0])
        };
        assert!(
            (0..30).any(|_| follows()),
            "a replica seals under an old version"
        );
    }
    assert_eq!(written.len(), 3, "{written:?}");
}

/// `root-one` and `root-two`; the second wraps new keys.
fn two_root_keys(directory: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let file = directory.join("root-keys.json");
    // 32 bytes each: of 1s and of 2s.
    let text = "root-one 2026-01-01T00:00:00Z AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n\
                root-two 2026-02-01T00:00:00Z AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\n";
    std::fs::write(&file, text).expect("a file can be written");
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(&file, mode).expect("it is ours");
}

/// What a person sees, without `--json`.
#[test]
fn keys_are_shown_to_people() {
    let world = Administered::serve(Upstream::Embedded, &demo());
    world
        .gateway
        .account()
        .run_script("restart.py", &["before", "shown"]);
    let shown = world.run("ann", &["keys", "list"]);
    let text = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(
        text.starts_with("demo ") && text.contains("1 KEK versions"),
        "{text}"
    );
    let none = Command::new(tools::gateway())
        .args(["keys", "list"])
        .env_remove("SEALGATE_ADMIN_TOKEN")
        .env_remove("SEALGATE_ADMIN_TOKEN_FILE")
        .output()
        .expect("the gateway's binary runs");
    assert!(
        String::from_utf8_lossy(&none.stderr).contains("SEALGATE_ADMIN_TOKEN_FILE"),
        "{none:?}"
    );
}

#[test]
fn every_metric_that_an_alert_watches_is_told() {
    let file = crate::scan::root().join("docs/alerts.yml");
    let rules = std::fs::read_to_string(file).expect("the rules are there");
    let gateway = Gateway::serve(Upstream::Embedded, &demo());
    let told = String::from_utf8(gateway.watched("/metrics").body).expect("metrics are text");
    let mut watched: Vec<&str> = rules
        .split(|at: char| !at.is_ascii_lowercase() && at != '_')
        .filter(|word| word.starts_with("sealgate_"))
        .collect();
    watched.sort_unstable();
    watched.dedup();
    assert!(watched.len() >= 5, "{watched:?}");
    for name in watched {
        let sample = |line: &str| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with([' ', '{']))
        };
        assert!(told.lines().any(sample), "{name} is not told");
    }
}
