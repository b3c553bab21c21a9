//! What the archive does where its bucket or its journal is not as it was: over a store in memory, whose locks have a limit.

use std::collections::HashMap;
use std::sync::Mutex as Sync;

use audit::Journal;
use audit::archiving::Signed;
use http_body_util::{BodyExt as _, Full};
use kms_keys::{Keyrings, LocalFile, Providers, WhenMissing};
use object_store::memory::InMemory;
use tempfile::TempDir;

use super::*;
use crate::assemble::audit_identity;
use crate::config::UpstreamConfig;
use crate::trail::{Attested, Durabilities};
use crate::upstream::{BoxError, StoreRequestBody, TransportError, Upstream, read_limited};

type Held = Arc<Sync<HashMap<String, (Vec<u8>, String)>>>;

/// Objects, each with the time until which it is locked. Until 2050 at the latest.
fn store(held: &Held) -> Upstream {
    let held = Arc::clone(held);
    let service = tower::service_fn(move |request: http::Request<StoreRequestBody>| {
        let held = Arc::clone(&held);
        async move {
            let (parts, body) = request.into_parts();
            let body = body.map_err(|_| BoxError::from("no body")).boxed_unsync();
            let body = read_limited(body, 1 << 20).await.map(|body| body.to_vec());
            let body = body.map_err(|error| TransportError(error.into()))?;
            let (status, until, body) = answer(&mut held.lock().unwrap(), &parts, body);
            let response = http::Response::builder()
                .status(status)
                .header("x-amz-object-lock-mode", "COMPLIANCE")
                .header("x-amz-object-lock-retain-until-date", until)
                .body(
                    Full::from(body)
                        .map_err(|never| BoxError::from(never.to_string()))
                        .boxed_unsync(),
                );
            response.map_err(|_| TransportError("no answer".into()))
        }
    });
    Upstream::new(
        tower::util::BoxCloneSyncService::new(service),
        "http://store.invalid",
        None,
        Duration::from_secs(5),
        Clock::system(),
    )
}

fn answer(
    held: &mut HashMap<String, (Vec<u8>, String)>,
    parts: &http::request::Parts,
    body: Vec<u8>,
) -> (u16, String, Vec<u8>) {
    let path = parts.uri.path().to_owned();
    let refused = |status| (status, String::new(), Vec::new());
    let is_retention = parts.uri.query().is_some_and(|it| it.contains("retention"));
    let until = if is_retention {
        let text = String::from_utf8_lossy(&body).into_owned();
        let (_, rest) = text.split_once("<RetainUntilDate>").unwrap_or_default();
        rest.split('<').next().unwrap_or_default().to_owned()
    } else {
        let until = parts.headers.get("x-amz-object-lock-retain-until-date");
        until.map_or(String::new(), |it| it.to_str().unwrap().to_owned())
    };
    match (parts.method.as_str(), held.get_mut(&path)) {
        ("PUT", Some(_)) if !is_retention => refused(412),
        ("PUT", _) if until.as_str() > "2050" => refused(400),
        ("PUT", Some(there)) => {
            there.1 = until;
            refused(200)
        }
        ("PUT", None) => {
            held.insert(path, (body, until));
            refused(200)
        }
        (_, None) => refused(404),
        ("HEAD", Some(there)) => (200, there.1.clone(), Vec::new()),
        (_, Some(there)) => (200, there.1.clone(), there.0.clone()),
    }
}

struct World {
    writer: Writer,
    held: Held,
    directory: TempDir,
}

impl World {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::from_fn(|| UNIX_EPOCH + Duration::from_secs(1_790_000_000));
        let file = directory.path().join("root-keys");
        let provider = LocalFile::open(&file, WhenMissing::Create(clock.now())).unwrap();
        let asked = clock.clone();
        let told: kms_keys::Clock = Arc::new(move || asked.now());
        let providers = Providers::one(Arc::new(provider), told.clone());
        let (system, settings) = (Arc::new(InMemory::new()), kms_keys::Settings::default());
        let keyrings = Keyrings::open(system.clone(), providers, settings, told);
        let keyrings = Arc::new(keyrings.await.unwrap());
        let identity = Arc::new(audit_identity(&keyrings));
        let journal = Journal::open(
            &directory.path().join("audit"),
            Arc::clone(&identity),
            audit::Settings::default(),
            clock.now(),
        );
        let trail = Trail::new(
            Arc::new(journal.unwrap()),
            keyrings,
            Arc::new(sealed_object::OsRandom),
            Attested::default(),
            Durabilities::default(),
            None,
            clock.clone(),
        );
        let held = Held::default();
        let at = UpstreamConfig::Embedded {
            path: "store".into(),
        };
        let writer = Writer {
            bucket: ArchiveBucket::new((store(&held), &at), "b", "", "d"),
            sources: Sources {
                identity,
                trail,
                system,
            },
            journal: directory.path().join("first"),
            second_journal: None,
            cursor: directory.path().join("cursor"),
            retention: Duration::from_hours(24),
            every: Duration::from_secs(1),
            meters: ArchiveMeters::default(),
            clock,
            state: Mutex::default(),
        };
        Self {
            writer,
            held,
            directory,
        }
    }

    fn note(&self, name: &str) -> ArchiveObject {
        let key = self.writer.sources.identity.deployment_key().unwrap();
        ArchiveObject::note(name.to_owned(), key.sign("a\nb\n").into_bytes()).unwrap()
    }

    fn put(&self, name: &str, bytes: &[u8], until: &str) {
        let place = (bytes.to_vec(), until.to_owned());
        let mut held = self.held.lock().unwrap();
        held.insert(format!("/b/d/{name}"), place);
    }

    fn until(&self, name: &str) -> String {
        self.held.lock().unwrap()[&format!("/b/d/{name}")].1.clone()
    }
}

