//! What an archive is given is what a verifier accepts, however often it is asked and whatever the disk lost.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::*;
use crate::verify::verify_trail;
use crate::{Event, Identity, Journal, Kind, Settings};

/// A journal with one log of `events` lines and those around them, in segments of some lines.
async fn journal(directory: &Path, events: u32) -> String {
    let settings = Settings {
        segment_bytes: 40_000,
        checkpoint_every: Duration::from_hours(1),
        headroom: 0,
        ..Settings::default()
    };
    let identity = Arc::new(Identity::new("d", &[7; 32]));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_741_323);
    let journal = Journal::open(directory, identity, settings, now).unwrap();
    for n in 0..events {
        let mut event = Event::of_trail(Kind::Config, now);
        if n == 7 {
            let until = "2040-01-01T00:00:00Z".into();
            event.detail.insert("retain_until".to_owned(), until);
        }
        journal.record(&event, None).await.unwrap();
    }
    journal.log().to_owned()
}

/// Everything that an archive is given of a log when it has had `before` lines of it.
fn objects(log: &mut ArchivedLog, before: u64) -> Vec<ArchiveObject> {
    let signed = log.signed().unwrap().unwrap();
    let mut objects = vec![log.certificate().unwrap()];
    let mut next = before;
    while next < signed.size {
        let piece = log.piece(next, signed.size).unwrap();
        assert_eq!(piece.first, next);
        objects.extend(piece.object);
        next = piece.next;
    }
    for tile in tiles_since(before, signed.size) {
        objects.extend(log.tile(tile).unwrap());
    }
    objects.extend(log.checkpoint(&signed));
    objects
}

/// The form of a journal: as `docs/audit.md` says of what is fetched.
fn lay_out(objects: &[ArchiveObject], to: &Path) {
    for object in objects {
        let mut name = object.name().to_owned();
        if let Some((log, range)) = name.split_once("/segments/") {
            let (first, _) = range.split_once('-').unwrap();
            name = format!("{log}/segments/{first}.jsonl");
        } else if let Some((log, _)) = name.split_once("/checkpoint/") {
            name = format!("{log}/checkpoint");
        }
        let path = to.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, object.bytes()).unwrap();
    }
}

#[tokio::test]
async fn what_an_archive_is_given_is_a_whole_trail() {
    let directory = tempfile::tempdir().unwrap();
    let name = journal(directory.path(), 600).await;
    assert_eq!(logs(directory.path()).unwrap(), std::slice::from_ref(&name));
    let mut log = ArchivedLog::new(directory.path(), &name);
    let whole = objects(&mut log, 0);
    let pieces = whole.iter().filter(|one| one.name().contains("/segments/"));
    let segments = following::segments(&directory.path().join(&name)).unwrap();
    assert!(segments.len() > 2);
    assert_eq!(pieces.count(), segments.len(), "a piece is of one segment");
    let copy = tempfile::tempdir().unwrap();
    lay_out(&whole, copy.path());
    let key = Identity::new("d", &[7; 32]).deployment_key().unwrap();
    let report = verify_trail(copy.path(), key.verifying()).unwrap();
    let signed = log.signed().unwrap().unwrap().size;
    assert!(signed >= 600 && report.lines == signed && report.signed == signed);
    let codes: Vec<_> = report.findings.iter().map(|one| one.code).collect();
    assert_eq!(codes, [crate::verify::Code::Running]);
}

#[tokio::test]
async fn tiles_that_the_disk_lost_are_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let name = journal(directory.path(), 600).await;
    let mut log = ArchivedLog::new(directory.path(), &name);
    let before = objects(&mut log, 300);
    fs::remove_dir_all(directory.path().join(&name).join("tile")).unwrap();
    assert_eq!(objects(&mut log, 300), before);
    // A power cut can leave a name without bytes.
    let empty = directory.path().join(&name).join("tile/0/000");
    fs::create_dir_all(empty.parent().unwrap()).unwrap();
    fs::write(empty, "").unwrap();
    let mut anew = ArchivedLog::new(directory.path(), &name);
    assert_eq!(
        anew.tile((0, 0, 256)).unwrap(),
        objects(&mut log, 0)
            .into_iter()
            .find(|one| one.name().ends_with("tile/0/000"))
    );
}

#[tokio::test]
async fn lines_that_are_gone_are_passed_by() {
    let directory = tempfile::tempdir().unwrap();
    let name = journal(directory.path(), 600).await;
    let segments = following::segments(&directory.path().join(&name)).unwrap();
    let ((gone, path), (after, _)) = (&segments[1], &segments[2]);
    fs::remove_file(path).unwrap();
    let mut log = ArchivedLog::new(directory.path(), &name);
    let signed = log.signed().unwrap().unwrap().size;
    assert_eq!(log.piece(0, signed).unwrap().next, *gone);
    let hole = log.piece(*gone, signed).unwrap();
    assert_eq!((hole.object.is_none(), hole.next), (true, *after));
    assert_eq!(log.piece(*after, signed).unwrap().first, *after);
}

#[tokio::test]
async fn a_piece_knows_the_longest_retention_that_its_lines_tell_of() {
    let directory = tempfile::tempdir().unwrap();
    let name = journal(directory.path(), 40).await;
    let mut log = ArchivedLog::new(directory.path(), &name);
    let told = log.piece(0, 20).unwrap().object.unwrap().retain_until();
    let seconds = 2_208_988_800; // date -u -d 2040-01-01 +%s
    let until = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
    assert_eq!(told, Some(until));
    let later = log.piece(20, 40).unwrap().object.unwrap();
    assert_eq!(later.retain_until(), None);
}
