//! The tools for administrators, as they type them: verify, open and scrub, on what really lies in a store, whole
//! and spoiled in every way.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use integration_tests::client::{Account, Credentials};
use integration_tests::gateway::{self, Gateway, Principal, Upstream};
use integration_tests::process::Process;
use integration_tests::tools;
use integration_tests::world::World;
use serde_json::Value;

/// What a run of `sealgate` came to.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

fn sealgate(arguments: &[&str]) -> Run {
    let output = Command::new(tools::gateway())
        .args(arguments)
        .output()
        .expect("the gateway starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Run {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

impl Run {
    fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.out).expect("it prints JSON")
    }
}

/// Objects as they were downloaded from SeaweedFS, with the gateway that wrote them.
struct Taken {
    gateway: Gateway,
    directory: tempfile::TempDir,
}

impl Taken {
    fn new() -> Self {
        let gateway = Gateway::start(Upstream::SeaweedFs);
        let directory = World::get().scratch();
        let place = directory.path().display().to_string();
        let arguments = ["taken", place.as_str(), &prefix_of(&gateway)];
        let store = store_arguments();
        let store = store.iter().map(String::as_str);
        let arguments: Vec<&str> = arguments.into_iter().chain(store).collect();
        gateway.account().run_script("tools_take.py", &arguments);
        Self { gateway, directory }
    }

    fn path(&self, name: &str) -> String {
        self.directory.path().join(name).display().to_string()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.directory.path().join(name)).expect("it was taken")
    }

    fn write(&self, name: &str, bytes: &[u8]) -> String {
        fs::write(self.directory.path().join(name), bytes).expect("a file can be written");
        self.path(name)
    }

    /// `object open` of a stored file, by copies of the documents and the root keys.
    fn open(&self, stored: &str, head: &str, key: &str, out: &str) -> Run {
        let (head, system, out) = (self.path(head), self.path("system-bucket"), self.path(out));
        let root_keys = self.gateway.directory().join("root-keys.json");
        let root_keys = root_keys.display().to_string();
        sealgate(&[
            "object",
            "open",
            stored,
            "--head",
            &head,
            "--system",
            &system,
            "--root-keys",
            &root_keys,
            "--tenant",
            "demo",
            "--bucket",
            "taken",
            "--key",
            key,
            "--out",
            &out,
            "--json",
        ])
    }
}

#[test]
fn a_downloaded_object_verifies_and_opens() {
    let taken = Taken::new();
    let keys = taken.path("audit-keys");
    sealgate(&[
        "keys",
        "export-audit",
        "--config",
        &config_of(&taken.gateway),
        "--out",
        &keys,
    ])
    .expect(0);
    for (name, key) in [
        ("empty", "empty"),
        ("one-frame", "one frame"),
        ("frames", "frames"),
        ("told", "räksmörgås/told"),
        ("parts", "parts"),
    ] {
        let (stored, head) = (format!("{name}.stored"), format!("{name}.json"));
        let verify = [
            "object",
            "verify",
            &taken.path(&stored),
            "--head",
            &taken.path(&head),
        ];
        let found = sealgate(&[verify.as_slice(), &["--json", "--audit-key", &keys]].concat());
        let found = found.expect(0).json();
        assert_eq!(found["audit_mac"], "verified", "{found}");
        assert_eq!(found["header"], "agrees", "{found}");
        let plain = taken.read(&format!("{name}.plain"));
        assert_eq!(found["plaintext"], plain.len(), "{found}");
        sealgate(&verify).expect(0);

        let opened = taken.open(&taken.path(&stored), &head, key, "opened");
        let opened = opened.expect(0).json();
        assert_eq!(taken.read("opened"), plain, "{name}");
        if name == "told" {
            assert_eq!(opened["headers"]["content-type"], "text/x-told");
            assert_eq!(opened["headers"]["x-amz-meta-author"], "Ada");
        }
        taken
            .open(&taken.path(&stored), &head, key, "opened")
            .expect(1);
        assert_eq!(
            taken.read("opened"),
            plain,
            "it is replaced only when asked to"
        );
        fs::remove_file(taken.path("opened")).expect("it is there");
    }
    // The same straight from the store, with the gateway's configuration.
    let config = config_of(&taken.gateway);
    let source = "s3://taken/räksmörgås/told";
    sealgate(&[
        "object",
        "verify",
        source,
        "--config",
        &config,
        "--audit-key",
        &keys,
    ])
    .expect(0);
    let out = taken.path("opened");
    sealgate(&["object", "open", source, "--config", &config, "--out", &out]).expect(0);
    assert_eq!(taken.read("opened"), taken.read("told.plain"));
}

