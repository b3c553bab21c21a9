//! What is served unrecorded is remembered within bounds, and is on record afterwards as it happened.

use std::fs;
use std::path::{Path, PathBuf};

use audit::{Decision, Identity, Settings};
use serde_json::Value;
use tempfile::TempDir;

use super::*;

fn late() -> Late {
    let place = |bucket: &str| ("clinic".to_owned(), bucket.to_owned());
    Late::new(HashMap::from([
        (place("reads"), Durability::StrictWrites),
        (place("all"), Durability::Availability),
    ]))
}

fn event(bucket: &str, class: Class) -> Event {
    let now = SystemTime::UNIX_EPOCH;
    let op = "s3:Test";
    let mut event = Event::new(
        Kind::Complete,
        now,
        "R".to_owned(),
        op,
        class,
        Decision::Allow,
    );
    event.tenant = Some("clinic".to_owned());
    event.bucket = Some(bucket.to_owned());
    event
}

fn goes_on(late: &Late, bucket: &str, class: Class) -> bool {
    let event = event(bucket, class);
    late.hold(late.mode(&event), &event, None)
}

#[test]
fn only_what_a_bucket_allows_goes_on() {
    let late = late();
    for class in [Class::Read, Class::Write, Class::Delete, Class::Admin] {
        assert!(
            !goes_on(&late, "other", class),
            "strict is what nobody chose otherwise"
        );
        assert!(goes_on(&late, "all", class));
        assert_eq!(goes_on(&late, "reads", class), class == Class::Read);
    }
}

#[test]
fn memory_is_bounded_and_what_does_not_fit_is_counted_or_refused() {
    let late = late();
    for _ in 0..ROOM {
        assert!(goes_on(&late, "reads", Class::Read));
    }
    assert!(!goes_on(&late, "reads", Class::Read));
    assert!(goes_on(&late, "all", Class::Write));
    assert_eq!(
        late.locked(|held| (held.events.len(), held.lost)),
        (ROOM, 1)
    );
}

#[test]
fn what_is_begun_has_a_place_for_its_end() {
    let late = late();
    let mut intents = Vec::new();
    while goes_on_as(&late, Kind::Intent, &mut intents) {}
    assert_eq!(intents.len(), ROOM / 2);
    for intent in intents {
        assert!(late.hold_behind_intent(&outcome(intent), None));
    }
    assert_eq!(
        late.locked(|held| (held.events.len(), held.lost)),
        (ROOM, 0)
    );
}

fn goes_on_as(late: &Late, kind: Kind, intents: &mut Vec<Uuid>) -> bool {
    let mut event = event("reads", Class::Read);
    event.kind = kind;
    let goes_on = late.hold(late.mode(&event), &event, None);
    if goes_on {
        intents.push(event.id);
    }
    goes_on
}

fn outcome(intent: Uuid) -> Event {
    let mut outcome = event("reads", Class::Read);
    outcome.kind = Kind::Outcome;
    outcome.intent_ref = Some(intent);
    outcome
}

/// A journal whose directory can be taken away and given back.
struct Disk {
    directory: TempDir,
    journal: Journal,
}

impl Disk {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let identity = Arc::new(Identity::new("d", &[5; 32]));
        let settings = Settings {
            headroom: 0,
            ..Settings::default()
        };
        let path = directory.path().join("audit");
        let journal = Journal::open(&path, identity, settings, SystemTime::UNIX_EPOCH).unwrap();
        Self { directory, journal }
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("audit")
    }

    fn take_away(&self) {
        fs::rename(self.path(), self.directory.path().join("aside")).unwrap();
        fs::write(self.path(), "a file in its place").unwrap();
    }

    fn give_back(&self) {
        fs::remove_file(self.path()).unwrap();
        fs::rename(self.directory.path().join("aside"), self.path()).unwrap();
    }

    /// Kind and id of each line, of one segment.
    fn lines(&self) -> Vec<(String, String)> {
        let segments = self.path().join(self.journal.log()).join("segments");
        let path = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path();
        let mut paths: Vec<_> = fs::read_dir(segments).unwrap().map(path).collect();
        paths.sort();
        paths.iter().flat_map(|path| lines_of(path)).collect()
    }
}

fn lines_of(path: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.trim_end_matches('\0').lines();
    lines
        .map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| line[name].as_str().unwrap().to_owned();
            (text("kind"), text("id"))
        })
        .collect()
}

/// The journal works again before what was remembered is handed over: what ends that goes behind it all the same.
#[tokio::test]
async fn an_outcome_waits_for_the_intent_that_is_remembered() {
    for streams in [false, true] {
        let (late, disk) = (late(), Disk::new());
        let mut intent = event("reads", Class::Read);
        intent.kind = Kind::Intent;
        disk.take_away();
        late.record(&disk.journal, &intent, None).await.unwrap();
        assert!(late.owes(Some(intent.id)));
        disk.give_back();
        let other = event("other", Class::Write);
        late.record(&disk.journal, &other, None).await.unwrap();
        assert!(disk.journal.health().is_good());
        let outcome = outcome(intent.id);
        if streams {
            late.submit(&disk.journal, &outcome, None).unwrap();
        } else {
            late.record(&disk.journal, &outcome, None).await.unwrap();
        }
        let now = SystemTime::UNIX_EPOCH;
        late.catch_up(&disk.journal, now).await.unwrap();
        let expected = [other.id, intent.id, outcome.id].map(|id| id.to_string());
        let lines = disk.lines();
        let ids: Vec<&String> = lines.iter().map(|(_, id)| id).collect();
        assert_eq!(ids[..3], expected.each_ref(), "streams: {streams}");
        assert_eq!(lines[3].0, "audit.config");
        // Nothing is remembered any more, so the next goes its way at once.
        late.record(&disk.journal, &event("reads", Class::Read), None)
            .await
            .unwrap();
        assert_eq!(disk.lines().len(), 5);
    }
}

#[tokio::test]
async fn nothing_that_was_remembered_is_forgotten_at_the_end() {
    let (late, disk) = (late(), Disk::new());
    let now = SystemTime::UNIX_EPOCH;
    late.record(&disk.journal, &event("other", Class::Write), None)
        .await
        .unwrap();
    disk.take_away();
    let served: Vec<Event> = (0..300).map(|_| event("reads", Class::Read)).collect();
    for event in &served {
        late.record(&disk.journal, event, None).await.unwrap();
    }
    // Nothing can be told of them now, so the log does not end in good order.
    late.end(&disk.journal, now).await.unwrap_err();
    disk.give_back();
    late.end(&disk.journal, now).await.unwrap();
    let lines = disk.lines();
    let kinds: Vec<&str> = lines.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["complete", "audit.gap"], "lost, and told");

    let (late, disk) = (self::late(), Disk::new());
    disk.take_away();
    for event in &served {
        late.record(&disk.journal, event, None).await.unwrap();
    }
    disk.give_back();
    late.end(&disk.journal, now).await.unwrap();
    let lines = disk.lines();
    let ids = lines.iter().map(|(_, id)| id.clone());
    assert!(
        ids.take(300)
            .eq(served.iter().map(|event| event.id.to_string()))
    );
    assert_eq!(lines[300].0, "audit.config");
}
