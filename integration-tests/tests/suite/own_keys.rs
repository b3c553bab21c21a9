//! Buckets whose objects have keys of their own: key management is called at each access to an object and at no other
//! time, and what it refuses is refused.
#![expect(
    clippy::indexing_slicing,
    reason = "a member of JSON that is not there is null, and fails the assertion"
)]

use std::collections::BTreeSet;

use integration_tests::administered::Administered;
use integration_tests::client::Account;
use integration_tests::gateway::{Gateway, Upstream};
use integration_tests::world::World;
use serde_json::Value;

use crate::jobs::{self, client, done};
use crate::key_management::{Kms, demo, fault, nothing};
use crate::on_both_upstreams;

on_both_upstreams! {
    objects_are_moved_to_keys_of_their_own_and_clients_see_the_same => moved;
}

#[test]
fn each_access_is_a_call_and_nothing_else_is() {
    let kms = Kms::new();
    let mut gateway = kms.gateway(&[demo()], "", "");
    gateway.reconfigure(|text| format!("{text}{OWN}"));
    let run = |step| gateway.account().run_script("own_keys.py", &[step, "own"]);
    let mut objects = BTreeSet::new();
    run("make");
    for (step, generated, unwrapped) in [
        ("write", 1, 0),
        ("upload", 1, 0),
        ("get", 0, 2),
        ("get", 0, 2),
        ("range", 0, 1),
        ("head", 0, 1),
        ("list", 0, 0),
        ("tags", 0, 0),
        ("copy", 1, 1),
        ("delete", 0, 0),
    ] {
        kms.proxy.seen();
        run(step);
        let calls = calls(&kms);
        let count = |target: &str| calls.iter().filter(|(name, _)| name == target).count();
        assert_eq!(count("TrentService.GenerateDataKey"), generated, "{step}");
        assert_eq!(count("TrentService.Decrypt"), unwrapped, "{step}");
        objects.extend(calls.into_iter().map(|(_, object)| object));
    }
    // A copy is the same sealed object in another place.
    assert_eq!(objects.len(), 2, "{objects:?}");
}

/// Calls about objects' own keys since the last look, each with the object's id; no call says an object's name.
fn calls(kms: &Kms) -> Vec<(String, String)> {
    let seen = kms.proxy.seen();
    let told = seen.iter().filter_map(|(request, _)| {
        let body = String::from_utf8_lossy(&request.body);
        assert!(!body.contains("Jane") && !body.contains("ward"), "{body}");
        let body: Value = serde_json::from_str(&body).expect("KMS is asked in JSON");
        let context = &body["EncryptionContext"];
        let object = context["sof:object"].as_str()?.to_owned();
        assert_eq!(context["sof:purpose"], "object");
        assert_eq!(context["sof:tenant"], "demo");
        Some((request.header("x-amz-target")?.to_owned(), object))
    });
    told.collect()
}

#[test]
fn what_key_management_refuses_is_refused_at_once_there_only() {
    let kms = Kms::new();
    let mut gateway = kms.gateway(&[demo()], "", "");
    gateway.reconfigure(|text| format!("{text}{OWN}"));
    let run = |arguments: &[&str]| gateway.account().run_script("own_keys.py", arguments);
    for bucket in ["own", "usual"] {
        run(&["make", bucket]);
        run(&["write", bucket]);
        run(&["upload", bucket]);
    }
    for (trouble, code, status) in [
        (
            fault(400, "AccessDeniedException"),
            "KMS.AccessDenied",
            "403",
        ),
        (
            fault(400, "DisabledException"),
            "KMS.DisabledException",
            "400",
        ),
        (nothing(), "SlowDown", "503"),
    ] {
        kms.proxy.obey(trouble);
        run(&["refused", "own", code, status]);
        run(&["get", "usual"]);
        run(&["write", "usual"]);
        kms.proxy.relent();
    }
    run(&["recovers", "own"]);
}

#[test]
fn key_management_is_asked_for_nothing_that_the_store_made_up() {
    let mut gateway = Gateway::serve(Upstream::SeaweedFs, &[demo()]);
    gateway.reconfigure(|text| format!("{text}{OWN}"));
    let account = gateway.account();
    account.run_script("own_keys.py", &["prepare", "own"]);
    let store = World::get().seaweedfs();
    let store = Account {
        endpoint: store.endpoint().to_owned(),
        credentials: store.credentials().clone(),
        authority: None,
    };
    let below = format!("{}demo-own", gateway.bucket_prefix());
    store.run_script("own_keys.py", &["exchange", &below]);
    let unwraps =
        "sealgate_kms_calls_total{provider=\"local-file\",operation=\"unwrap\",outcome=\"done\"}";
    let before = gateway.sample(unwraps);
    assert!(before.is_some_and(|count| count > 0), "{before:?}");
    account.run_script("own_keys.py", &["spoilt", "own"]);
    assert_eq!(gateway.sample(unwraps), before);
    store.run_script("own_keys.py", &["exchange", &below]);
    account.run_script("own_keys.py", &["head", "own"]);
    assert!(gateway.sample(unwraps) > before);
}

fn moved(upstream: Upstream) {
    let world = Administered::serve(upstream, &jobs::demo());
    let buckets = format!("own-{upstream:?}").to_lowercase();
    client(&world, &["fill", &buckets]);
    let before = client(&world, &["seen", &buckets]);
    let plain = format!("{buckets}-plain");
    let mode = |verb, mode| {
        let words = ["bucket", verb, "demo", plain.as_str(), "--key-mode", mode];
        words.map(str::to_owned)
    };
    let declare = mode("create", "kms-per-object");
    world.json("demo-owner", &declare.each_ref().map(String::as_str));
    // Beginning with what is new, and going on with what is there.
    let of_plain = ["rewrap-objects", "--bucket", plain.as_str()];
    let job = done(&world, &of_plain);
    let all = job["progress"]["seen"]["objects"].clone();
    assert!(all.as_u64() > Some(5), "{job}");
    assert_eq!(job["progress"]["moved"]["objects"], all, "{job}");
    let after = client(&world, &["seen", &buckets]);
    assert_eq!(after["current"], before["current"]);
    assert_eq!(after["keks"], before["keks"]);
    let again = done(&world, &of_plain);
    assert_eq!(again["progress"]["already"]["objects"], all, "{again}");

    let anew = done(&world, &["reencrypt", "--bucket", &plain]);
    assert_eq!(anew["progress"]["moved"]["objects"], all, "{anew}");
    let again = done(&world, &of_plain);
    assert_eq!(again["progress"]["already"]["objects"], all, "{again}");
    client(&world, &["more", &buckets, "3"]);

    let words = mode("set", "keyring");
    let asked = world.run("demo-owner", &words.each_ref().map(String::as_str));
    let asked = String::from_utf8_lossy(&asked.stdout).into_owned();
    assert!(asked.contains("Two others must approve"), "{asked}");
    let words = mode("set", "hsm");
    let refused = world.refused("demo-owner", &words.each_ref().map(String::as_str));
    assert!(refused.contains("kms-per-object"), "{refused}");
}

const OWN: &str = "[[tenants.buckets]]\nname = \"own\"\nkey_mode = \"kms-per-object\"\n";
