//! The journal on a real disk, and on one that fails.

use std::{
    fs::{self, OpenOptions},
    io::Write as _,
    os::unix::fs::PermissionsExt as _,
    sync::atomic::Ordering::SeqCst,
    time::SystemTime,
};

use futures_util::future::{join_all, poll_immediate};
use serde_json::Value;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::{faults::Faults, segments::first_seq, *};
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

fn open(path: &Path) -> Journal {
    Journal::open(path, Settings::default()).unwrap()
}

/// Segments in order, by name and content.
fn segments(path: &Path) -> Vec<(String, String)> {
    let names = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter(|name| first_seq(Path::new(name)).is_some())
        .collect();
    names.sort_unstable();
    let read = |name: String| {
        let text = fs::read_to_string(path.join(&name)).unwrap();
        (name, text)
    };
    names.into_iter().map(read).collect()
}

/// Every line of every segment as (seq, req); each must be whole.
fn lines(path: &Path) -> Vec<(u64, String)> {
    let text: String = segments(path).into_iter().map(|(_, text)| text).collect();
    assert!(text.is_empty() || text.ends_with('\n'), "torn: {text:?}");
    let line = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["v"], 1);
        assert_eq!(line["replica"], "local");
        (
            line["seq"].as_u64().unwrap(),
            line["req"].as_str().unwrap().to_owned(),
        )
    };
    text.lines().map(line).collect()
}

fn expected(reqs: &[&str]) -> Vec<(u64, String)> {
    (1..).zip(reqs.iter().map(ToString::to_string)).collect()
}

fn only_segment(path: &Path) -> PathBuf {
    let segments = segments(path);
    assert_eq!(segments.len(), 1);
    path.join(&segments[0].0)
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
                acked.push((journal.record(&event(&req)).await.unwrap(), req));
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
    assert!(written.iter().map(|(seq, _)| *seq).eq(1..=64 * 20));
}

#[tokio::test]
async fn an_event_is_on_disk_when_record_returns() {
    let (_directory, path) = place();
    let journal = open(&path);
    for n in 1..=5 {
        assert_eq!(journal.record(&event("R")).await.unwrap(), n);
        assert_eq!(lines(&path).len() as u64, n);
    }
}

#[tokio::test]
async fn a_restart_continues_the_sequence() {
    let (_directory, path) = place();
    let journal = open(&path);
    assert_eq!(
        *journal.opening(),
        Opening {
            next_seq: 1,
            ..Opening::default()
        }
    );
    journal.record(&event("a")).await.unwrap();
    drop(journal);
    let journal = open(&path);
    assert_eq!(
        *journal.opening(),
        Opening {
            next_seq: 2,
            ..Opening::default()
        }
    );
    journal.record(&event("b")).await.unwrap();
    assert_eq!(lines(&path), expected(&["a", "b"]));
    assert_eq!(segments(&path).len(), 1);
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&only_segment(&path))), (0o700, 0o600));
}

#[tokio::test]
async fn one_process_at_a_time() {
    let (_directory, path) = place();
    let first = open(&path);
    let second = Journal::open(&path, Settings::default()).unwrap_err();
    assert!(matches!(second, JournalError::InUse { .. }), "{second:?}");
    first.record(&event("a")).await.unwrap();
    drop(first);
    open(&path);
}

#[tokio::test]
async fn a_torn_end_is_cut_off_and_reported() {
    let whole = r#"{"v":1,"seq":3,"req":"c"}"#;
    for torn in [
        &b"{"[..],
        whole.as_bytes(),
        b"\0\0\0\0",
        b"\0\0\n\0",
        b"{\"seq\":}\n",
        b"\xff\n{\"v\":1,\"se",
    ] {
        let (_directory, path) = place();
        let journal = open(&path);
        journal.record(&event("a")).await.unwrap();
        journal.record(&event("b")).await.unwrap();
        drop(journal);
        append(&only_segment(&path), torn);

        let journal = open(&path);
        let found = Opening {
            next_seq: 3,
            torn_bytes: torn.len() as u64,
            damaged: None,
        };
        assert_eq!(*journal.opening(), found);
        assert_eq!(journal.record(&event("c")).await.unwrap(), 3);
        assert_eq!(lines(&path), expected(&["a", "b", "c"]));
        assert_eq!(segments(&path).len(), 1);
        let aside = fs::read_dir(&path)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let aside = aside.filter(|path| path.display().to_string().contains(".torn-"));
        let aside: Vec<_> = aside.map(|path| fs::read(path).unwrap()).collect();
        assert_eq!(aside, [torn], "what was cut off is kept");
    }
}

