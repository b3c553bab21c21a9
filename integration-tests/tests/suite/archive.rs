//! The archive: the trail as it comes back from a bucket whose locks hold, whatever became of the replica's disk and whoever
//! wrote to the bucket meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use integration_tests::administered::Administered;
use integration_tests::client::Account;
use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::hostile::{HostileStore, Message};
use integration_tests::tools;
use integration_tests::world::World;
use serde_json::Value;

use crate::verifier::both;

#[test]
fn a_trail_comes_back_whole_from_its_archive_and_is_searched_as_before() {
    let principals = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let mut served = Administered::serve(Upstream::SeaweedFs, &principals);
    let before = served.gateway.account();
    before.run_script("objects.py", &["archived"]);
    // The first log was closed by the start that begins to archive.
    let bucket = archived(&mut served.gateway, "", 40);
    let account = served.gateway.account();
    account.run_script("objects.py", &["archived-later"]);
    account.run_script("locks.py", &["archived-locked"]);
    let searched = ["--object", "archived/described"];
    let answer = search(&served, &searched);
    assert!(
        answer["lines"]
            .as_array()
            .is_some_and(|lines| lines.len() > 3)
    );
    let later = "archived-later/described";
    wait("the later lines are signed", || {
        let found = search(&served, &["--object", later]);
        let lines = found["lines"].as_array().cloned().unwrap_or_default();
        lines.iter().any(|line| line["op"] == "s3:DeleteObject")
    });
    let later_answer = search(&served, &["--object", later]);
    caught_up(&served.gateway, &bucket);
    assert_eq!(served.gateway.sample(&sample("worm", &bucket)), Some(1));
    assert_eq!(
        served.gateway.sample(&sample("findings_total", &bucket)),
        Some(0)
    );
    store_account(&served.gateway).run_script("archive.py", &["retained", &bucket]);
    let checked = command(&served.gateway, &["audit", "archive", "check"], &[]);
    assert!(checked.status.success(), "{checked:?}");

    served.gateway.process_mut().kill();
    let journal = served.gateway.directory().join("audit");
    fs::remove_dir_all(&journal).expect("it can be removed");
    let fetched = journal.clone();
    fetch(&served.gateway, &fetched, 0);
    let key = key(&served.gateway);
    // Both logs were killed; the first was followed by the second.
    let (found, code) = both(&fetched, &key);
    let codes: Vec<&str> = found.iter().map(|one| one.0.as_str()).collect();
    assert_eq!((codes, code), (vec!["running", "unclean-end"], 2));

    // A replica that lost its disk goes on with what it fetched, and says the same of what was.
    served.gateway.restart();
    for (question, answer) in [(searched, answer), (["--object", later], later_answer)] {
        let again = search(&served, &question);
        assert_eq!(again["lines"], answer["lines"]);
        assert_eq!(again["completeness"]["complete"], true, "{again}");
    }
    caught_up(&served.gateway, &bucket);
    served.gateway.process_mut().kill();
    spoiled(&served.gateway, &bucket, &key);
}

/// Whoever holds the store's credentials changes nothing of what is fetched, and is told of.
fn spoiled(gateway: &Gateway, bucket: &str, key: &str) {
    let whole = gateway.directory().join("whole");
    fetch(gateway, &whole, 0);
    let (before, _) = both(&whole, key);
    store_account(gateway).run_script("archive.py", &["spoil", bucket]);
    let spoiled = gateway.directory().join("spoiled");
    let told = fetch(gateway, &spoiled, 3);
    assert!(told.contains("over 2 names"), "{told}");
    let (after, _) = both(&spoiled, key);
    assert_eq!(before, after);
    let segments = |directory: &Path| {
        let mut files = files(directory);
        files.retain(|file| file.extension().is_some_and(|end| end == "jsonl"));
        files
    };
    let text = |file: &PathBuf| fs::read_to_string(file).expect("it can be read");
    let lines = |directory: &Path| {
        segments(directory)
            .iter()
            .map(text)
            .collect::<Vec<_>>()
            .concat()
    };
    assert_eq!(lines(&whole), lines(&spoiled));

    // Of what is fetched each piece counts.
    let piece = segments(&whole).remove(0);
    let good = text(&piece);
    let first = good.lines().next().expect("a piece has lines");
    let altered = good.replacen("replica.start", "replica.stort", 1);
    assert_ne!(altered, good, "{first}");
    fs::write(&piece, altered).expect("it can be written");
    let log = piece
        .parent()
        .and_then(Path::parent)
        .and_then(Path::file_name);
    let log = log.and_then(|name| name.to_str()).expect("a log's name");
    let (found, code) = both(&whole, key);
    let named = |code: &str| {
        found
            .iter()
            .any(|one| (one.0.as_str(), one.1.as_str(), one.2) == (code, log, Some(0)))
    };
    assert!(named("line-altered") && code == 3, "{found:?}");
    fs::remove_file(&piece).expect("it can be removed");
    let (found, _) = both(&whole, key);
    let last = u64::try_from(good.lines().count()).expect("a number") - 1;
    let missing = found.iter().any(|one| {
        (one.0.as_str(), one.1.as_str(), one.2, one.3)
            == ("segment-missing", log, Some(0), Some(last))
    });
    assert!(missing, "{found:?}");
}

