//! The journal on a real disk, and on one that fails.

mod late_answers;
mod restarts;
mod two_disks;

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    sync::atomic::Ordering::SeqCst,
    time::SystemTime,
};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::{join_all, poll_immediate};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::faults::{Faults, identity};
use super::opening::log_name;
use super::segments::first_seq;
use super::*;
use crate::signed::{Checkpoint, certified_key};
use crate::tree::{Growing, leaf_hash};
use crate::{Class, Decision, Kind, LINE_LIMIT, Uuid};

fn event(req: &str) -> Event {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_750_000);
    Event::new(
        Kind::Complete,
        wall,
        req.to_owned(),
        "s3:HeadObject",
        Class::Read,
        Decision::Allow,
    )
}

fn place() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("journal");
    (directory, path)
}

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_750_000)
}

fn try_open(path: &Path, settings: Settings) -> Result<Journal, JournalError> {
    Journal::open(path, identity(), settings, now())
}

fn open(path: &Path) -> Journal {
    try_open(path, Settings::default()).unwrap()
}

impl Journal {
    async fn put(&self, event: &Event) -> Result<u64, JournalError> {
        self.record(event, None).await
    }
}

/// The logs in the journal's directory, oldest first. (All begin in one second; here by when they were made.)
fn logs(path: &Path) -> Vec<PathBuf> {
    let mut logs: Vec<_> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.metadata().unwrap().created().unwrap(), entry.path()))
        .collect();
    logs.sort();
    logs.into_iter().map(|(_, path)| path).collect()
}

fn log(path: &Path) -> PathBuf {
    logs(path).pop().unwrap()
}

/// Segments of the last log in order, by name and content.
fn segments(path: &Path) -> Vec<(String, String)> {
    segments_of(&log(path))
}

fn segments_of(log: &Path) -> Vec<(String, String)> {
    let path = log.join("segments");
    let names = fs::read_dir(&path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter(|name| first_seq(Path::new(name)).is_some())
        .collect();
    names.sort_unstable();
    let read = |name: String| {
        let text = fs::read_to_string(path.join(&name)).unwrap();
        // Of the segment that is being written: room for more lines.
        (name, text.trim_end_matches('\0').to_owned())
    };
    names.into_iter().map(read).collect()
}

/// Every line of the last log as (seq, req), lines of the trail itself apart; each must be whole.
fn lines(path: &Path) -> Vec<(u64, String)> {
    lines_of(&log(path))
}

fn lines_of(log: &Path) -> Vec<(u64, String)> {
    let text: String = segments_of(log).into_iter().map(|(_, text)| text).collect();
    assert!(text.is_empty() || text.ends_with('\n'), "torn: {text:?}");
    let name = log.file_name().unwrap().to_str().unwrap();
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["v"], 2);
        assert_eq!(line["log"], name);
        (
            line["seq"].as_u64().unwrap(),
            line["req"].as_str().unwrap_or_default().to_owned(),
        )
    };
    text.lines().map(line).collect()
}

fn expected(reqs: &[&str]) -> Vec<(u64, String)> {
    (0..).zip(reqs.iter().map(ToString::to_string)).collect()
}