#[tokio::test]
async fn damage_before_the_end_is_left_as_it_is() {
    for (from, to) in [
        ("\"seq\":2", "\"seq\":x"),
        ("{\"v\":1,\"seq\":2", "garbage\n{\"v\":1,\"seq\":2"),
    ] {
        let (_directory, path) = place();
        let journal = open(&path);
        for req in ["a", "b", "c"] {
            journal.record(&event(req)).await.unwrap();
        }
        drop(journal);
        let segment = only_segment(&path);
        let whole = fs::read_to_string(&segment).unwrap();
        let damaged = whole.replacen(from, to, 1);
        assert_ne!(damaged, whole);
        fs::write(&segment, &damaged).unwrap();

        let journal = open(&path);
        let found = Opening {
            next_seq: 4,
            torn_bytes: 0,
            damaged: Some(segment.clone()),
        };
        assert_eq!(*journal.opening(), found);
        assert_eq!(journal.record(&event("d")).await.unwrap(), 4);
        assert_eq!(fs::read_to_string(&segment).unwrap(), damaged);
        assert!(path.join("journal-00000000000000000004.jsonl").exists());
    }
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
    let journal = Journal::open(&path, settings()).unwrap();
    for _ in 0..10 {
        journal.record(&event("a")).await.unwrap();
    }
    drop(journal);
    let journal = Journal::open(&path, settings()).unwrap();
    for _ in 0..10 {
        journal.record(&event("a")).await.unwrap();
    }
    assert_eq!(lines(&path), expected(&["a"; 20]));
    let segments = segments(&path);
    assert!(segments.len() > 2);
    for (name, text) in segments {
        let first: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
        assert_eq!(
            name,
            format!("journal-{:020}.jsonl", first["seq"].as_u64().unwrap())
        );
        // Full at 1,000 bytes, and a line takes under 300.
        assert!(text.len() < 1300, "{}", text.len());
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
        journal.record(&event("a")).await.unwrap();
        meddle(&only_segment(&path));
        assert_eq!(journal.record(&event("b")).await.unwrap(), 2);
        assert_eq!(journal.record(&event("c")).await.unwrap(), 3);
        let (name, text) = segments(&path).pop().unwrap();
        assert_eq!(name, "journal-00000000000000000002.jsonl");
        assert_eq!(text.lines().count(), 2);
    }
}

#[tokio::test]
async fn a_directory_that_is_gone_refuses_events_until_it_is_back() {
    let (_directory, path) = place();
    let journal = open(&path);
    journal.record(&event("a")).await.unwrap();
    let aside = path.with_extension("aside");
    fs::rename(&path, &aside).unwrap();
    fs::write(&path, "a file in its place").unwrap();
    for _ in 0..3 {
        let error = journal.record(&event("lost")).await.unwrap_err();
        assert!(matches!(error, JournalError::Unavailable(_)), "{error:?}");
    }
    fs::remove_file(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    assert_eq!(journal.record(&event("b")).await.unwrap(), 2);
    assert_eq!(lines(&path), expected(&["a", "b"]));
}

#[tokio::test]
async fn a_read_only_disk_refuses_events_until_it_is_writable() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    faults.create.store(true, SeqCst);
    let journal = faults.open(&path, Settings::default());
    let error = journal.record(&event("lost")).await.unwrap_err();
    assert!(matches!(error, JournalError::Unavailable(_)), "{error:?}");
    assert!(segments(&path).is_empty());
    faults.create.store(false, SeqCst);
    assert_eq!(journal.record(&event("a")).await.unwrap(), 1);
    assert_eq!(lines(&path), expected(&["a"]));
}

