//! `sealgate-verify` and the verifier that was written from docs/audit.md alone find the same in trails of real
//! gateways: good ones, and ones that somebody spoiled.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use integration_tests::gateway::{Gateway, Principal, Upstream};
use integration_tests::tools;
use integration_tests::world::World;
use serde_json::Value;

/// Code, log, first and last line, and the rest.
pub(crate) type Found = BTreeSet<(String, String, Option<u64>, Option<u64>, Option<String>)>;

#[test]
fn two_verifiers_agree_on_good_and_on_spoiled_trails() {
    let rival = Principal::new("rival", "rival-admin", "tenant-admin");
    let principals = [
        Principal::new("clinic", "clinic-admin", "tenant-admin"),
        rival.clone(),
    ];
    let mut gateway = Gateway::serve(Upstream::SeaweedFs, &principals);
    let work = |gateway: &Gateway, bucket: &str| {
        gateway.account().run_script("objects.py", &[bucket]);
        let rival = gateway.account().with(rival.credentials.clone());
        rival.run_script("objects.py", &[bucket]);
    };
    work(&gateway, "verified");
    gateway.restart();
    work(&gateway, "verified-again");
    gateway.process_mut().interrupt(Duration::from_secs(30));
    let config = gateway.config().display().to_string();
    let key = run(&tools::gateway(), &["audit", "key", "--config", &config]).1;
    let journal = gateway.directory().join("audit");

    // The first run was killed, so its end is missing; the second ended in good order.
    let (found, code) = both(&journal, key.trim());
    let codes: BTreeSet<&str> = found.iter().map(|one| one.0.as_str()).collect();
    assert!(
        code == 2 && codes.is_subset(&BTreeSet::from(["unclean-end", "open-intent"])),
        "{found:?}"
    );
    assert!(codes.contains("unclean-end"), "{found:?}");

    for (name, spoil, expected, exit) in SPOILED {
        let copy = World::get().scratch();
        copy_all(&journal, copy.path());
        let log = newest(copy.path());
        spoil(&log);
        let (found, code) = both(copy.path(), key.trim());
        let named = found.iter().any(|one| one.0 == *expected);
        assert!(
            named && code == *exit,
            "{name}: exit code {code}, {found:?}"
        );
    }
}

/// A way to spoil a log: its name, what is done, what that must be called, and the exit code.
type Spoiled = (&'static str, fn(&Path), &'static str, i32);

const SPOILED: &[Spoiled] = &[
    (
        "a batch that a crash tore",
        |log| append(log, &[&[0; 4096][..], b"\"x\"}\n{\"v\":2}\n"].concat()),
        "unclean-end",
        2,
    ),
    (
        "an edited byte",
        |log| line_10(log, |line| line.replacen("allow", "alloW", 1)),
        "line-altered",
        3,
    ),
    (
        "a line that is none",
        |log| line_10(log, |_| "{".to_owned()),
        "line-altered",
        3,
    ),
    (
        "a line of another place",
        |log| line_10(log, |line| line.replacen("\"seq\":9,", "\"seq\":8,", 1)),
        "line-altered",
        3,
    ),
    (
        "a deleted line",
        |log| without(log, 9, 10),
        "lines-missing",
        3,
    ),
    (
        "two deleted lines",
        |log| without(log, 9, 11),
        "lines-missing",
        3,
    ),
    (
        "a cut tail",
        |log| without(log, 20, usize::MAX),
        "segment-missing",
        4,
    ),
    (
        "no segment",
        |log| fs::remove_file(segment(log)).expect("it is there"),
        "segment-missing",
        4,
    ),
    ("another tile", spoil_tile, "tiles-altered", 3),
    (
        "no tiles",
        |log| fs::remove_dir_all(log.join("tile")).expect("it is there"),
        "tile-missing",
        4,
    ),
    (
        "another checkpoint",
        |log| note(log, "checkpoint"),
        "checkpoint",
        3,
    ),
    (
        "another certificate",
        |log| note(log, "certificate"),
        "certificate",
        3,
    ),
    (
        "no checkpoint",
        |log| fs::remove_file(log.join("checkpoint")).expect("it is there"),
        "file-missing",
        4,
    ),
];