fn only_segment(path: &Path) -> PathBuf {
    let segments = segments(path);
    assert_eq!(segments.len(), 1);
    log(path).join("segments").join(&segments[0].0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_events_are_each_there_once_in_order() {
    let (_directory, path) = place();
    let journal = Arc::new(open(&path));
    let mut recorders = JoinSet::new();
    for recorder in 0..64 {
        let journal = Arc::clone(&journal);
        recorders.spawn(async move {
            let mut acked = Vec::new();
            for n in 0..20 {
                let req = format!("{recorder}-{n}");
                acked.push((journal.put(&event(&req)).await.unwrap(), req));
            }
            acked
        });
    }
    let mut acked = recorders.join_all().await.concat();
    acked.sort_unstable();
    let written = lines(&path);
    assert_eq!(
        written, acked,
        "every line carries the seq its recorder was told"
    );
    assert!(written.iter().map(|(seq, _)| *seq).eq(0..64 * 20));
}

#[tokio::test]
async fn an_event_is_on_disk_when_record_returns() {
    let (_directory, path) = place();
    let journal = open(&path);
    for n in 0..5 {
        assert_eq!(journal.put(&event("R")).await.unwrap(), n);
        assert_eq!(lines(&path).len() as u64, n + 1);
    }
}

#[test]
fn logs_sort_by_when_they_began_within_a_second_too() {
    let name = |ms| log_name("local", now() + Duration::from_millis(ms));
    let names: Vec<String> = (0..100).map(|n| name(n * 11)).collect();
    assert!(names.is_sorted(), "{names:?}");
}

#[tokio::test]
async fn every_run_has_a_log_of_its_own() {
    let (_directory, path) = place();
    let journal = open(&path);
    assert_eq!(*journal.opening(), Opening::default());
    journal.put(&event("a")).await.unwrap();
    journal
        .put(&Event::of_trail(Kind::Stop, now()))
        .await
        .unwrap();
    let first = journal.log().to_owned();
    assert!(first.starts_with("local-20251121T183320.000Z-"), "{first}");
    drop(journal);
    let journal = open(&path);
    assert_eq!(
        *journal.opening(),
        Opening::default(),
        "it ended in good order"
    );
    assert_ne!(journal.log(), first);
    journal.put(&event("b")).await.unwrap();
    assert_eq!(lines(&path), expected(&["b"]));
    assert_eq!(logs(&path).len(), 2);
    assert_eq!(segments(&path).len(), 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&only_segment(&path))), (0o700, 0o600));
}

