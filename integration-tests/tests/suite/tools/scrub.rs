//! Scrubbing a bucket: what it finds, that it finds nothing else, and that it goes on where it was ended.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use integration_tests::cipher_suite::CipherSuite;
use integration_tests::gateway::{self, Gateway, Principal, Upstream};
use integration_tests::process::Process;
use integration_tests::tools;
use integration_tests::world::World;
use serde_json::Value;

use super::{config_of, pairs, prefix_of, sealgate, store_account, store_arguments};
use crate::on_both_suites;

on_both_suites! {
    every_kind_is_found_and_nothing_else
}

fn every_kind_is_found_and_nothing_else(suite: CipherSuite) {
    let ours = Principal::new("demo", "demo-admin", "tenant-admin");
    let theirs = Principal::new("rival", "rival-admin", "tenant-admin");
    let store = World::get().seaweedfs().endpoint();
    let principals = [ours, theirs.clone()];
    let gateway = Gateway::serve_through_with(store, &principals, suite.settings());
    let other = Gateway::start(Upstream::SeaweedFs);
    let scratch = World::get().scratch();
    fs::write(scratch.path().join("theirs"), vec![7; 100_000]).expect("a file can be written");
    for account in [&gateway.account().with(theirs.credentials), other.account()] {
        account.run_aws(scratch.path(), &["s3", "mb", "s3://spoiled"]);
        account.run_aws(
            scratch.path(),
            &["s3", "cp", "theirs", "s3://spoiled/theirs"],
        );
    }
    let (prefix, others) = (prefix_of(&gateway), prefix_of(&other));
    let store = store_arguments();
    let arguments: Vec<&str> = ["spoiled", &prefix, &others]
        .into_iter()
        .chain(store.iter().map(String::as_str))
        .collect();
    let printed = gateway.account().run_script("tools_spoil.py", &arguments);
    let expected: Value = serde_json::from_str(&printed).expect("it prints JSON");
    let expected: BTreeSet<(String, String)> =
        serde_json::from_value(expected).expect("it prints pairs");

    let config = config_of(&gateway);
    let scrub = ["scrub", "spoiled", "--config", &config, "--tenant", "demo"];
    let run = sealgate(&[scrub.as_slice(), &["--against-trail", "--json"]].concat()).expect(3);
    let report = run.json();
    assert_eq!(pairs(&report), expected, "{report:#}");
    assert_eq!(report["counts"]["not_told"], 0, "{report:#}");
    assert_eq!(report["trail_lines_unread"], 0, "{report:#}");
    let detail = |key: &str| {
        let findings = report["findings"].as_array().expect("a list");
        let finding = findings.iter().find(|finding| finding["key"] == key);
        finding.expect("it was found")["detail"].to_string()
    };
    assert!(detail("of another bucket").contains("the bucket spoiled-two"));
    assert!(detail("of another tenant").contains("tenant rival"));

    // Without the trail nobody knows of what is missing or old.
    let run = sealgate(&[scrub.as_slice(), &["--json"]].concat()).expect(3);
    let without: BTreeSet<_> = expected
        .iter()
        .filter(|(kind, _)| kind != "missing" && kind != "not-latest")
        .cloned()
        .collect();
    assert_eq!(pairs(&run.json()), without);
    let run = sealgate(&[scrub.as_slice(), &["--prefix", "deep/", "--against-trail"]].concat());
    assert!(run.expect(0).out.contains("nothing was found"));
    sealgate(&[
        "scrub",
        "no-such-bucket",
        "--config",
        &config,
        "--tenant",
        "demo",
    ])
    .expect(1);
    sealgate(&["scrub", "spoiled", "--config", &config]).expect(1);
}

#[test]
fn it_goes_on_after_kill_9() {
    let gateway = Gateway::start(Upstream::SeaweedFs);
    let scratch = World::get().scratch();
    let many = scratch.path().join("many");
    fs::create_dir(&many).expect("a directory can be made");
    for number in 0..OBJECTS {
        fs::write(many.join(format!("{number:03}")), vec![1; 30_000]).expect("it can be written");
    }
    gateway
        .account()
        .run_aws(scratch.path(), &["s3", "mb", "s3://resumed"]);
    gateway
        .account()
        .run_aws(scratch.path(), &["s3", "sync", "many", "s3://resumed"]);
    // Straight into the store: one at the beginning, one at the end.
    let store = store_account(&gateway);
    for key in ["000", "059"] {
        let target = format!("s3://{}demo-resumed/{key}", prefix_of(&gateway));
        store.run_aws(scratch.path(), &["s3", "cp", "many/001", &target]);
    }
    let (config, state) = (config_of(&gateway), scratch.path().join("state"));
    let state_text = state.display().to_string();
    let scrub = [
        "scrub",
        "resumed",
        "--config",
        &config,
        "--state",
        &state_text,
        "--json",
    ];
    // 60 objects of 30 540 stored bytes at 200 000 bytes a second: nine seconds.
    let slow = [scrub.as_slice(), &["--rate", "200kB"]].concat();
    let mut process = Process::start(&tools::gateway(), &slow, &scratch.path().join("scrub.log"));
    process.wait_for(Duration::from_mins(2), |_| {
        let kept = fs::read_to_string(&state).ok()?;
        kept.contains("\"at\":").then_some(())
    });
    process.kill();

    let report = sealgate(&scrub).expect(3).json();
    assert_eq!(report["counts"]["objects"], OBJECTS, "{report:#}");
    let resumed = report["resumed_after"].as_u64().expect("a number");
    assert!(resumed > 0 && resumed < OBJECTS, "{report:#}");
    let found = report["findings"].as_array().expect("a list");
    let keys: Vec<&Value> = found.iter().map(|finding| &finding["key"]).collect();
    assert_eq!(keys, ["000", "059"], "each once: {report:#}");
    // That scrub is finished, so the next begins anew; another bucket's has another state.
    let report = sealgate(&scrub).expect(3).json();
    assert_eq!(
        (&report["resumed_after"], &report["counts"]["objects"]),
        (&0.into(), &OBJECTS.into())
    );
    let narrower = [scrub.as_slice(), &["--prefix", "05"]].concat();
    sealgate(&narrower).expect(1);
}