#[test]
fn what_somebody_put_in_the_way_is_told_of_and_loses_no_line() {
    let principals = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let mut gateway = Gateway::serve(Upstream::SeaweedFs, &principals);
    gateway.account().run_script("objects.py", &["in-the-way"]);
    gateway.process_mut().interrupt(Duration::from_secs(30));
    let key = key(&gateway);
    let deployment = key
        .split_once('/')
        .and_then(|(_, rest)| rest.split_once('+'))
        .expect("a key names its deployment")
        .0;
    let journal = gateway.directory().join("audit");
    let segment = files(&journal)
        .into_iter()
        .find(|file| file.extension().is_some_and(|end| end == "jsonl"));
    let segment = segment.expect("a log has a segment");
    let text = fs::read_to_string(&segment).expect("it can be read");
    let last = text.trim_end_matches('\0').lines().count() - 1;
    let log = segment
        .parent()
        .and_then(Path::parent)
        .and_then(Path::file_name);
    let log = log.and_then(|name| name.to_str()).expect("a log's name");
    let bucket = bucket_of(&gateway);
    let piece = format!("{log}/segments/{:020}-{last:020}.jsonl", 0);
    let entry = format!("super/{:020}", 0);
    store_account(&gateway).run_script(
        "archive.py",
        &[
            "plant",
            &bucket,
            &format!("{deployment}/{piece}"),
            &format!("{deployment}/{entry}"),
        ],
    );
    archived(&mut gateway, "", 40);
    caught_up(&gateway, &bucket);
    assert_eq!(gateway.sample(&sample("findings_total", &bucket)), Some(2));
    let mut told: Vec<String> = gateway
        .journal()
        .iter()
        .filter_map(|line| line["detail"]["archive_taken"].as_str().map(str::to_owned))
        .collect();
    told.sort();
    assert_eq!(told, [piece, entry]);
    gateway.process_mut().interrupt(Duration::from_secs(30));
    let out = gateway.directory().join("fetched");
    fetch(&gateway, &out, 0);
    let (found, _) = both(&out, &key);
    let codes: Vec<&str> = found.iter().map(|one| one.0.as_str()).collect();
    // The first entry is not ours, so that the second does not continue it; of the lines none is missing.
    assert_eq!(codes, ["super-log", "super-log"], "{found:?}");
}

#[test]
fn a_bucket_that_does_not_hold_is_told_of_and_requests_go_on() {
    let principals = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let mut gateway = Gateway::serve(Upstream::SeaweedFs, &principals);
    let bucket = bucket_of(&gateway);
    store_account(&gateway).run_script("archive.py", &["plain", &bucket]);
    archived(&mut gateway, "", 40);
    let checked = command(&gateway, &["audit", "archive", "check"], &[]);
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert_eq!(checked.status.code(), Some(3), "{checked:?}");
    for lack in ["keeps no versions", "has no Object Lock"] {
        assert!(told.contains(lack), "{told}");
    }
    gateway
        .account()
        .run_script("objects.py", &["all-the-same"]);
    let told = || {
        let lines = gateway.journal();
        let tried = lines.iter().map(|line| &line["detail"]["archive_tried"]);
        tried.filter(|tried| tried["holds"] == false).count()
    };
    wait("it is told of", || told() > 0);
    let failures = || gateway.sample(&sample("failures_total", &bucket));
    let before = failures();
    wait("it is tried again", || failures() > before);
    assert!(
        told() <= 2,
        "once a day, though it is tried again and again"
    );
    assert_eq!(gateway.sample(&sample("worm", &bucket)), Some(0));
    assert!(gateway.sample(&sample("failures_total", &bucket)) > Some(0));
    assert!(
        gateway
            .process()
            .log()
            .contains("the archive can be changed")
    );
}