#[tokio::test]
async fn what_a_crash_left_is_closed_and_signed() {
    let (_directory, path) = place();
    let journal = open(&path);
    let mut intents = Vec::new();
    for n in 0..3 {
        let mut intent = event(&format!("{n}"));
        intent.kind = Kind::Intent;
        journal.put(&intent).await.unwrap();
        intents.push(intent.id);
    }
    for (n, of_several) in [(0, false), (1, true)] {
        let mut outcome = event(&format!("{n}"));
        outcome.kind = Kind::Outcome;
        outcome.intent_ref = Some(intents[n]);
        if of_several {
            outcome.detail.insert("of_several".into(), true.into());
        }
        journal.put(&outcome).await.unwrap();
    }
    let crashed = journal.log().to_owned();
    // As a crash leaves it: no end, no checkpoint.
    let copy = path.with_extension("copy");
    copy_all(&path, &copy);
    drop(journal);
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&copy, &path).unwrap();

    let journal = open(&path);
    let closed = Closed {
        log: crashed.clone(),
        size: 5,
        open_intents: 2,
        ..Closed::default()
    };
    assert_eq!(journal.opening().closed, [closed]);
    verified(&path.join(&crashed), 5);
    let open_intents = journal.open_intents().unwrap();
    let ids: Vec<String> = open_intents
        .iter()
        .map(|open| {
            assert_eq!(open.log, crashed);
            let line: Value = serde_json::from_str(&open.line).unwrap();
            line["id"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(ids, [intents[1].to_string(), intents[2].to_string()]);
    journal.reconciled(&crashed).unwrap();
    assert!(journal.open_intents().unwrap().is_empty());
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The log's certificate and checkpoint verify, and the checkpoint is of its first `size` lines.
fn verified(log: &Path, size: u64) {
    let read = |name: &str| fs::read_to_string(log.join(name)).unwrap();
    let deployment = identity().deployment_key().unwrap();
    let (origin, key) = certified_key(&read("certificate"), deployment.verifying()).unwrap();
    let name = log.file_name().unwrap().to_str().unwrap();
    assert_eq!(origin, format!("sealgate/d/{name}"));
    let checkpoint = Checkpoint::open(&read("checkpoint"), &key).unwrap();
    let (mut tree, mut full) = (Growing::default(), Vec::new());
    for (_, text) in segments_of(log) {
        for line in text.lines() {
            if tree.size() < size {
                tree.push(leaf_hash(line.as_bytes()), &mut full);
            }
        }
    }
    assert_eq!(
        checkpoint,
        Checkpoint {
            origin,
            size,
            root: tree.root()
        }
    );
    let top = tree.partial().pop().unwrap();
    let tile = crate::tree::tile_path(top.level, top.index, top.hashes.len() as u64);
    assert_eq!(fs::read(log.join(tile)).unwrap(), top.hashes.concat());
}

#[tokio::test]
async fn lines_are_signed_while_the_journal_runs_and_proved_when_asked() {
    let (_directory, path) = place();
    let journal = open(&path);
    let acme = |n: usize| Event {
        tenant: Some("acme".to_owned()),
        ..event(&format!("{n}"))
    };
    let key = AuditKey::new("a1", &[1; 32]);
    for n in 0..300 {
        journal.record(&acme(n), Some(&key)).await.unwrap();
    }
    for seq in [0, 1, 255, 256, 299] {
        let proved = journal.prove(seq).await.unwrap();
        let (head, note) = proved.proof.split_once("\n\n").unwrap();
        let mut head = head.lines();
        assert_eq!(head.next(), Some("c2sp.org/tlog-proof@v1"));
        assert_eq!(head.next(), Some(format!("index {seq}").as_str()));
        let hashes: Vec<crate::tree::Hash> = head
            .map(|hash| STANDARD.decode(hash).unwrap().try_into().unwrap())
            .collect();
        let log_key = identity().log_key(journal.log()).unwrap();
        let checkpoint = Checkpoint::open(note, log_key.verifying()).unwrap();
        let text = segments(&path)[0].1.clone();
        let line = text.lines().nth(seq.try_into().unwrap()).unwrap();
        crate::tree::verify_inclusion(
            &leaf_hash(line.as_bytes()),
            seq,
            checkpoint.size,
            &hashes,
            &checkpoint.root,
        )
        .unwrap();
    }
    assert!(matches!(journal.prove(300).await, Err(ProveError::Outside)));
    journal.record(&acme(300), Some(&key)).await.unwrap();
    let signed = journal.checkpoint().await.unwrap();
    let mut tree = Growing::default();
    for line in segments(&path)[0].1.lines() {
        tree.push(leaf_hash(line.as_bytes()), &mut Vec::new());
    }
    assert_eq!((signed.size, signed.root), (301, tree.root()));
    journal
        .put(&Event::of_trail(Kind::Stop, now()))
        .await
        .unwrap();
    drop(journal);
    // Before the stop: where acme's chain ends.
    verified(&log(&path), 303);
    let text = segments(&path)[0].1.clone();
    let mut chain = (0, String::new());
    for line in text.lines() {
        let parsed: Value = serde_json::from_str(line).unwrap();
        if parsed["tenant"] == "acme" {
            assert_eq!(parsed["tseq"], chain.0);
            assert_eq!(parsed["tprev"], chain.1);
            chain = (chain.0 + 1, STANDARD.encode(leaf_hash(line.as_bytes())));
        }
    }
    let heads: Value = serde_json::from_str(text.lines().nth(301).unwrap()).unwrap();
    assert_eq!(heads["kind"], "tenant.heads");
    let heads: Vec<_> = heads["detail"]["heads"]
        .as_object()
        .unwrap()
        .values()
        .collect();
    assert_eq!(heads, [&serde_json::json!([301, chain.1])]);
}

#[tokio::test]
async fn time_in_a_log_never_goes_back() {
    let (_directory, path) = place();
    let journal = open(&path);
    for seconds in [5, 3, 3, 9] {
        let mut event = event("R");
        event.wall = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        journal.put(&event).await.unwrap();
    }
    let text = segments(&path)[0].1.clone();
    let clock = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        u64::from_str_radix(line["hlc"].as_str().unwrap(), 16).unwrap()
    };
    let clocks: Vec<u64> = text.lines().map(clock).collect();
    // 48 bits of milliseconds, 16 of counter.
    let five = 5000 << 16;
    assert_eq!(clocks, [five, five + 1, five + 2, 9000 << 16]);
}

#[tokio::test]
async fn one_process_at_a_time() {
    let (_directory, path) = place();
    let first = open(&path);
    let second = try_open(&path, Settings::default()).unwrap_err();
    assert!(matches!(second, JournalError::InUse { .. }), "{second:?}");
    first.put(&event("a")).await.unwrap();
    drop(first);
    open(&path);
}

#[tokio::test]
async fn a_torn_end_is_cut_off_and_reported() {
    let whole = r#"{"v":2,"seq":2,"req":"c"}"#;
    for torn in [
        &b"{"[..],
        whole.as_bytes(),
        b"\0\0\n\0\n",
        b"{\"seq\":}\n",
        b"\xff\n{\"v\":2,\"se",
    ] {
        let (_directory, path) = place();
        let journal = open(&path);
        journal.put(&event("a")).await.unwrap();
        journal.put(&event("b")).await.unwrap();
        drop(journal);
        append(&only_segment(&path), torn);

        let crashed = log(&path);
        let journal = open(&path);
        let found = &journal.opening().closed;
        assert_eq!((found[0].torn_bytes, found[0].size), (torn.len() as u64, 2));
        assert_eq!(found[0].damaged, None);
        assert_eq!(lines_of(&crashed), expected(&["a", "b"]));
        verified(&crashed, 2);
        let aside = fs::read_dir(crashed.join("segments"))
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let aside = aside.filter(|path| path.display().to_string().contains(".torn-"));
        let aside: Vec<_> = aside.map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(aside, [torn], "what was cut off is kept");
    }
}

/// Pages of one write reach the disk in any order, and the room they go to reads as zeros until they do.
#[tokio::test]
async fn a_batch_that_a_crash_tore_in_its_midst_is_cut_off_whole() {
    let whole = b"{\"v\":2,\"seq\":3,\"id\":\"01234567-89ab-7def-8123-456789abcdef\",\"kind\":\"complete\"}\n";
    for before in [&b""[..], b"{\"v\":2,\"se"] {
        for behind in [&b""[..], b"\"x\"}\n", whole] {
            let torn = [before, &[0; 4096], behind, whole, &[0; 100], whole].concat();
            let (_directory, path) = place();
            let journal = open(&path);
            journal.put(&event("a")).await.unwrap();
            journal.put(&event("b")).await.unwrap();
            drop(journal);
            append(&only_segment(&path), &torn);
            append(&only_segment(&path), &[0; 1000]);

            let crashed = log(&path);
            let journal = open(&path);
            let closed = &journal.opening().closed[0];
            assert_eq!(closed.damaged, None);
            assert_eq!((closed.torn_bytes, closed.size), (torn.len() as u64, 2));
            assert_eq!(lines_of(&crashed), expected(&["a", "b"]));
            verified(&crashed, 2);
            let aside = fs::read_dir(crashed.join("segments"))
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .find(|path| path.display().to_string().contains(".torn-"));
            assert_eq!(fs::read(aside.unwrap()).unwrap(), torn);
        }
    }
}

/// What is signed was on disk whole: a hole there is no crash's.
#[tokio::test]
async fn a_hole_in_what_is_signed_is_damage() {
    let (_directory, path) = place();
    let journal = open(&path);
    for req in ["a", "b", "c"] {
        journal.put(&event(req)).await.unwrap();
    }
    drop(journal);
    let segment = only_segment(&path);
    let whole = fs::read_to_string(&segment).unwrap();
    let damaged = whole.replacen("\"req\":\"b\"", "\0\0\0\0\0\0\0\0\0", 1);
    fs::write(&segment, &damaged).unwrap();
    let signed = log(&path).join("checkpoint");
    let note = fs::read(&signed).unwrap();
    for note in [note.as_slice(), b"no note"] {
        fs::write(&signed, note).unwrap();
        let copy = path.with_extension("copy");
        copy_all(&path, &copy);
        let journal = open(&copy);
        assert!(journal.opening().closed[0].damaged.is_some());
        drop(journal);
        fs::remove_dir_all(&copy).unwrap();
    }
    assert_eq!(fs::read_to_string(&segment).unwrap(), damaged);
}

#[tokio::test]
async fn damage_before_the_end_is_left_as_it_is() {
    for (from, to) in [
        ("\"seq\":1", "\"seq\":x"),
        ("\"req\":\"b\"", "\"req\":\"b\"\n"),
    ] {
        let (_directory, path) = place();
        let journal = open(&path);
        for req in ["a", "b", "c"] {
            journal.put(&event(req)).await.unwrap();
        }
        drop(journal);
        let (crashed, segment) = (log(&path), only_segment(&path));
        let whole = fs::read_to_string(&segment).unwrap();
        let damaged = whole.replacen(from, to, 1);
        assert_ne!(damaged, whole);
        fs::write(&segment, &damaged).unwrap();

        let journal = open(&path);
        assert_eq!(journal.opening().closed[0].damaged, Some(segment.clone()));
        assert_eq!(fs::read_to_string(&segment).unwrap(), damaged);
        verified_note_only(&crashed, 3);
        journal.put(&event("d")).await.unwrap();
        assert_eq!(lines(&path), expected(&["d"]));
    }
}

/// What was signed before stays signed.
fn verified_note_only(log: &Path, size: u64) {
    let key = identity()
        .log_key(log.file_name().unwrap().to_str().unwrap())
        .unwrap();
    let note = fs::read_to_string(log.join("checkpoint")).unwrap();
    assert_eq!(Checkpoint::open(&note, key.verifying()).unwrap().size, size);
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new()
        .append(true)
        .open(path)
        .unwrap()
        .write_all(bytes)
        .unwrap();
}

#[tokio::test]
async fn a_full_segment_is_followed_by_another() {
    let (_directory, path) = place();
    let settings = || Settings {
        segment_bytes: 1000,
        ..Settings::default()
    };
    let journal = try_open(&path, settings()).unwrap();
    for _ in 0..20 {
        journal.put(&event("a")).await.unwrap();
    }
    assert_eq!(lines(&path), expected(&["a"; 20]));
    let segments = segments(&path);
    assert!(segments.len() > 2);
    for (name, text) in segments {
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(
            name,
            format!("{:020}.jsonl", first["seq"].as_u64().unwrap())
        );
        // Full at 1,000 bytes, and a line takes under 500.
        assert!(text.len() < 1500, "{}", text.len());
    }
}

#[tokio::test]
async fn a_segment_that_others_touched_is_written_to_no_more() {
    let removed: fn(&Path) = |segment| fs::remove_file(segment).unwrap();
    let replaced: fn(&Path) = |segment| {
        fs::remove_file(segment).unwrap();
        fs::write(segment, "").unwrap();
    };
    let cut: fn(&Path) = |segment| fs::write(segment, "").unwrap();
    let added: fn(&Path) = |segment| append(segment, b"{\"seq\":7}\n");
    for meddle in [removed, replaced, cut, added] {
        let (_directory, path) = place();
        let journal = open(&path);
        journal.put(&event("a")).await.unwrap();
        meddle(&only_segment(&path));
        assert_eq!(journal.put(&event("b")).await.unwrap(), 1);
        assert_eq!(journal.put(&event("c")).await.unwrap(), 2);
        let (name, text) = segments(&path).pop().unwrap();
        assert_eq!(name, "00000000000000000001.jsonl");
        assert_eq!(text.lines().count(), 2);
    }
}

#[tokio::test]
async fn a_directory_that_is_gone_refuses_events_until_it_is_back() {
    let (_directory, path) = place();
    let journal = open(&path);
    journal.put(&event("a")).await.unwrap();
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    fs::write(&path, "a file in its place").unwrap();
    for _ in 0..3 {
        let error = journal.put(&event("lost")).await.unwrap_err();
        assert!(matches!(error, JournalError::Unavailable(_)), "{error:?}");
    }
    fs::remove_file(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    assert_eq!(journal.put(&event("b")).await.unwrap(), 1);
    assert_eq!(lines(&path), expected(&["a", "b"]));
}

#[tokio::test]
async fn a_read_only_disk_refuses_events_until_it_is_writable() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    faults.create.store(true, SeqCst);
    let journal = faults.open(&path, Settings::default());
    let error = journal.put(&event("lost")).await.unwrap_err();
    assert!(matches!(error, JournalError::Unavailable(_)), "{error:?}");
    assert!(segments(&path).is_empty());
    faults.create.store(false, SeqCst);
    assert_eq!(journal.put(&event("a")).await.unwrap(), 0);
    assert_eq!(lines(&path), expected(&["a"]));
}

#[tokio::test]
async fn a_failed_write_leaves_no_torn_line() {
    for length in [0, 1, 100] {
        let (_directory, path) = place();
        let faults = Arc::new(Faults::default());
        let journal = faults.open(&path, Settings::default());
        *faults.append_after.lock().unwrap() = Some(length);
        journal.put(&event("lost")).await.unwrap_err();
        *faults.append_after.lock().unwrap() = None;
        journal.put(&event("a")).await.unwrap();

        *faults.append_after.lock().unwrap() = Some(length);
        journal.put(&event("lost")).await.unwrap_err();
        assert_eq!(lines(&path), expected(&["a"]), "cut off at once");
        *faults.append_after.lock().unwrap() = None;
        journal.put(&event("b")).await.unwrap();
        assert_eq!(lines(&path), expected(&["a", "b"]));
    }
}

#[tokio::test]
async fn a_failed_sync_takes_its_lines_back() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let journal = faults.open(&path, Settings::default());
    journal.put(&event("a")).await.unwrap();
    faults.sync.store(true, SeqCst);
    let error = journal.put(&event("lost")).await.unwrap_err();
    assert!(matches!(error, JournalError::Unavailable(_)), "{error:?}");
    faults.sync.store(false, SeqCst);
    assert_eq!(journal.put(&event("b")).await.unwrap(), 1);
    assert_eq!(lines(&path), expected(&["a", "b"]));
}

#[tokio::test]
async fn nothing_is_written_behind_a_torn_line() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let journal = faults.open(&path, Settings::default());
    journal.put(&event("a")).await.unwrap();
    *faults.append_after.lock().unwrap() = Some(20);
    faults.cut.store(true, SeqCst);
    journal.put(&event("lost")).await.unwrap_err();
    // It can be written again, but not be mended: still no.
    *faults.append_after.lock().unwrap() = None;
    journal.put(&event("lost")).await.unwrap_err();
    assert_eq!(
        segments(&path)[0].1.lines().count(),
        2,
        "the torn line is still there"
    );
    faults.cut.store(false, SeqCst);
    assert_eq!(journal.put(&event("b")).await.unwrap(), 1);
    assert_eq!(lines(&path), expected(&["a", "b"]));
}