#[test]
fn the_embedded_bucket_is_scrubbed_while_its_gateway_is_stopped() {
    let mut gateway = Gateway::dev();
    let scratch = World::get().scratch();
    let account = gateway.account().clone();
    let aws = |arguments: &[&str]| account.run_aws(scratch.path(), arguments);
    aws(&["s3", "mb", "s3://kept"]);
    for (key, length) in [("a", 300_000), ("c", 330_000)] {
        fs::write(scratch.path().join("file"), vec![b'x'; length]).expect("it can be written");
        aws(&["s3", "cp", "file", &format!("s3://kept/{key}")]);
    }
    let config = gateway.directory().join("data/sealgate.toml");
    let config = config.display().to_string();
    let scrub = ["scrub", "kept", "--config", &config, "--json"];
    let busy = sealgate(&scrub).expect(1);
    assert!(busy.err.contains("embedded bucket"), "{busy:?}");
    gateway.process_mut().kill();
    let all = [scrub.as_slice(), &["--all-versions", "--against-trail"]].concat();
    let report = sealgate(&all).expect(0).json();
    assert_eq!(report["counts"]["objects"], 2, "{report:#}");

    flip(gateway.directory(), 330_000);
    assert_eq!(
        pairs(&sealgate(&scrub).expect(3).json()),
        BTreeSet::from([("damaged".to_owned(), "c".to_owned())])
    );
    sealgate(&["object", "verify", "s3://kept/c", "--config", &config]).expect(3);
    sealgate(&["object", "verify", "s3://kept/a", "--config", &config]).expect(0);
    let out = scratch.path().join("opened");
    let out_text = out.display().to_string();
    sealgate(&[
        "object",
        "open",
        "s3://kept/c",
        "--config",
        &config,
        "--out",
        &out_text,
    ])
    .expect(3);
    assert!(!out.exists());
    sealgate(&[
        "object",
        "open",
        "s3://kept/a",
        "--config",
        &config,
        "--out",
        &out_text,
    ])
    .expect(0);
    assert_eq!(fs::read(&out).expect("it is there"), vec![b'x'; 300_000]);
}

#[test]
fn older_versions_are_scrubbed_when_asked_for() {
    let gateway = Gateway::start(Upstream::SeaweedFs);
    let scratch = World::get().scratch();
    let account = gateway.account();
    let store = store_account(&gateway);
    let upstream = format!("{}demo-versions", prefix_of(&gateway));
    account.run_aws(scratch.path(), &["s3", "mb", "s3://versions"]);
    let versioned = ["s3api", "put-bucket-versioning", "--bucket", &upstream];
    let enabled = ["--versioning-configuration", "Status=Enabled"];
    store.run_aws(scratch.path(), &[versioned.as_slice(), &enabled].concat());
    let file = scratch.path().join("file");
    let target = format!("s3://{upstream}/b");
    for (text, to, by) in [
        ("first", "s3://versions/a", account),
        ("first", "s3://versions/b", account),
        // Straight into the store, and hidden by the version that follows.
        ("unsealed", target.as_str(), &store),
        ("third", "s3://versions/b", account),
    ] {
        fs::write(&file, text).expect("it can be written");
        by.run_aws(scratch.path(), &["s3", "cp", "file", to]);
    }
    let config = config_of(&gateway);
    let scrub = [
        "scrub",
        "versions",
        "--config",
        &config,
        "--json",
        "--against-trail",
    ];
    let report = sealgate(&scrub).expect(0).json();
    assert_eq!(report["counts"]["objects"], 2, "{report:#}");
    let report = sealgate(&[scrub.as_slice(), &["--all-versions"]].concat());
    let report = report.expect(3).json();
    assert_eq!(report["counts"]["objects"], 4, "{report:#}");
    assert_eq!(
        pairs(&report),
        BTreeSet::from([("unsealed".to_owned(), "b".to_owned())])
    );
    assert!(report["findings"][0]["version"].is_string(), "{report:#}");
}

/// Flips a bit amid the body file of the embedded bucket's object of this plaintext length.
fn flip(directory: &Path, plain: u64) {
    // docs/format.md: 28 bytes for each frame of 65 536 (five of them here), 144 below 5 MiB, and the trailer.
    let stored = plain + 28 * plain.div_ceil(65_536) + 144 + 368;
    let mut bodies: Vec<PathBuf> = Vec::new();
    gateway::find(directory, &mut |path| {
        if fs::metadata(path).is_ok_and(|metadata| metadata.len() == stored) {
            bodies.push(path.to_owned());
        }
    });
    assert_eq!(bodies.len(), 1, "one body of {stored} bytes: {bodies:?}");
    for body in bodies {
        let mut bytes = fs::read(&body).expect("it can be read");
        *bytes.get_mut(150_000).expect("it is longer") ^= 1;
        fs::write(body, bytes).expect("it can be written");
    }
}

const OBJECTS: u64 = 60;
