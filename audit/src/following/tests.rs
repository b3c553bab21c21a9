//! A follower gives every signed line once, wherever it is interrupted.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::{Event, Identity, Journal, Kind, Settings};

fn identity() -> Arc<Identity> {
    Arc::new(Identity::new("d", &[7; 32]))
}

fn settings(segment_bytes: u64) -> Settings {
    Settings {
        segment_bytes,
        checkpoint_every: Duration::from_hours(1),
        headroom: 0,
        ..Settings::default()
    }
}

/// A run of a replica that records `events` lines and is closed; its log, in segments of two lines or so.
async fn run(directory: &Path, events: u64, second: u64) -> String {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    let journal = Journal::open(directory, identity(), settings(600), now).unwrap();
    for _ in 0..events {
        let event = Event::of_trail(Kind::Config, now);
        journal.record(&event, None).await.unwrap();
    }
    journal.log().to_owned()
}

fn all(follower: &mut Follower) -> Vec<Line> {
    let mut lines = Vec::new();
    loop {
        let more = follower.read(3).unwrap();
        if more.is_empty() {
            return lines;
        }
        assert!(more.len() <= 3);
        lines.extend(more);
    }
}

/// A segment that is gone on one disk is read on the other; where both lost it, the rest is.
#[tokio::test]
async fn what_one_disk_lost_is_read_on_the_other() {
    let (directory, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let log = run(directory.path(), 10, 1).await;
    let lost = segments(&directory.path().join(&log)).unwrap().remove(1).1;
    let there = second.path().join(&log).join(SEGMENTS);
    fs::create_dir_all(&there).unwrap();
    let copy = there.join(lost.file_name().unwrap());
    fs::rename(&lost, &copy).unwrap();
    let follow = || {
        let follower = Follower::new(directory.path(), Cursor::default());
        follower.beside(Some(second.path().to_owned()))
    };
    let numbers = |lines: Vec<Line>| lines.iter().map(|line| line.seq).collect::<Vec<_>>();
    assert_eq!(numbers(all(&mut follow())), (0..10).collect::<Vec<_>>());
    fs::remove_file(copy).unwrap();
    let left = numbers(all(&mut follow()));
    assert!(left.len() < 10 && left.last() == Some(&9), "{left:?}");
}

#[tokio::test]
async fn every_line_comes_once_through_segments_logs_and_restarts() {
    let directory = tempfile::tempdir().unwrap();
    let first = run(directory.path(), 10, 1).await;
    let file = directory.path().join("sinks/a.cursor");
    let mut told = Vec::new();
    // Interrupted after each batch, as by kill -9 right after the cursor was stored.
    loop {
        let cursor = Cursor::load(&file).unwrap();
        let mut follower = Follower::new(directory.path(), cursor);
        let lines = follower.read(3).unwrap();
        if lines.is_empty() {
            assert_eq!(follower.behind().unwrap(), 0);
            break;
        }
        told.extend(lines);
        follower.cursor().store(&file).unwrap();
    }
    let second = run(directory.path(), 5, 2).await;
    let mut follower = Follower::new(directory.path(), Cursor::load(&file).unwrap());
    assert_eq!(follower.behind().unwrap(), 5);
    told.extend(all(&mut follower));
    let expected: Vec<_> = (0..10)
        .map(|seq| (first.as_str(), seq))
        .chain((0..5).map(|seq| (second.as_str(), seq)))
        .collect();
    let seen: Vec<_> = told
        .iter()
        .map(|line| (line.log.as_str(), line.seq))
        .collect();
    assert_eq!(seen, expected);
    for line in &told {
        let value: serde_json::Value = serde_json::from_str(&line.text).unwrap();
        assert_eq!(value["seq"], line.seq);
        assert_eq!(value["log"], line.log.as_str());
        let segment = format!("{}/segments/{:020}.jsonl", line.log, line.segment);
        let stored = fs::read_to_string(directory.path().join(segment)).unwrap();
        let at = usize::try_from(line.offset).unwrap();
        let (_, rest) = stored.split_at(at);
        assert!(rest.starts_with(&format!("{}\n", line.text)));
    }
}

/// Whoever opened what is sealed is on record beside the replica, and told like everything else, once.
#[tokio::test]
async fn logs_of_readers_are_followed_too() {
    let directory = tempfile::tempdir().unwrap();
    let own = run(directory.path(), 2, 5).await;
    let file = directory.path().join("sinks/a.cursor");
    let mut seen = Vec::new();
    let mut expected = vec![(own.clone(), 0), (own, 1)];
    for second in [1, 9] {
        let reader = run(&directory.path().join(READERS), 2, second).await;
        expected.extend([(reader.clone(), 0), (reader, 1)]);
        let mut follower = Follower::new(directory.path(), Cursor::load(&file).unwrap());
        assert!(follower.behind().unwrap() >= 2);
        let lines = all(&mut follower);
        for line in &lines {
            let value: serde_json::Value = serde_json::from_str(&line.text).unwrap();
            assert_eq!(value["log"], line.log.as_str());
        }
        seen.extend(lines.into_iter().map(|line| (line.log, line.seq)));
        assert_eq!(follower.behind().unwrap(), 0);
        follower.cursor().store(&file).unwrap();
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn what_is_not_signed_yet_is_not_told() {
    let directory = tempfile::tempdir().unwrap();
    let now = SystemTime::UNIX_EPOCH;
    let journal = Journal::open(directory.path(), identity(), settings(1 << 20), now).unwrap();
    let event = Event::of_trail(Kind::Config, now);
    journal.record(&event, None).await.unwrap();
    let mut follower = Follower::new(directory.path(), Cursor::default());
    assert_eq!(all(&mut follower), []);
    journal.prove(0).await.unwrap();
    let event = Event::of_trail(Kind::Config, now);
    journal.record(&event, None).await.unwrap();
    let seqs = |lines: Vec<Line>| lines.iter().map(|line| line.seq).collect::<Vec<_>>();
    assert_eq!(seqs(all(&mut follower)), [0]);
    journal.prove(1).await.unwrap();
    assert_eq!(seqs(all(&mut follower)), [1], "by the same open segment");
}

#[tokio::test]
async fn a_segment_that_is_gone_stops_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let log = run(directory.path(), 10, 1).await;
    let place = directory.path().join(&log);
    let gone = segments(&place).unwrap();
    let (first, next) = (gone[1].0, gone[2].0);
    fs::remove_file(&gone[1].1).unwrap();
    let (last, path) = gone.last().unwrap();
    fs::remove_file(path).unwrap();
    let mut follower = Follower::new(directory.path(), Cursor::default());
    let seen: Vec<u64> = all(&mut follower).iter().map(|line| line.seq).collect();
    let expected: Vec<u64> = (0..first).chain(next..*last).collect();
    assert_eq!(seen, expected);
    assert_eq!(follower.behind().unwrap(), 0);
}

#[test]
fn what_is_no_cursor_begins_anew() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("a.cursor");
    let mut cursor = Cursor::default();
    cursor.set("log", 7);
    cursor.store(&file).unwrap();
    assert_eq!(Cursor::load(&file).unwrap().next("log"), 7);
    for spoiled in ["", "{\"v\":1,\"logs\":{\"log\":", "{\"v\":9,\"logs\":{}}"] {
        fs::write(&file, spoiled).unwrap();
        assert_eq!(Cursor::load(&file).unwrap().next("log"), 0);
    }
}

/// A writer may take room before it writes, which reads as zeros until then.
#[test]
fn room_for_more_lines_is_not_remembered() {
    let directory = tempfile::tempdir().unwrap();
    let segments = directory.path().join("a-1/segments");
    fs::create_dir_all(&segments).unwrap();
    let segment = segments.join("00000000000000000000.jsonl");
    let sign = |size: u64| {
        let note = format!("origin\n{size}\nroot\n\n\u{2014} name sig\n");
        fs::write(directory.path().join("a-1/checkpoint"), note).unwrap();
    };
    fs::write(&segment, [b"one\n".as_slice(), &[0; 4096]].concat()).unwrap();
    sign(1);
    let mut follower = Follower::new(directory.path(), Cursor::default());
    let texts = |lines: Vec<Line>| lines.into_iter().map(|line| line.text).collect::<Vec<_>>();
    assert_eq!(texts(all(&mut follower)), ["one"]);
    fs::write(&segment, [b"one\ntwo\n".as_slice(), &[0; 4092]].concat()).unwrap();
    sign(2);
    assert_eq!(texts(all(&mut follower)), ["two"]);
}