#[tokio::test]
async fn a_disk_that_hangs_refuses_events_in_time_and_recovers() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let settings = Settings {
        commit_timeout: Duration::from_millis(50),
        queue: 4,
        ..Settings::default()
    };
    let journal = faults.open(&path, settings);
    let hanging = faults.hang.lock().await;
    // More than the queue holds: those without a place in it are refused like the rest.
    let events: Vec<_> = (0..16).map(|n| event(&format!("{n}"))).collect();
    for outcome in join_all(events.iter().map(|event| journal.put(event))).await {
        assert!(
            matches!(outcome, Err(JournalError::TimedOut { .. })),
            "{outcome:?}"
        );
    }
    drop(hanging);
    // The disk may take longer than 50 ms to catch up on a busy machine.
    let mut recovered = false;
    for _ in 0..200 {
        recovered = recovered || journal.put(&event("after")).await.is_ok();
    }
    assert!(recovered);
    let written = lines(&path);
    assert!(
        written
            .iter()
            .map(|(seq, _)| *seq)
            .eq(0..written.len() as u64)
    );
    assert_eq!(written.last().unwrap().1, "after");
}

#[tokio::test]
async fn events_that_wait_together_share_one_sync() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let journal = faults.open(&path, Settings::default());
    let hanging = faults.hang.lock().await;
    let events: Vec<_> = (0..64).map(|n| event(&format!("{n}"))).collect();
    let mut recording = Box::pin(join_all(events.iter().map(|event| journal.put(event))));
    assert!(poll_immediate(&mut recording).await.is_none());
    // The thread hangs in its first sync; the rest is queued and can only be one batch.
    drop(hanging);
    assert!(recording.await.iter().all(Result::is_ok));
    assert!(
        faults.syncs.load(SeqCst) <= 3,
        "{} syncs",
        faults.syncs.load(SeqCst)
    );
    assert_eq!(lines(&path).len(), 64);
}