#[tokio::test]
async fn a_failed_write_leaves_no_torn_line() {
    for length in [0, 1, 100] {
        let (_directory, path) = place();
        let faults = Arc::new(Faults::default());
        let journal = faults.open(&path, Settings::default());
        *faults.append_after.lock().unwrap() = Some(length);
        journal.record(&event("lost")).await.unwrap_err();
        *faults.append_after.lock().unwrap() = None;
        journal.record(&event("a")).await.unwrap();

        *faults.append_after.lock().unwrap() = Some(length);
        journal.record(&event("lost")).await.unwrap_err();
        assert_eq!(lines(&path), expected(&["a"]), "cut off at once");
        *faults.append_after.lock().unwrap() = None;
        journal.record(&event("b")).await.unwrap();
        assert_eq!(lines(&path), expected(&["a", "b"]));
    }
}

#[tokio::test]
async fn a_failed_sync_takes_its_lines_back() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let journal = faults.open(&path, Settings::default());
    journal.record(&event("a")).await.unwrap();
    faults.sync.store(true, SeqCst);
    let error = journal.record(&event("lost")).await.unwrap_err();
    assert!(matches!(error, JournalError::Unavailable(_)), "{error:?}");
    faults.sync.store(false, SeqCst);
    assert_eq!(journal.record(&event("b")).await.unwrap(), 2);
    assert_eq!(lines(&path), expected(&["a", "b"]));
}

#[tokio::test]
async fn nothing_is_written_behind_a_torn_line() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let journal = faults.open(&path, Settings::default());
    journal.record(&event("a")).await.unwrap();
    *faults.append_after.lock().unwrap() = Some(20);
    faults.cut.store(true, SeqCst);
    journal.record(&event("lost")).await.unwrap_err();
    // It can be written again, but not be mended: still no.
    *faults.append_after.lock().unwrap() = None;
    journal.record(&event("lost")).await.unwrap_err();
    assert_eq!(
        segments(&path)[0].1.lines().count(),
        2,
        "the torn line is still there"
    );
    faults.cut.store(false, SeqCst);
    assert_eq!(journal.record(&event("b")).await.unwrap(), 2);
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
    for outcome in join_all(events.iter().map(|event| journal.record(event))).await {
        assert!(
            matches!(outcome, Err(JournalError::TimedOut { .. })),
            "{outcome:?}"
        );
    }
    drop(hanging);
    // The disk may take longer than 50 ms to catch up on a busy machine.
    let mut recovered = false;
    for _ in 0..200 {
        recovered = recovered || journal.record(&event("after")).await.is_ok();
    }
    assert!(recovered);
    let written = lines(&path);
    assert!(
        written
            .iter()
            .map(|(seq, _)| *seq)
            .eq(1..=written.len() as u64)
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
    let mut recording = Box::pin(join_all(events.iter().map(|event| journal.record(event))));
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
async fn leaving_writes_what_still_waits() {
    let (_directory, path) = place();
    let faults = Arc::new(Faults::default());
    let journal = faults.open(&path, Settings::default());
    let hanging = faults.hang.lock().await;
    {
        let (a, b) = (event("a"), event("b"));
        let mut waiting = Box::pin(async { tokio::join!(journal.record(&a), journal.record(&b)) });
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
    let replica = "\"".repeat(100_000);
    let journal = Journal::open(
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
    event.bytes_in = Some(u64::MAX);
    event.bytes_out = Some(u64::MAX);
    event.status = Some(u16::MAX);
    event.src = Some("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap());
    event.duration = Some(Duration::MAX);
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
    ] {
        *field = Some(hostile.clone());
    }
    journal.record(&event).await.unwrap();
    let text = fs::read(only_segment(&path)).unwrap();
    assert!(text.len() <= LINE_LIMIT, "{}", text.len());
    assert!(
        text.len() > LINE_LIMIT / 2,
        "it tries the limit: {}",
        text.len()
    );
    let line: Value = serde_json::from_slice(&text).unwrap();
    assert_eq!(line["replica"].as_str().unwrap().len(), 128);
}
