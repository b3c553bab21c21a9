//! The journal on two disks, of which one fails, hangs, is full, or is another.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use super::super::faults::{Faults, identity};
use super::super::{Journal, JournalError, Settings};
use crate::verify::{Severity, verify_trail};
use crate::{Class, Decision, Event, Kind};

/// Two directories, as if they were on two disks.
pub(super) struct Disks {
    _directory: TempDir,
    pub(super) paths: [PathBuf; 2],
}

impl Disks {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let paths = ["one", "two"].map(|name| directory.path().join(name));
        Self {
            _directory: directory,
            paths,
        }
    }

    pub(super) fn settings(&self, min_devices: usize) -> Settings {
        Settings {
            second: Some(self.paths[1].clone()),
            min_devices,
            segment_bytes: 4000,
            commit_timeout: Duration::from_secs(2),
            ..Settings::default()
        }
    }

    pub(super) fn open(&self, min_devices: usize) -> Journal {
        self.try_open(min_devices).unwrap()
    }

    fn try_open(&self, min_devices: usize) -> Result<Journal, JournalError> {
        let settings = self.settings(min_devices);
        Journal::open(&self.paths[0], identity(), settings, later())
    }

    /// All lines of all segments of a log, byte for byte.
    pub(super) fn text(&self, disk: usize, log: &str) -> String {
        self.files(disk, log).concat()
    }

    fn files(&self, disk: usize, log: &str) -> Vec<String> {
        let segments = self.paths[disk].join(log).join("segments");
        let Ok(entries) = fs::read_dir(segments) else {
            return Vec::new();
        };
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<_> = paths
            .filter(|path| path.extension().is_some_and(|of| of == "jsonl"))
            .collect();
        paths.sort();
        let read = |path: &PathBuf| fs::read_to_string(path).unwrap();
        paths
            .iter()
            .map(|path| read(path).trim_end_matches('\0').to_owned())
            .collect()
    }

    /// Each alone is a whole trail of that many lines, all signed, and both are the same.
    pub(super) fn both_hold(&self, log: &str, reqs: &[&str]) {
        assert_eq!(self.files(0, log), self.files(1, log));
        let lines = parsed(&self.text(0, log));
        let told = lines.iter().filter_map(|line| line["req"].as_str());
        assert!(told.eq(reqs.iter().copied()), "{lines:?}");
        for path in &self.paths {
            Self::verifies(path);
            assert!(path.join(log).join("closed").exists());
        }
    }

    fn verifies(path: &Path) {
        let key = identity().deployment_key().unwrap().verifying().clone();
        let report = verify_trail(path, &key).unwrap();
        let findings: Vec<_> = report
            .findings
            .iter()
            .filter(|found| found.code.severity() != Severity::Note)
            .collect();
        assert!(findings.is_empty(), "{}: {findings:?}", path.display());
    }
}

pub(super) fn parsed(text: &str) -> Vec<Value> {
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    let lines: Vec<Value> = lines.collect();
    for (n, line) in lines.iter().enumerate() {
        assert_eq!(line["seq"], n);
    }
    lines
}

/// When events happen.
fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_750_000)
}

/// When journals are opened and end: each time later than those before.
fn later() -> SystemTime {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    now() + Duration::from_secs(OPENED.fetch_add(1, SeqCst))
}

pub(super) fn event(req: &str) -> Event {
    Event::new(
        Kind::Complete,
        now(),
        req.to_owned(),
        "s3:HeadObject",
        Class::Read,
        Decision::Allow,
    )
}

pub(super) async fn put(journal: &Journal, req: &str) -> Result<u64, JournalError> {
    journal.record(&event(req), None).await
}

/// Ends it as a gateway does.
pub(super) async fn end(journal: Journal) -> String {
    let stop = Event::of_trail(Kind::Stop, later());
    journal.record(&stop, None).await.unwrap();
    journal.log().to_owned()
}

pub(super) fn up(journal: &Journal) -> [bool; 2] {
    let up: Vec<bool> = journal.health().devices().map(|(_, up)| up).collect();
    up.try_into().unwrap()
}