#[tokio::test]
async fn what_nobody_waits_for_rides_with_the_next_commit() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let journal = faults.open(&path, Settings::default());
    let hanging = faults.hang.lock().await;
    // The thread hangs in its first sync while the others come.
    let (first, last) = (event("first"), event("last"));
    let mut waiting = Box::pin(async { tokio::join!(journal.put(&first), journal.put(&last)) });
    assert!(poll_immediate(&mut waiting).await.is_none());
    for n in 0..8 {
        journal.submit(&event(&format!("late {n}")), None).unwrap();
    }
    drop(hanging);
    let (first, last) = waiting.await;
    first.and(last).unwrap();
    let written = until(&path, |lines| lines.len() == 10).await;
    let mut late = written.iter().filter(|(_, req)| req.starts_with("late"));
    assert!(
        late.by_ref()
            .map(|(_, req)| req.clone())
            .eq((0..8).map(|n| format!("late {n}")))
    );
    assert!(faults.syncs.load(SeqCst) <= 3, "{:?}", faults.syncs);
}

#[tokio::test]
async fn an_outcome_is_written_behind_the_intent_that_waited_with_it() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let settings = Settings {
        commit_timeout: Duration::from_millis(50),
        ..Settings::default()
    };
    let journal = faults.open(&path, settings);
    let hanging = faults.hang.lock().await;
    // The first is written and in the sync that hangs; the intent waits behind it, is refused, and that is told.
    journal.put(&event("first")).await.unwrap_err();
    until(&path, |lines| lines.len() == 1).await;
    journal.put(&event("intent")).await.unwrap_err();
    journal.submit(&event("outcome"), None).unwrap();
    drop(hanging);
    let written = until(&path, |lines| lines.len() == 3).await;
    assert_eq!(written, expected(&["first", "intent", "outcome"]));
}

