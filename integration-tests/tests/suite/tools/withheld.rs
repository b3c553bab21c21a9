//! What a scrub says of a store that hides objects or does not give them, and of keys that may not be used.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;

use integration_tests::cipher_suite::CipherSuite;
use integration_tests::client::Account;
use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message, Rule};
use integration_tests::world::World;
use serde_json::Value;

use super::{config_of, pairs, prefix_of, sealgate, store_arguments};
use crate::on_both_suites;

on_both_suites! {
    keys_that_may_not_be_used_are_told
}

/// A gateway before a hostile store, with three objects of 30 000 bytes.
struct Scene {
    store: HostileStore,
    gateway: Gateway,
}

impl Scene {
    fn new(suite: CipherSuite) -> Self {
        let store = HostileStore::before(World::get().seaweedfs().endpoint());
        let ours = Principal::new("demo", "demo-admin", "tenant-admin");
        let gateway = Gateway::serve_through_with(store.endpoint(), &[ours], suite.settings());
        write(gateway.account());
        Self { store, gateway }
    }

    /// The path by which the store is asked for an object.
    fn path(&self, key: &str) -> String {
        format!("/{}demo-withheld/{key}", prefix_of(&self.gateway))
    }

    fn scrub(&self, code: i32) -> Value {
        let config = config_of(&self.gateway);
        let scrub = ["scrub", "withheld", "--config", &config, "--json"];
        sealgate(&[scrub.as_slice(), &["--against-trail"]].concat())
            .expect(code)
            .json()
    }
}

#[test]
fn an_object_that_the_store_does_not_give_is_told() {
    let scene = Scene::new(CipherSuite::Siv);
    let path = scene.path("b");
    scene.store.obey(answering(move |request, answer| {
        if request.method() == "GET" && request.path() == path {
            "HTTP/1.1 500 Internal Server Error".clone_into(&mut answer.start);
            answer.set_body(Vec::new());
        }
    }));
    let report = scene.scrub(3);
    assert_eq!(pairs(&report), found(&[("unreadable", "b")]), "{report:#}");
    assert_eq!(report["counts"]["objects"], 3, "{report:#}");

    // Where the store gives nothing at all that is an outage, and no finding.
    scene.store.obey(answering(|_, answer| {
        "HTTP/1.1 503 Slow Down".clone_into(&mut answer.start);
        answer.set_body(Vec::new());
    }));
    let config = config_of(&scene.gateway);
    sealgate(&["scrub", "withheld", "--config", &config]).expect(1);
}

#[test]
fn an_object_that_the_store_does_not_list_is_told_and_examined() {
    let scene = Scene::new(CipherSuite::Siv);
    let path = scene.path("b");
    let hiding = move |flips: bool| {
        let path = path.clone();
        answering(move |request, answer| {
            if request.method() == "GET" && request.target().contains("list-type=2") {
                let text = String::from_utf8_lossy(&answer.body).into_owned();
                answer.set_body(without(&text, "b").into_bytes());
            }
            if flips && request.method() == "GET" && request.path() == path {
                answer.body[20_000] ^= 1;
            }
        })
    };
    scene.store.obey(hiding(false));
    let report = scene.scrub(3);
    assert_eq!(pairs(&report), found(&[("unlisted", "b")]), "{report:#}");
    assert_eq!(report["counts"]["objects"], 3, "{report:#}");
    scene.store.obey(hiding(true));
    let report = scene.scrub(3);
    let both = found(&[("damaged", "b"), ("unlisted", "b")]);
    assert_eq!(pairs(&report), both, "{report:#}");
    scene.store.relent();
    scene.scrub(0);
}

/// The keyring is what it would be after the key was destroyed, or while it waits for that.
fn keys_that_may_not_be_used_are_told(suite: CipherSuite) {
    let scene = Scene::new(suite);
    let root_keys = scene.gateway.directory().join("root-keys.json");
    let root_keys = root_keys.display().to_string();
    let all = ["a", "b", "c"].map(|key| ("unusable-key", key));
    for (purpose, state) in [
        ("kek", "pending-destroy"),
        ("kek", "destroyed"),
        ("aux", "destroyed"),
    ] {
        let set = |state: &str| {
            let prefix = prefix_of(&scene.gateway);
            let store = store_arguments();
            let arguments: Vec<&str> = [purpose, state, "demo", &root_keys, &prefix]
                .into_iter()
                .chain(store.iter().map(String::as_str))
                .collect();
            let account = scene.gateway.account();
            account.run_script("tools_key_state.py", &arguments);
        };
        set(state);
        let report = scene.scrub(3);
        assert_eq!(pairs(&report), found(&all), "{purpose} {state}: {report:#}");
        set("active");
        scene.scrub(0);
    }
}

fn write(account: &Account) {
    let scratch = World::get().scratch();
    let directory = scratch.path().join("withheld");
    fs::create_dir(&directory).expect("a directory can be made");
    for key in ["a", "b", "c"] {
        fs::write(directory.join(key), vec![7; 30_000]).expect("a file can be written");
    }
    account.run_aws(scratch.path(), &["s3", "mb", "s3://withheld"]);
    account.run_aws(scratch.path(), &["s3", "sync", "withheld", "s3://withheld"]);
}

/// The store's own answers, changed.
fn answering(change: impl Fn(&Message, &mut Message) + Send + Sync + 'static) -> Rule {
    Arc::new(move |request, real| {
        let mut answer = real();
        change(request, &mut answer);
        answer
    })
}

/// A listing without the entry of this key.
fn without(listing: &str, key: &str) -> String {
    let mut pieces = listing.split("<Contents>");
    let head = pieces.next().unwrap_or_default();
    let kept = pieces.filter_map(|entry| {
        let (entry, behind) = entry.split_once("</Contents>")?;
        let is_hidden = entry.contains(&format!("<Key>{key}</Key>"));
        Some(if is_hidden {
            behind.to_owned()
        } else {
            format!("<Contents>{entry}</Contents>{behind}")
        })
    });
    format!("{head}{}", kept.collect::<String>())
}

fn found(pairs: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(kind, key)| ((*kind).to_owned(), (*key).to_owned()))
        .collect()
}
