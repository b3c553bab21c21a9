//! What control documents promise, over a store in memory.

use std::sync::Mutex;
use std::time::{Duration, UNIX_EPOCH};

use kms_keys::{Keyrings, LocalFile, Providers, WhenMissing};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use serde::Deserialize;

use super::*;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Secret(String);

impl Document for Secret {
    const FOLDER: &'static str = "secrets";
    const FORM: Form = Form::Sealed;
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Public(String);

impl Document for Public {
    const FOLDER: &'static str = "publics";
    const FORM: Form = Form::Clear;
}

struct World {
    store: Arc<InMemory>,
    now: Arc<Mutex<SystemTime>>,
    directory: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        Self {
            store: Arc::new(InMemory::new()),
            now: Arc::new(Mutex::new(UNIX_EPOCH + Duration::from_secs(1))),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    async fn replica(&self) -> Control {
        let now = Arc::clone(&self.now);
        let clock = Clock::from_fn(move || *now.lock().unwrap());
        let file = self.directory.path().join("root-keys");
        let provider = LocalFile::open(&file, WhenMissing::Create(clock.now())).unwrap();
        let asked = clock.clone();
        let told: kms_keys::Clock = Arc::new(move || asked.now());
        let keyrings = Keyrings::open(
            self.store.clone(),
            Providers::one(Arc::new(provider), Arc::clone(&told)),
            kms_keys::Settings::default(),
            told,
        );
        let keyrings = keyrings.await.unwrap();
        let keys = DocumentKeys::of(keyrings.deployment());
        Control::new(self.store.clone(), keys, clock)
    }

    fn pass(&self, seconds: u64) {
        *self.now.lock().unwrap() += Duration::from_secs(seconds);
    }

    async fn bytes(&self, path: &str) -> Vec<u8> {
        let found = self.store.get(&Path::from(path)).await.unwrap();
        found.bytes().await.unwrap().to_vec()
    }

    async fn put(&self, path: &str, bytes: Vec<u8>) {
        let path = Path::from(path);
        self.store
            .put(&path, PutPayload::from(bytes))
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_document_is_written_once_changed_by_its_version_and_listed() {
    let world = World::new();
    let control = world.replica().await;
    let first = control
        .create(&["a", "b"], &Public("1".into()))
        .await
        .unwrap();
    assert_eq!((first.version, first.name.join("/")), (1, "a/b".to_owned()));
    let again = control.create(&["a", "b"], &Public("2".into())).await;
    assert!(matches!(again, Err(ControlError::Exists { .. })));
    let second = control.replace(&first, &Public("2".into())).await.unwrap();
    let late = control.replace(&first, &Public("3".into())).await;
    assert!(matches!(late, Err(ControlError::Outrun { .. })));
    control
        .create(&["a/b"], &Public("odd".into()))
        .await
        .unwrap();
    control.create(&["c"], &Public("c".into())).await.unwrap();
    let names = |found: Vec<Kept<Public>>| {
        let names = found.into_iter().map(|kept| (kept.name, kept.value.0));
        names.collect::<Vec<_>>()
    };
    let all = names(control.list(&[]).await.unwrap());
    let named = |name: &[&str], value: &str| {
        let name: Vec<String> = name.iter().map(|&one| one.to_owned()).collect();
        (name, value.to_owned())
    };
    assert_eq!(
        all,
        [
            named(&["a", "b"], "2"),
            named(&["a/b"], "odd"),
            named(&["c"], "c")
        ]
    );
    assert_eq!(
        names(control.list(&["a"]).await.unwrap()),
        [named(&["a", "b"], "2")]
    );
    control.delete(&second).await.unwrap();
    assert!(control.get::<Public>(&["a", "b"]).await.unwrap().is_none());
    assert_eq!(control.list::<Public>(&["a"]).await.unwrap().len(), 0);
    let reborn = control
        .create(&["a", "b"], &Public("4".into()))
        .await
        .unwrap();
    assert_eq!(reborn.version, 4, "versions go on growing over a deletion");
}

#[tokio::test]
async fn a_change_reaches_the_other_replica_within_the_bounded_age() {
    let world = World::new();
    let (one, other) = (world.replica().await, world.replica().await);
    let read = async |control: &Control| {
        control
            .get::<Public>(&["x"])
            .await
            .unwrap()
            .map(|kept| kept.value.0.clone())
    };
    assert_eq!(read(&other).await, None);
    let first = one.create(&["x"], &Public("1".into())).await.unwrap();
    assert_eq!(
        read(&other).await,
        None,
        "that there was none is remembered"
    );
    world.pass(5);
    assert_eq!(read(&other).await.unwrap(), "1");
    one.replace(&first, &Public("2".into())).await.unwrap();
    assert_eq!(
        read(&one).await.unwrap(),
        "2",
        "its own writes it knows at once"
    );
    world.pass(4);
    assert_eq!(read(&other).await.unwrap(), "1");
    world.pass(1);
    assert_eq!(read(&other).await.unwrap(), "2");
}

#[tokio::test]
async fn a_change_made_on_two_replicas_happens_twice() {
    let world = World::new();
    let (one, other) = (world.replica().await, world.replica().await);
    one.create(&["x"], &Public(String::new())).await.unwrap();
    let longer = |kept: &Public| Ok::<_, ControlError>(Some(Public(format!("{}+", kept.0))));
    let all = (0..5).map(|_| async {
        let (left, right) =
            futures_util::future::join(one.change(&["x"], longer), other.change(&["x"], longer))
                .await;
        left.unwrap();
        right.unwrap();
    });
    for both in all {
        both.await;
    }
    let kept = one.get_now::<Public>(&["x"]).await.unwrap().unwrap();
    assert_eq!((kept.value.0.as_str(), kept.version), ("++++++++++", 11));
    let missing = one.change(&["y"], longer).await;
    assert!(matches!(missing, Err(ControlError::Missing { .. })));
}

#[tokio::test]
async fn the_store_cannot_read_what_is_sealed_nor_change_or_move_anything() {
    let world = World::new();
    let control = world.replica().await;
    control
        .create(&["a"], &Secret("hush".into()))
        .await
        .unwrap();
    control
        .create(&["b"], &Secret("other".into()))
        .await
        .unwrap();
    control
        .create(&["a"], &Public("open".into()))
        .await
        .unwrap();
    let sealed = world.bytes("control/secrets/a.json").await;
    let open = world.bytes("control/publics/a.json").await;
    let holds = |bytes: &[u8], text: &str| String::from_utf8_lossy(bytes).contains(text);
    assert!(!holds(&sealed, "hush") && holds(&open, "open"));

    let fresh = async || world.replica().await;
    world.put("control/secrets/b.json", sealed.clone()).await;
    let moved = fresh().await.get_now::<Secret>(&["b"]).await;
    assert!(is_refused(&moved, |fault| matches!(
        fault,
        DocumentFault::Misplaced
    )));
    assert!(fresh().await.list::<Secret>(&[]).await.is_err());
    let changed = String::from_utf8(open.clone())
        .unwrap()
        .replace("open", "oops");
    world
        .put("control/publics/a.json", changed.into_bytes())
        .await;
    let changed = fresh().await.get_now::<Public>(&["a"]).await;
    assert!(is_refused(&changed, |fault| matches!(
        fault,
        DocumentFault::Mac
    )));
}

#[tokio::test]
async fn an_older_version_than_was_seen_is_refused() {
    let world = World::new();
    let control = world.replica().await;
    let first = control.create(&["a"], &Secret("1".into())).await.unwrap();
    let old = world.bytes("control/secrets/a.json").await;
    control.replace(&first, &Secret("2".into())).await.unwrap();
    world.put("control/secrets/a.json", old).await;
    world.pass(6);
    let back = control.get::<Secret>(&["a"]).await;
    assert!(is_refused(&back, |fault| matches!(
        fault,
        DocumentFault::RolledBack { seen: 2, found: 1 }
    )));
    world
        .store
        .delete(&Path::from("control/secrets/a.json"))
        .await
        .unwrap();
    let gone = control.get::<Secret>(&["a"]).await;
    assert!(is_refused(&gone, |fault| matches!(
        fault,
        DocumentFault::Vanished { seen: 2 }
    )));
}

fn is_refused<T>(result: &Result<T, ControlError>, fault: impl Fn(&DocumentFault) -> bool) -> bool {
    matches!(result, Err(ControlError::Keys(KeyError::Document { fault: found, .. })) if fault(found))
}