#[tokio::test]
async fn what_nobody_waits_for_goes_by_itself_after_a_moment() {
    let (_directory, path) = place();
    let journal = open(&path);
    journal.submit(&event("alone"), None).unwrap();
    until(&path, |lines| *lines == expected(&["alone"])).await;
}

#[tokio::test]
async fn what_nobody_waits_for_is_kept_while_the_disk_fails() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let settings = Settings {
        late: 3,
        ..Settings::default()
    };
    let journal = faults.open(&path, settings);
    journal.put(&event("before")).await.unwrap();
    faults.sync.store(true, SeqCst);
    for n in 0..5 {
        let kept = journal.submit(&event(&format!("{n}")), None);
        match n {
            0..3 => kept.unwrap(),
            _ => assert!(matches!(kept, Err(JournalError::NoRoom)), "{kept:?}"),
        }
    }
    journal.put(&event("refused")).await.unwrap_err();
    assert!(!journal.health().is_good());
    faults.sync.store(false, SeqCst);
    // By themselves: nothing else has to come for that.
    let written = until(&path, |lines| lines.len() == 5).await;
    let reqs: Vec<_> = written.iter().map(|(_, req)| req.as_str()).collect();
    assert_eq!(
        reqs,
        ["before", "", "0", "1", "2"],
        "a gap, and what was kept"
    );
    // Lines are there a moment before the journal says so: this one is answered behind all of that.
    journal.put(&event("after")).await.unwrap();
    assert!(journal.health().is_good());
    let gap: Value = serde_json::from_str(segments(&path)[0].1.lines().nth(1).unwrap()).unwrap();
    assert_eq!(
        (&gap["kind"], &gap["detail"]["count"]),
        (&"audit.gap".into(), &2.into())
    );
    // There is room again, and nothing more to tell.
    journal.submit(&event("3"), None).unwrap();
    journal
        .put(&Event::of_trail(Kind::Stop, now()))
        .await
        .unwrap();
    let text = segments(&path).remove(0).1;
    assert_eq!(
        text.matches("\"audit.gap\"").count(),
        2,
        "kind and op of one line"
    );
    assert!(text.lines().last().unwrap().contains("replica.stop"));
}