#[test]
fn a_spoiled_object_does_not_verify_and_does_not_open() {
    let taken = Taken::new();
    let keys = taken.path("audit-keys");
    sealgate(&[
        "keys",
        "export-audit",
        "--config",
        &config_of(&taken.gateway),
        "--out",
        &keys,
    ])
    .expect(0);
    for (name, part) in [("frames", 0), ("parts", 5_245_168)] {
        let good = taken.read(&format!("{name}.stored"));
        let (length, head) = (good.len(), format!("{name}.json"));
        let parts = if name == "parts" { 3 } else { 1 };
        let (trailer, manifest) = (length - 368, length - 368 - 56 * parts);
        // Part header; nonce, text and tag of frames; padding; manifest; of the trailer all that is in clear.
        let flipped = [
            part,
            part + 5,
            part + 15,
            part + 20,
            part + 40,
            part + 48,
            part + 70,
            part + 65_611,
            manifest - 40,
            manifest - 1,
            manifest + 1,
            manifest + 20,
            manifest + 50,
            trailer,
            trailer + 5,
            trailer + 15,
            trailer + 19,
            trailer + 31,
            trailer + 33,
            trailer + 50,
            trailer + 90,
            trailer + 113,
            trailer + 153,
            length - 1,
        ];
        let mut spoiled: Vec<(String, Vec<u8>)> = Vec::new();
        for at in flipped {
            let mut body = good.clone();
            body[at] ^= 0x01;
            spoiled.push((format!("{name}: bit flipped at {at}"), body));
        }
        let mut swapped = good.clone();
        let (one, two) = (part + 48, part + 48 + 65_564);
        swapped.copy_within(one..one + 65_564, two);
        spoiled.push((format!("{name}: a frame twice"), swapped));
        spoiled.push((format!("{name}: cut"), good[..length - 1].to_vec()));
        spoiled.push((format!("{name}: longer"), [good.as_slice(), b"x"].concat()));
        spoiled.push((format!("{name}: no trailer"), good[..trailer].to_vec()));
        spoiled.push((format!("{name}: another's"), taken.read("told.stored")));
        for (what, body) in spoiled {
            let stored = taken.write("spoiled", &body);
            let found = sealgate(&[
                "object",
                "verify",
                &stored,
                "--head",
                &taken.path(&head),
                "--audit-key",
                &keys,
                "--json",
            ]);
            assert_eq!(found.code, Some(3), "{what}: {found:?}");
            assert_eq!(found.json()["whole"], false, "{what}");
            let opened = taken.open(&stored, &head, name, "opened");
            assert_eq!(opened.code, Some(3), "{what}: {opened:?}");
            assert!(nothing_opened(&taken), "{what}");
        }
    }
    // Of several damaged parts each is named.
    let mut body = taken.read("parts.stored");
    body[100] ^= 1;
    body[2 * 5_245_168 + 28 + 200] ^= 1;
    let found = sealgate(&["object", "verify", &taken.write("spoiled", &body), "--json"]);
    let told = found.expect(3).out;
    assert!(
        told.contains("part 1 ") && told.contains("part 3 ") && !told.contains("part 2 "),
        "{told}"
    );
    // Whole, but not what it is asked to be.
    let stored = taken.path("frames.stored");
    taken
        .open(&stored, "frames.json", "another key", "opened")
        .expect(3);
    assert!(nothing_opened(&taken));
    sealgate(&["object", "verify", &taken.path("frames.plain")]).expect(3);
    sealgate(&["object", "verify", &taken.path("no such file")]).expect(1);
}

/// Neither the plaintext nor anything unfinished is left.
fn nothing_opened(taken: &Taken) -> bool {
    let names = fs::read_dir(taken.directory.path()).expect("it can be read");
    let mut names = names.flatten().map(|entry| entry.file_name());
    !names.any(|name| name.to_string_lossy().contains("opened"))
}

#[test]
fn scrub_finds_every_kind_and_nothing_else() {
    let ours = Principal::new("demo", "demo-admin", "tenant-admin");
    let theirs = Principal::new("rival", "rival-admin", "tenant-admin");
    let gateway = Gateway::serve(Upstream::SeaweedFs, &[ours, theirs.clone()]);
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
fn scrub_goes_on_after_kill_9() {
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

#[test]
fn completions_and_man_pages_come_from_the_program() {
    let bash = sealgate(&["docs", "completions", "bash"]).expect(0).out;
    assert!(bash.contains("--against-trail"), "{bash}");
    let page = sealgate(&["docs", "man", "object", "verify"]).expect(0).out;
    assert!(page.starts_with(".ie") && page.contains("audit"), "{page}");
    sealgate(&["docs", "man", "no-such-command"]).expect(1);
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

fn pairs(report: &Value) -> BTreeSet<(String, String)> {
    let findings = report["findings"]
        .as_array()
        .expect("a report has findings");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    findings
        .iter()
        .map(|finding| (text(&finding["kind"]), text(&finding["key"])))
        .collect()
}

fn config_of(gateway: &Gateway) -> String {
    gateway
        .directory()
        .join("sealgate.toml")
        .display()
        .to_string()
}

fn prefix_of(gateway: &Gateway) -> String {
    let text = fs::read_to_string(gateway.directory().join("sealgate.toml")).expect("it is there");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("bucket_prefix = "));
    line.expect("it names a prefix")
        .trim_matches('"')
        .to_owned()
}

fn store_credentials() -> (String, String) {
    let credentials = World::get().seaweedfs().credentials();
    (
        credentials.access_key_id().to_owned(),
        credentials.secret_access_key().to_owned(),
    )
}

/// The store's own account, for clients that go past the gateway.
fn store_account(gateway: &Gateway) -> Account {
    let (access_key, secret_key) = store_credentials();
    Account {
        endpoint: World::get().seaweedfs().endpoint().to_owned(),
        ..gateway
            .account()
            .with(Credentials::new(&access_key, &secret_key))
    }
}

/// Endpoint and credentials of the store, as scripts take them.
fn store_arguments() -> [String; 3] {
    let (access_key, secret_key) = store_credentials();
    [
        World::get().seaweedfs().endpoint().to_owned(),
        access_key,
        secret_key,
    ]
}

const OBJECTS: u64 = 60;