fn found(what: &str, state: &State) -> bool {
    state.found.iter().any(|found| found.starts_with(what))
}

#[tokio::test]
async fn a_piece_that_finds_no_name_is_not_passed_by() {
    let (world, mut state) = (World::new().await, State::default());
    let piece = world.note("l/segments/1-2.jsonl");
    world.put(piece.name(), b"x", "2040");
    let until = world.writer.usual();
    for other in 1..10 {
        let kept = world.writer.keep_piece(&mut state, &piece, until).await;
        kept.unwrap();
        world.put(&format!("l/segments/1-2.{other}.jsonl"), b"x", "2040");
    }
    let kept = world.writer.keep_piece(&mut state, &piece, until).await;
    assert!(matches!(kept, Err(ArchiveError::Crowded(_))), "{kept:?}");
}

#[tokio::test]
async fn what_is_there_already_is_locked_as_long_as_it_ought_to_be() {
    let (world, mut state) = (World::new().await, State::default());
    let (note, until) = (world.note("note"), world.writer.usual());
    world.put("note", note.bytes(), "2026-09-21T00:00:00Z");
    assert!(world.writer.keep(&mut state, &note, until).await.unwrap());
    assert_eq!(world.until("note"), bucket::rfc3339(until));
    world.put("note", note.bytes(), "2040-09-21T00:00:00Z");
    assert!(world.writer.keep(&mut state, &note, until).await.unwrap());
    assert_eq!(world.until("note"), "2040-09-21T00:00:00Z");
    // A store that does not lock it has it, but the archive has not.
    world.put("note", note.bytes(), "");
    let beyond = UNIX_EPOCH + Duration::from_mins(50_000_000);
    let put = world.writer.bucket.put(&note, beyond).await.unwrap();
    assert_eq!(put, Put::Taken);
}

#[tokio::test]
async fn a_retention_that_the_store_does_not_take_holds_up_nobody() {
    let (world, mut state) = (World::new().await, State::default());
    let beyond = UNIX_EPOCH + Duration::from_mins(50_000_000);
    let note = world.note("note");
    assert!(world.writer.keep(&mut state, &note, beyond).await.unwrap());
    assert_eq!(world.until("note"), bucket::rfc3339(world.writer.usual()));
    assert!(found("archive_retention_refused", &state));
    // Nor where it was archived so, and a crash has it written again.
    assert!(world.writer.keep(&mut state, &note, beyond).await.unwrap());
    assert!(!found("archive_taken", &state));
}

#[tokio::test]
async fn lines_that_one_disk_lost_are_archived_of_the_other() {
    let (mut world, mut state) = (World::new().await, State::default());
    let second = world.directory.path().join("second");
    let signed = Signed {
        size: 2,
        note: String::from_utf8(world.note("n").into_bytes()).unwrap(),
    };
    let log = |journal: &std::path::Path, lines: &str| {
        let segments = journal.join("l/segments");
        std::fs::create_dir_all(&segments).unwrap();
        std::fs::write(journal.join("l/certificate"), &signed.note).unwrap();
        std::fs::write(segments.join(format!("{:020}.jsonl", 0)), lines).unwrap();
    };
    log(&world.writer.journal, "{\"a\":1}\n");
    std::fs::create_dir(&second).unwrap();
    world.writer.second_journal = Some(second.clone());
    let open = |world: &World| ArchivedLog::new(&world.writer.journal, "l");
    let copied = world
        .writer
        .copy_lines(&mut state, open(&world), "l", (0, &signed))
        .await;
    assert!(
        copied.is_err(),
        "a second disk that is away may have the line"
    );
    log(&second, "{\"a\":1}\n{\"b\":2}\n");
    let copied = world
        .writer
        .copy_lines(&mut state, open(&world), "l", (0, &signed))
        .await;
    copied.unwrap();
    let name = format!("l/segments/{:020}-{:020}.jsonl", 1, 1);
    assert!(!world.until(&name).is_empty());
    assert!(!found("archive_lines_gone", &state));
    // What neither has is gone.
    log(&second, "{\"a\":1}\n");
    let copied = world
        .writer
        .copy_lines(&mut state, open(&world), "l", (0, &signed))
        .await;
    copied.unwrap();
    assert!(found("archive_lines_gone", &state));
}

#[tokio::test]
async fn another_store_is_another_archive() {
    let held = Held::default();
    let at = |path: &str| {
        let store_of = UpstreamConfig::Embedded { path: path.into() };
        ArchiveBucket::new((store(&held), &store_of), "b", "", "d").fingerprint()
    };
    assert_eq!(at("one"), at("one"));
    assert_ne!(at("one"), at("two"));
}

#[tokio::test]
async fn work_that_panics_has_failed() {
    let broken = async { std::panic::resume_unwind(Box::new(())) };
    let done = unbroken(broken).await;
    assert!(matches!(done, Err(ArchiveError::Broke)), "{done:?}");
    unbroken(async { Ok(()) }).await.unwrap();
}