/// What the super-log remembers is missed by both verifiers: a log, and the newest lines of one, taken away with all that
/// signs them.
#[test]
fn the_super_log_knows_what_is_gone() {
    let principals = [Principal::new("clinic", "clinic-admin", "tenant-admin")];
    let mut gateway = Gateway::serve(Upstream::SeaweedFs, &principals);
    gateway.account().run_script("objects.py", &["registered"]);
    // Killed: only its beginning is registered, before it served anybody.
    gateway.restart();
    gateway.account().run_script("objects.py", &["again"]);
    gateway.process_mut().interrupt(Duration::from_secs(30));
    let config = gateway.config().display().to_string();
    let key = run(&tools::gateway(), &["audit", "key", "--config", &config]).1;
    let journal = World::get().scratch();
    copy_all(&gateway.directory().join("audit"), journal.path());
    let entries = journal.path().join("super");
    let out = entries.display().to_string();
    let copied = ["audit", "super-log", "--config", &config, "--out", &out];
    assert_eq!(run(&tools::gateway(), &copied).0, 0);
    let count = fs::read_dir(&entries).expect("it is there").count();
    assert!(count >= 3, "two beginnings and an end: {count}");
    let (found, code) = both(journal.path(), key.trim());
    assert!(code == 2, "{found:?}");

    let ended = newest(journal.path());
    let spoiled = |spoil: &dyn Fn(&Path), expected: &str| {
        let copy = World::get().scratch();
        copy_all(journal.path(), copy.path());
        spoil(copy.path());
        let (found, code) = both(copy.path(), key.trim());
        let named = found.iter().any(|one| one.0 == expected);
        assert!(named && code >= 3, "{expected}: {code}, {found:?}");
    };
    let name = ended.file_name().expect("a name");
    let remove = |trail: &Path| fs::remove_dir_all(trail.join(name)).expect("it is there");
    spoiled(&remove, "log-missing");
    let logs = || fs::read_dir(journal.path()).expect("it is there");
    let killed = logs()
        .map(|entry| entry.expect("it is there").path())
        .find(|path| path.join("segments").is_dir() && *path != ended)
        .expect("the first run's");
    let killed = killed.file_name().expect("a name");
    let remove = |trail: &Path| fs::remove_dir_all(trail.join(killed)).expect("it is there");
    spoiled(&remove, "log-missing");
    // All that was signed of the newest lines goes with them.
    let cut = |trail: &Path| {
        let log = trail.join(name);
        without(&log, 20, usize::MAX);
        fs::remove_file(log.join("checkpoint")).expect("it is there");
    };
    spoiled(&cut, "segment-missing");
    let first = format!("{:020}", 0);
    let remove = |trail: &Path| {
        fs::remove_file(trail.join("super").join(&first)).expect("it is there");
    };
    spoiled(&remove, "super-log-missing");
}

/// What both find in one tenant's lines, as they are and as somebody spoiled them.
#[test]
fn two_verifiers_agree_on_good_and_on_spoiled_extracts() {
    let principals = [
        Principal::new("clinic", "clinic-admin", "tenant-admin"),
        Principal::new("rival", "rival-admin", "tenant-admin"),
    ];
    let mut gateway = Gateway::serve(Upstream::Embedded, &principals);
    for principal in &principals {
        let account = gateway.account().with(principal.credentials.clone());
        account.run_script("objects.py", &["extracted"]);
    }
    gateway.process_mut().interrupt(Duration::from_secs(30));
    let config = gateway.config().display().to_string();
    let key = run(&tools::gateway(), &["audit", "key", "--config", &config]).1;
    let journal = gateway.directory().join("audit").display().to_string();
    let file = gateway.directory().join("extract.json");
    let path = file.display().to_string();
    let verifier = tools::gateway().with_file_name("sealgate-verify");
    let take = ["extract", &journal, "--tenant", "rival", "--out", &path];
    assert_eq!(run(&verifier, &take).0, 0);
    let text = fs::read_to_string(&file).expect("it was written");
    let extract: Value = serde_json::from_str(&text).expect("an extract is JSON");
    let check = |name: &str, extract: &Value, exit: i32| {
        fs::write(&file, extract.to_string()).expect("a file can be written");
        let arguments = ["tenant", &path, "--key", key.trim()];
        let (ours, told) = run(&verifier, &arguments);
        let (theirs, codes) = proofs(&file, key.trim(), None);
        assert_eq!((ours, theirs), (exit, exit), "{name}: {told} {codes}");
    };
    check("as it is", &extract, 0);
    let spoil = |name: &str, at: &str, spoil: &dyn Fn(&mut Value)| {
        let mut spoiled = extract.clone();
        let place = spoiled.pointer_mut(at);
        spoil(place.unwrap_or_else(|| panic!("{at} in {extract}")));
        check(name, &spoiled, 3);
    };
    let list = |value: &mut Value, change: &dyn Fn(&mut Vec<Value>)| {
        change(value.as_array_mut().expect("a list"));
    };
    let lines = "/logs/0/lines";
    spoil("a line less", lines, &|value| {
        list(value, &|lines| drop(lines.remove(9)));
    });
    spoil("the last line less", lines, &|value| {
        list(value, &|lines| drop(lines.pop()));
    });
    spoil("two lines changed places", lines, &|value| {
        list(value, &|lines| lines.swap(3, 4));
    });
    let line = "/logs/0/lines/9/line";
    spoil("a word of a line", line, &|value| {
        *value = value
            .as_str()
            .expect("a text")
            .replacen("allow", "alloW", 1)
            .into();
    });
    let hashes = "/logs/0/lines/9/hashes";
    spoil("a proof cut", hashes, &|value| {
        list(value, &|hashes| drop(hashes.pop()));
    });
    spoil("another tenant's", "/tenant", &|value| {
        *value = "clinic".into();
    });
    for note in ["/logs/0/certificate", "/logs/0/checkpoint"] {
        spoil(note, note, &|value| {
            *value = value
                .as_str()
                .expect("a text")
                .replacen("sealgate/", "sealgate-", 1)
                .into();
        });
    }
}