#[test]
fn an_archive_that_is_away_holds_up_nobody_and_gets_everything_afterwards() {
    let store = HostileStore::before(World::get().seaweedfs().endpoint());
    let principals = [Principal::new("demo", "demo-admin", "tenant-admin")];
    let mut gateway = Gateway::serve(Upstream::SeaweedFs, &principals);
    let mut away = Message {
        start: "HTTP/1.1 503 Service Unavailable".to_owned(),
        ..Message::default()
    };
    away.set_body(Vec::new());
    store.obey(std::sync::Arc::new(move |_, _| away.clone()));
    let credentials = World::get().seaweedfs().credentials();
    let own = format!(
        "[audit.archive.s3]\nendpoint = \"{}\"\nregion = \"us-east-1\"\naccess_key_id = \"{}\"\nsecret_access_key = \"{}\"\n",
        store.endpoint(),
        credentials.access_key_id(),
        credentials.secret_access_key()
    );
    let bucket = archived(&mut gateway, &own, 40);
    gateway.account().run_script("objects.py", &["meanwhile"]);
    wait("it is behind", || {
        gateway.sample(&sample("lag_events", &bucket)) > Some(0)
    });
    store.relent();
    caught_up(&gateway, &bucket);
    // It ends in good order, and so does the archive of it.
    gateway.process_mut().interrupt(Duration::from_secs(30));
    let out = gateway.directory().join("fetched");
    fetch(&gateway, &out, 0);
    let (found, code) = both(&out, &key(&gateway));
    let codes: Vec<&str> = found.iter().map(|one| one.0.as_str()).collect();
    assert_eq!((codes, code), (vec!["unclean-end"], 2));
}

/// Starts to archive, for `days`, into a bucket of the gateway's own, whose name it gives.
fn archived(gateway: &mut Gateway, more: &str, days: u64) -> String {
    let bucket = bucket_of(gateway);
    gateway.reconfigure(|text| {
        format!(
            "{text}\n[audit.archive]\nbucket = \"{bucket}\"\nretention_days = {days}\nflush_seconds = 1\n{more}"
        )
    });
    bucket
}

fn bucket_of(gateway: &Gateway) -> String {
    format!("archive-{}", gateway.bucket_prefix().trim_end_matches('-'))
}

/// Until everything that is recorded now is signed, within ten seconds, and archived.
fn caught_up(gateway: &Gateway, bucket: &str) {
    let journal = gateway.directory().join("audit");
    let archived = |line: &Value| {
        let (log, seq) = (line["log"].as_str(), line["seq"].as_u64());
        let cursors = files(&journal.join("archive"));
        cursors.iter().any(|file| {
            let text = fs::read_to_string(file).unwrap_or_default();
            let cursor: Value = serde_json::from_str(&text).unwrap_or_default();
            cursor["logs"][log.unwrap_or_default()].as_u64() > seq
        })
    };
    let last = gateway.journal().pop().expect("there are lines");
    wait("it is archived", || archived(&last));
    wait("nothing is missing", || {
        gateway.sample(&sample("lag_events", bucket)) == Some(0)
    });
    // The super-log's entries of before lie there as well, once a step has begun behind them.
    let objects = gateway.sample(&sample("objects_total", bucket));
    assert!(objects > Some(0));
}

fn sample(name: &str, bucket: &str) -> String {
    format!("sealgate_audit_archive_{name}{{bucket=\"{bucket}\"}}")
}

/// Fetches the archive; what it says.
fn fetch(gateway: &Gateway, out: &Path, code: i32) -> String {
    let out = out.display().to_string();
    let fetched = command(gateway, &["audit", "archive", "fetch"], &["--out", &out]);
    assert_eq!(fetched.status.code(), Some(code), "{fetched:?}");
    String::from_utf8_lossy(&fetched.stdout).into_owned()
}

fn key(gateway: &Gateway) -> String {
    let printed = command(gateway, &["audit", "key"], &[]);
    assert!(printed.status.success(), "{printed:?}");
    String::from_utf8_lossy(&printed.stdout).trim().to_owned()
}

fn command(gateway: &Gateway, command: &[&str], more: &[&str]) -> Output {
    Command::new(tools::gateway())
        .args(command)
        .arg("--config")
        .arg(gateway.config())
        .args(more)
        .output()
        .expect("it runs")
}

fn search(served: &Administered, arguments: &[&str]) -> Value {
    served.json("ann", &[&["audit", "search", "demo"], arguments].concat())
}

/// The store's own account.
fn store_account(gateway: &Gateway) -> Account {
    let store = World::get().seaweedfs();
    Account {
        endpoint: store.endpoint().to_owned(),
        ..gateway.account().with(store.credentials().clone())
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    integration_tests::gateway::find(directory, &mut |file| files.push(file.to_owned()));
    files.sort();
    files
}

fn wait(what: &str, done: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_mins(2);
    while !done() {
        assert!(Instant::now() < limit, "not after two minutes: {what}");
        std::thread::sleep(Duration::from_millis(500));
    }
}