async fn until(what: impl Fn() -> bool) {
    for _ in 0..500 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it does not come to that");
}

/// What the trail says became of disks.
fn changes(text: &str) -> Vec<(String, bool)> {
    let lines = parsed(text).into_iter();
    let told = lines.filter(|line| line["kind"] == "audit.config");
    told.map(|line| {
        let device = Path::new(line["detail"]["device"].as_str().unwrap());
        let name = device.file_name().unwrap().to_str().unwrap().to_owned();
        assert_eq!(
            line["detail"]["why"].is_string(),
            line["detail"]["up"] == false
        );
        (name, line["detail"]["up"].as_bool().unwrap())
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn both_disks_hold_the_same_and_each_alone_verifies() {
    let disks = Disks::new();
    let journal = Arc::new(disks.open(2));
    let reqs: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    for req in &reqs {
        put(&journal, req).await.unwrap();
        let log = journal.log();
        assert!(
            disks.text(0, log) == disks.text(1, log),
            "on both when it is answered"
        );
    }
    assert!(disks.files(0, journal.log()).len() > 3);
    assert_eq!(journal.checkpoint().await.unwrap().size, 60);
    journal.prove(59).await.unwrap();
    let log = end(Arc::into_inner(journal).unwrap()).await;
    let reqs: Vec<&str> = reqs.iter().map(String::as_str).collect();
    disks.both_hold(&log, &reqs);
}

/// It does not matter which.
#[tokio::test]
async fn a_disk_that_fails_drops_out_and_comes_back_with_what_it_missed() {
    for faulty in [0, 1] {
        let disks = Disks::new();
        let faults = Arc::new(Faults::default());
        let journal = faults.on(faulty, &disks.paths[0], &disks.settings(1));
        put(&journal, "a").await.unwrap();
        faults.sync.store(true, SeqCst);
        for n in 0..40 {
            put(&journal, &n.to_string()).await.unwrap();
        }
        assert!(journal.health().is_good());
        assert!(!up(&journal)[faulty] && up(&journal)[1 - faulty]);
        assert_eq!(journal.checkpoint().await.unwrap().size, 42);
        faults.sync.store(false, SeqCst);
        until(|| up(&journal) == [true, true]).await;
        put(&journal, "z").await.unwrap();
        until(|| changes(&disks.text(faulty, journal.log())).len() == 2).await;
        let log = end(journal).await;
        let mut reqs = vec!["a".to_owned()];
        reqs.extend((0..40).map(|n| n.to_string()));
        reqs.push("z".to_owned());
        disks.both_hold(&log, &reqs.iter().map(String::as_str).collect::<Vec<_>>());
        let name = ["one", "two"][faulty].to_owned();
        let told = changes(&disks.text(0, &log));
        assert_eq!(told, [(name.clone(), false), (name, true)]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_hangs_holds_up_one_commit_and_no_more() {
    for faulty in [0, 1] {
        let disks = Disks::new();
        let faults = Arc::new(Faults::default());
        let journal = faults.on(faulty, &disks.paths[0], &disks.settings(1));
        put(&journal, "a").await.unwrap();
        let hanging = faults.hang.lock().await;
        for req in ["b", "c", "d"] {
            put(&journal, req).await.unwrap();
        }
        assert!(journal.health().is_good());
        assert!(!up(&journal)[faulty]);
        assert_eq!(parsed(&disks.text(1 - faulty, journal.log())).len(), 5);
        // Signed all the same, by the other's thread.
        assert!(journal.checkpoint().await.unwrap().size >= 4);
        drop(hanging);
        until(|| up(&journal) == [true, true]).await;
        put(&journal, "e").await.unwrap();
        let log = end(journal).await;
        disks.both_hold(&log, &["a", "b", "c", "d", "e"]);
    }
}

#[tokio::test]
async fn where_both_must_have_it_nothing_is_recorded_on_one() {
    let disks = Disks::new();
    let faults = Arc::new(Faults::default());
    let journal = faults.on(1, &disks.paths[0], &disks.settings(2));
    put(&journal, "a").await.unwrap();
    faults.sync.store(true, SeqCst);
    // It stands on the one disk, so that it is there afterwards, but nobody is told so.
    for _ in 0..3 {
        let refused = put(&journal, "refused").await.unwrap_err();
        assert!(
            matches!(refused, JournalError::Unavailable(_)),
            "{refused:?}"
        );
    }
    assert!(!journal.health().is_good());
    journal.submit(&event("kept"), None).unwrap();
    faults.sync.store(false, SeqCst);
    // By itself: nothing else has to come for that.
    until(|| journal.health().is_good()).await;
    put(&journal, "b").await.unwrap();
    let log = end(journal).await;
    disks.both_hold(&log, &["a", "refused", "kept", "b"]);
}

#[tokio::test]
async fn where_both_fail_nothing_is_recorded_and_either_goes_on_alone() {
    let disks = Disks::new();
    let faults = Arc::new(Faults::default());
    let journal = faults.on(0, &disks.paths[0], &disks.settings(1));
    put(&journal, "a").await.unwrap();
    faults.sync.store(true, SeqCst);
    let aside = disks.paths[1].with_extension("aside");
    fs::rename(&disks.paths[1], &aside).unwrap();
    for _ in 0..3 {
        put(&journal, "refused").await.unwrap_err();
    }
    assert_eq!(
        (journal.health().is_good(), up(&journal)),
        (false, [false, false])
    );
    fs::rename(&aside, &disks.paths[1]).unwrap();
    put(&journal, "b").await.unwrap();
    assert_eq!(up(&journal), [false, true]);
    faults.sync.store(false, SeqCst);
    until(|| up(&journal) == [true, true]).await;
    let log = end(journal).await;
    disks.both_hold(&log, &["a", "b"]);
}

/// It takes part again although nothing was recorded since it was back.
#[tokio::test]
async fn a_disk_that_is_back_takes_over_from_one_that_fails_next() {
    let disks = Disks::new();
    let journal = disks.open(1);
    put(&journal, "a").await.unwrap();
    for (fails, req) in [(0, "b"), (1, "c"), (0, "d")] {
        let home = &disks.paths[fails];
        let aside = home.with_extension("aside");
        fs::rename(home, &aside).unwrap();
        put(&journal, req).await.unwrap();
        let log = journal.log();
        until(|| disks.text(1 - fails, log).contains("\"up\":false")).await;
        fs::rename(&aside, home).unwrap();
        until(|| up(&journal) == [true, true]).await;
    }
    let log = end(journal).await;
    disks.both_hold(&log, &["a", "b", "c", "d"]);
}

#[tokio::test]
async fn a_disk_that_is_full_drops_out_and_its_room_is_used_only_where_both_must_have_it() {
    for min_devices in [1, 2] {
        let disks = Disks::new();
        let faults = Arc::new(Faults::default());
        let journal = faults.on(1, &disks.paths[0], &disks.settings(min_devices));
        let headroom = disks.paths[1].join("headroom");
        put(&journal, "a").await.unwrap();
        *faults.append_after.lock().unwrap() = Some(10);
        let recorded = put(&journal, "b").await;
        assert_eq!(recorded.is_ok(), min_devices == 1);
        until(|| headroom.exists() == (min_devices == 1)).await;
        *faults.append_after.lock().unwrap() = None;
        until(|| up(&journal) == [true, true]).await;
        put(&journal, "c").await.unwrap();
        assert!(headroom.exists(), "the room is kept again");
        let log = end(journal).await;
        disks.both_hold(&log, &["a", "b", "c"]);
    }
}

/// Taken away, another in its place, a file in its place, an empty disk, a segment removed, a segment changed.
#[tokio::test]
async fn a_disk_of_which_something_was_taken_gets_all_of_it_again() {
    type Meddle = fn(&Path, &Path);
    let moved: Meddle = |home, aside| fs::rename(home, aside).unwrap();
    let file: Meddle = |home, aside| {
        fs::rename(home, aside).unwrap();
        fs::write(home, "a file in its place").unwrap();
    };
    let empty: Meddle = |home, aside| {
        fs::rename(home, aside).unwrap();
        fs::create_dir(home).unwrap();
    };
    // At once: file by file it would race with what the signing thread still writes there.
    let removed: Meddle = |home, aside| fs::rename(log_in(home), aside).unwrap();
    let segments: Meddle = |home, _| {
        for entry in fs::read_dir(log_in(home).join("segments")).unwrap() {
            fs::remove_file(entry.unwrap().path()).unwrap();
        }
    };
    let changed: Meddle = |home, _| {
        let entries = fs::read_dir(log_in(home).join("segments")).unwrap();
        let last = entries.map(|entry| entry.unwrap().path()).max().unwrap();
        fs::write(last, "{}\n").unwrap();
    };
    for (n, meddle) in [moved, file, empty, removed, segments, changed]
        .into_iter()
        .enumerate()
    {
        for which in [0, 1] {
            let disks = Disks::new();
            let journal = disks.open(1);
            let mut reqs: Vec<String> = (0..30).map(|n| n.to_string()).collect();
            for req in &reqs {
                put(&journal, req).await.unwrap();
            }
            journal.checkpoint().await.unwrap();
            let home = &disks.paths[which];
            let aside = home.with_extension("aside");
            meddle(home, &aside);
            put(&journal, "meanwhile").await.unwrap();
            reqs.push("meanwhile".to_owned());
            let now = up(&journal);
            assert!(!now[which] && now[1 - which], "{n}: {now:?}");
            if n < 2 {
                if n == 1 {
                    fs::remove_file(home).unwrap();
                }
                assert!(!home.exists(), "nothing is made where a disk is gone");
                fs::rename(&aside, home).unwrap();
            }
            until(|| up(&journal) == [true, true]).await;
            put(&journal, "back").await.unwrap();
            reqs.push("back".to_owned());
            let log = end(journal).await;
            disks.both_hold(&log, &reqs.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}

fn log_in(home: &Path) -> PathBuf {
    let entries = fs::read_dir(home)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_dir()).max().unwrap()
}

/// A crash while one disk was away, or between the two: the longer end is what there is.
#[tokio::test]
async fn after_a_crash_the_longer_end_wins_and_is_copied() {
    for shorter in [0, 1] {
        for torn in ["", "{\"v\":2,\"lo"] {
            let disks = Disks::new();
            let journal = disks.open(1);
            for req in ["a", "b", "c"] {
                put(&journal, req).await.unwrap();
            }
            let mut intent = event("d");
            intent.kind = Kind::Intent;
            journal.record(&intent, None).await.unwrap();
            let log = journal.log().to_owned();
            drop(journal);
            // As a crash leaves it, and one disk without the last two lines.
            for path in &disks.paths {
                let _ = fs::remove_file(path.join(&log).join("closed"));
                fs::remove_file(path.join(&log).join("checkpoint")).unwrap();
                fs::remove_dir_all(path.join(&log).join("tile")).unwrap();
            }
            let text = disks.text(0, &log);
            let short: String = text.split_inclusive('\n').take(2).collect();
            let place = disks.paths[shorter].join(&log);
            let segment = place.join("segments/00000000000000000000.jsonl");
            fs::write(&segment, short + torn).unwrap();

            let journal = disks.open(2);
            let closed = journal.opening().closed.clone();
            assert_eq!(
                (closed.len(), closed[0].size, closed[0].open_intents),
                (1, 4, 1)
            );
            assert_eq!(journal.open_intents().unwrap().len(), 1);
            assert_eq!(disks.text(shorter, &log), text);
            journal.reconciled(&log).unwrap();
            assert!(journal.open_intents().unwrap().is_empty());
            end(journal).await;
            for path in &disks.paths {
                let key = identity().deployment_key().unwrap().verifying().clone();
                let report = verify_trail(path, &key).unwrap();
                let codes: Vec<_> = report
                    .findings
                    .iter()
                    .map(|one| one.code.as_str())
                    .collect();
                assert_eq!(codes, ["unclean-end", "open-intent"], "{}", path.display());
            }
        }
    }
}

#[tokio::test]
async fn ends_that_differ_are_left_as_they_are() {
    let disks = Disks::new();
    let journal = disks.open(1);
    for req in ["a", "b"] {
        put(&journal, req).await.unwrap();
    }
    let log = journal.log().to_owned();
    drop(journal);
    let segment = disks.paths[1]
        .join(&log)
        .join("segments/00000000000000000000.jsonl");
    let text = fs::read_to_string(&segment).unwrap();
    let other: String = text
        .lines()
        .take(1)
        .map(|line| line.replace("\"a\"", "\"x\"") + "\n")
        .collect();
    assert_ne!(other, text);
    fs::write(&segment, &other).unwrap();
    for path in &disks.paths {
        let _ = fs::remove_file(path.join(&log).join("closed"));
    }
    drop(disks.open(2));
    assert_eq!(fs::read_to_string(&segment).unwrap(), other);
    assert_eq!(disks.text(0, &log), text);
}

#[tokio::test]
async fn a_second_disk_that_is_added_gets_the_logs_of_earlier_runs() {
    let disks = Disks::new();
    let alone = Settings {
        second: None,
        ..disks.settings(1)
    };
    let journal = Journal::open(&disks.paths[0], identity(), alone, later()).unwrap();
    put(&journal, "before").await.unwrap();
    let before = end(journal).await;
    let journal = disks.open(2);
    put(&journal, "after").await.unwrap();
    let after = end(journal).await;
    disks.both_hold(&before, &["before"]);
    disks.both_hold(&after, &["after"]);
}

#[tokio::test]
async fn a_disk_that_is_away_at_the_start_joins_later_unless_both_must_be_there() {
    for which in [0, 1] {
        let disks = Disks::new();
        fs::write(&disks.paths[which], "no directory").unwrap();
        let refused = disks.try_open(2).unwrap_err();
        assert!(
            matches!(&refused, JournalError::Open { directory, .. } if *directory == disks.paths[which]),
            "{refused:?}"
        );
        let journal = disks.open(1);
        for req in ["a", "b"] {
            put(&journal, req).await.unwrap();
        }
        assert!(!up(&journal)[which]);
        fs::remove_file(&disks.paths[which]).unwrap();
        fs::create_dir(&disks.paths[which]).unwrap();
        until(|| up(&journal) == [true, true]).await;
        put(&journal, "c").await.unwrap();
        assert!(disks.paths[which].join("headroom").exists());
        let log = end(journal).await;
        disks.both_hold(&log, &["a", "b", "c"]);
    }
}

/// Whoever comes back catches up while the other goes on, and then takes part.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_disk_comes_back_under_load() {
    let disks = Disks::new();
    let faults = Arc::new(Faults::default());
    let settings = Settings {
        segment_bytes: 100_000,
        ..disks.settings(1)
    };
    let journal = Arc::new(faults.on(1, &disks.paths[0], &settings));
    let done = Arc::new(AtomicBool::new(false));
    let mut recorders = tokio::task::JoinSet::new();
    for recorder in 0..16 {
        let (journal, done) = (Arc::clone(&journal), Arc::clone(&done));
        recorders.spawn(async move {
            let mut count = 0;
            while !done.load(SeqCst) {
                put(&journal, &format!("{recorder}-{count}")).await.unwrap();
                count += 1;
            }
            count
        });
    }
    for _ in 0..3 {
        faults.sync.store(true, SeqCst);
        until(|| !up(&journal)[1]).await;
        faults.sync.store(false, SeqCst);
        until(|| up(&journal)[1]).await;
    }
    done.store(true, SeqCst);
    let counted: usize = recorders.join_all().await.iter().sum();
    let journal = Arc::into_inner(journal).unwrap();
    let log = end(journal).await;
    assert_eq!(disks.files(0, &log), disks.files(1, &log));
    let lines = parsed(&disks.text(1, &log));
    let told = lines.iter().filter(|line| line["req"].is_string()).count();
    assert_eq!(told, counted);
    Disks::verifies(&disks.paths[1]);
}