/// The lines, once they are as wanted.
async fn until(path: &Path, wanted: impl Fn(&Vec<(u64, String)>) -> bool) -> Vec<(u64, String)> {
    for _ in 0..1000 {
        let written = lines(path);
        if wanted(&written) {
            return written;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("still {:?}", lines(path));
}

#[tokio::test]
async fn room_for_more_lines_is_taken_and_given_back() {
    let (_directory, path) = place();
    let journal = open(&path);
    journal.put(&event("a")).await.unwrap();
    let (segment, crashed) = (only_segment(&path), log(&path));
    let lines = segments(&path)[0].1.len() as u64;
    assert!(fs::metadata(&segment).unwrap().len() > lines);
    drop(journal);
    assert_eq!(fs::metadata(&segment).unwrap().len(), lines);
    // A crash leaves it; nothing is torn by that.
    OpenOptions::new()
        .write(true)
        .open(&segment)
        .unwrap()
        .set_len(lines + 1000)
        .unwrap();
    let journal = open(&path);
    assert_eq!(journal.opening().closed[0].torn_bytes, 0);
    assert_eq!(journal.opening().closed[0].size, 1);
    assert_eq!(fs::metadata(&segment).unwrap().len(), lines);
    assert_eq!(fs::read_dir(crashed.join("segments")).unwrap().count(), 1);
    verified(&crashed, 1);
}

#[tokio::test]
async fn leaving_writes_what_still_waits() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let journal = faults.open(&path, Settings::default());
    let hanging = faults.hang.lock().await;
    {
        let (a, b) = (event("a"), event("b"));
        let mut waiting = Box::pin(async { tokio::join!(journal.put(&a), journal.put(&b)) });
        // Polled once: both are queued, then their callers are gone.
        assert!(poll_immediate(&mut waiting).await.is_none());
    }
    drop(hanging);
    drop(journal);
    assert_eq!(lines(&path), expected(&["a", "b"]));
}

#[tokio::test]
async fn no_line_is_longer_than_its_limit() {
    let (_directory, path) = place();
    let replica = "\"a".repeat(100_000);
    let journal = try_open(
        &path,
        Settings {
            replica,
            ..Settings::default()
        },
    )
    .unwrap();
    let hostile = "\u{1}".repeat(100_000);
    let mut event = event(&hostile);
    event.op = hostile.clone().into();
    event.err = Some(hostile.clone().into());
    event.intent_ref = Some(Uuid::max());
    event.policies = vec![String::new(); 10_000];
    event.detail.insert("more".into(), "x".repeat(4000).into());
    event.bytes_in = Some(u64::MAX);
    event.bytes_out = Some(u64::MAX);
    event.status = Some(u16::MAX);
    event.src = Some("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap());
    event.duration = Some(Duration::MAX);
    event.actor_type = Some("administrator");
    event.roles = vec![String::new(); 10_000];
    event.second_factor = Some(crate::SecondFactor {
        age: Duration::MAX,
        methods: vec![String::new(); 10_000],
    });
    event.tls = Some((13, Some(hostile.clone())));
    for field in [
        &mut event.tenant,
        &mut event.principal,
        &mut event.credential,
        &mut event.bucket,
        &mut event.key,
        &mut event.object_id,
        &mut event.version,
        &mut event.range,
        &mut event.ua,
        &mut event.source,
        &mut event.asked_version,
        &mut event.digest,
        &mut event.reason,
        &mut event.receipt,
    ] {
        *field = Some(hostile.clone());
    }
    journal.put(&event).await.unwrap();
    let text = segments(&path).remove(0).1;
    assert!(text.len() <= LINE_LIMIT, "{}", text.len());
    assert!(
        text.len() > LINE_LIMIT / 2,
        "it tries the limit: {}",
        text.len()
    );
    let line: Value = serde_json::from_str(&text).unwrap();
    let log = line["log"].as_str().unwrap();
    assert!(
        log.starts_with(&format!("{}-2025", "a".repeat(64))),
        "{log}"
    );
}
