//! What a start makes of two disks that do not hold the same of an earlier run.

use std::fs;
use std::path::Path;
use std::sync::{Arc, atomic::Ordering::SeqCst};

use super::super::faults::{Faults, identity};
use super::super::home::Home;
use super::super::leveling::level_log;
use super::super::opening::are_on_one_device;
use super::super::sign::Signing;
use super::two_disks::{Disks, end, event, put};
use crate::Kind;

const SEGMENT: &str = "segments/00000000000000000000.jsonl";

/// A disk wrote lines, and could neither sync nor cut them; the other went on with others.
#[tokio::test]
async fn lines_that_were_refused_are_set_aside_where_the_other_disk_went_on() {
    for faulty in [0, 1] {
        let disks = Disks::new();
        let faults = Arc::new(Faults::default());
        let journal = faults.on(faulty, &disks.paths[0], &disks.settings(1));
        put(&journal, "a").await.unwrap();
        faults.sync.store(true, SeqCst);
        faults.cut.store(true, SeqCst);
        let other = &disks.paths[1 - faulty];
        let aside = other.with_extension("aside");
        fs::rename(other, &aside).unwrap();
        put(&journal, "refused").await.unwrap_err();
        fs::rename(&aside, other).unwrap();
        for req in ["b", "c"] {
            put(&journal, req).await.unwrap();
        }
        let log = end(journal).await;
        assert!(disks.text(faulty, &log).contains("refused"));

        end(disks.open(2)).await;
        disks.both_hold(&log, &["a", "b", "c"]);
        let segments = disks.paths[faulty].join(&log).join("segments");
        let torn = fs::read_dir(segments).unwrap().map(|entry| entry.unwrap());
        let torn: Vec<_> = torn
            .filter(|entry| entry.file_name().to_string_lossy().contains(".torn-"))
            .map(|entry| fs::read_to_string(entry.path()).unwrap())
            .collect();
        assert_eq!(torn.len(), 1);
        assert!(torn[0].contains("refused") && torn[0].lines().count() == 1);
    }
}

/// Two lines on each, of which the last differ. Gives the log, and what is on either.
async fn forked(disks: &Disks) -> (String, [String; 2]) {
    let journal = disks.open(1);
    for req in ["a", "b"] {
        put(&journal, req).await.unwrap();
    }
    let log = journal.log().to_owned();
    drop(journal);
    let other = disks.text(1, &log).replace("\"b\"", "\"x\"");
    fs::write(disks.paths[1].join(&log).join(SEGMENT), &other).unwrap();
    for path in &disks.paths {
        let _ = fs::remove_file(path.join(&log).join("closed"));
    }
    let texts = [disks.text(0, &log), other];
    assert_ne!(texts[0], texts[1]);
    (log, texts)
}

fn levels(disks: &Disks, log: &str) -> bool {
    let homes = [0, 1].map(|n| Home::at(&disks.paths[n]));
    level_log([&homes[0], &homes[1]], log, &Signing::new(identity())).is_ok()
}

#[tokio::test]
async fn two_ends_of_which_neither_is_signed_are_left_told_and_not_signed() {
    let disks = Disks::new();
    let (log, texts) = forked(&disks).await;
    for path in &disks.paths {
        fs::remove_file(path.join(&log).join("checkpoint")).unwrap();
    }
    for _ in 0..2 {
        end(disks.open(2)).await;
        for (n, path) in disks.paths.iter().enumerate() {
            assert_eq!(disks.text(n, &log), texts[n]);
            assert!(path.join(&log).join("closed").exists());
            assert!(!path.join(&log).join("checkpoint").exists());
        }
        assert!(!levels(&disks, &log), "each start tells it");
    }
}

/// Of one length, and signed: by an earlier start, or because somebody changed one.
#[tokio::test]
async fn roots_that_differ_are_told() {
    let disks = Disks::new();
    let (log, texts) = forked(&disks).await;
    let aside = disks.paths[0].with_extension("aside");
    // Each is closed without the other.
    for n in [0, 1] {
        fs::remove_file(disks.paths[n].join(&log).join("checkpoint")).unwrap();
        let other = &disks.paths[1 - n];
        fs::rename(other, &aside).unwrap();
        fs::write(other, "no directory").unwrap();
        end(disks.open(1)).await;
        fs::remove_file(other).unwrap();
        fs::rename(&aside, other).unwrap();
        assert!(disks.paths[n].join(&log).join("checkpoint").exists());
    }
    assert!(!levels(&disks, &log));
    end(disks.open(2)).await;
    assert_eq!([disks.text(0, &log), disks.text(1, &log)], texts);
}

/// Who changed a line that is signed proves nothing against the other disk's unsigned one.
#[tokio::test]
async fn an_end_that_its_checkpoint_does_not_sign_takes_nothing_from_the_other() {
    let disks = Disks::new();
    let (log, texts) = forked(&disks).await;
    fs::remove_file(disks.paths[0].join(&log).join("checkpoint")).unwrap();
    end(disks.open(2)).await;
    assert_eq!([disks.text(0, &log), disks.text(1, &log)], texts);
}

#[tokio::test]
async fn intents_that_were_reconciled_on_one_disk_are_so_on_both_at_the_next_start() {
    for away in [0, 1] {
        let disks = Disks::new();
        let journal = disks.open(1);
        let mut intent = event("a");
        intent.kind = Kind::Intent;
        journal.record(&intent, None).await.unwrap();
        let log = journal.log().to_owned();
        drop(journal);
        for path in &disks.paths {
            let _ = fs::remove_file(path.join(&log).join("closed"));
        }
        let journal = disks.open(2);
        assert_eq!(journal.open_intents().unwrap().len(), 1);
        end(journal).await;
        // As it is where the other disk was away when they were reconciled.
        fs::remove_file(disks.paths[1 - away].join(&log).join("open-intents")).unwrap();
        let journal = disks.open(2);
        assert_eq!(journal.open_intents().unwrap().len(), 0);
        end(journal).await;
    }
}

#[test]
fn two_directories_of_one_device_are_seen_as_such() {
    let disks = Disks::new();
    for path in &disks.paths {
        fs::create_dir(path).unwrap();
    }
    let [one, two] = &disks.paths;
    assert!(are_on_one_device(one, two).unwrap());
    assert!(!are_on_one_device(one, Path::new("/proc")).unwrap());
}