/// The exit code and the findings of the verifier that was written from docs/audit.md, of an extract, of lines that
/// were found, or of a receipt and the file that was uploaded.
pub(crate) fn proofs(file: &Path, key: &str, uploaded: Option<&Path>) -> (i32, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("reader/proofs.py");
    let of = [script.as_path(), file, Path::new(key)];
    let arguments = of.into_iter().chain(uploaded);
    let arguments: Vec<String> = arguments.map(|one| one.display().to_string()).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run(&tools::tool("python"), &arguments)
}

/// What both verifiers find in a trail, and the exit code of both.
pub(crate) fn both(trail: &Path, key: &str) -> (Found, i32) {
    let trail = trail.display().to_string();
    let ours = tools::gateway().with_file_name("sealgate-verify");
    let (code, text) = run(&ours, &["trail", &trail, "--key", key, "--json"]);
    let report: Value = serde_json::from_str(&text).expect("it prints JSON");
    let of = |one: &Value| {
        let text = |name: &str| one.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| one.get(name).and_then(Value::as_u64);
        (
            text("code").expect("a finding has a code"),
            text("log").unwrap_or_default(),
            number("first"),
            number("last"),
            text("what"),
        )
    };
    let ours: Found = report
        .get("findings")
        .and_then(Value::as_array)
        .expect("a list")
        .iter()
        .map(of)
        .collect();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("reader/trail.py");
    let script = script.display().to_string();
    let (theirs_code, text) = run(&tools::tool("python"), &[&script, &trail, key]);
    let theirs: Found = serde_json::from_str(&text).expect("it prints findings");
    assert_eq!(ours, theirs);
    assert_eq!(code, theirs_code, "{ours:?}");
    (ours, code)
}

fn run(program: &Path, arguments: &[&str]) -> (i32, String) {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .expect("it starts");
    let told = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).expect("it prints text");
    assert!(!text.is_empty(), "{}: {told}", program.display());
    (output.status.code().expect("it ends"), text)
}

fn newest(journal: &Path) -> PathBuf {
    let logs = fs::read_dir(journal)
        .expect("it can be read")
        .map(|entry| entry.expect("it is there").path());
    let closed = |log: &PathBuf| {
        fs::read_to_string(log.join("closed")).is_ok_and(|how| how.contains("\"clean\":true"))
    };
    logs.filter(|log| log.is_dir())
        .find(closed)
        .expect("one log ended in good order")
}

fn segment(log: &Path) -> PathBuf {
    log.join("segments").join("00000000000000000000.jsonl")
}

fn append(log: &Path, bytes: &[u8]) {
    let path = segment(log);
    let mut text = fs::read(&path).expect("it can be read");
    text.extend(bytes);
    fs::write(path, text).expect("it can be written");
}

fn line_10(log: &Path, change: impl Fn(&str) -> String) {
    rewrite(log, |(at, line)| {
        Some(if at == 9 {
            change(line)
        } else {
            line.to_owned()
        })
    });
}

fn without(log: &Path, first: usize, end: usize) {
    rewrite(log, |(at, line)| {
        (at < first || at >= end).then(|| line.to_owned())
    });
}

fn rewrite(log: &Path, change: impl Fn((usize, &str)) -> Option<String>) {
    let path = segment(log);
    let text = fs::read_to_string(&path).expect("it can be read");
    assert!(text.lines().count() > 30, "{text}");
    let lines: Vec<String> = text.lines().enumerate().filter_map(change).collect();
    fs::write(path, lines.join("\n") + "\n").expect("it can be written");
}

fn note(log: &Path, name: &str) {
    let text = fs::read_to_string(log.join(name)).expect("it can be read");
    let spoiled = text.replacen("sealgate/", "sealgate-", 1);
    fs::write(log.join(name), spoiled).expect("it can be written");
}

fn spoil_tile(log: &Path) {
    let mut tiles = Vec::new();
    integration_tests::gateway::find(&log.join("tile").join("0"), &mut |path| {
        tiles.push(path.to_owned());
    });
    let tile = tiles.first().expect("there is one");
    let mut bytes = fs::read(tile).expect("it can be read");
    *bytes.first_mut().expect("it has hashes") ^= 1;
    fs::write(tile, bytes).expect("it can be written");
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("it can be made");
    for entry in fs::read_dir(from).expect("it can be read") {
        let entry = entry.expect("it is there");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).expect("it can be copied");
        }
    }
}
