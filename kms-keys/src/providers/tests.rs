//! Several providers: who wraps, who unwraps, and who is left alone.

use std::{
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use tempfile::TempDir;

use super::*;
use crate::{KeyErrorKind, LocalFile, Refusal, WhenMissing};

/// A local file's provider that can be away or refuse.
#[derive(Debug)]
struct Fake {
    name: &'static str,
    inner: LocalFile,
    answer: Mutex<Option<KeyErrorKind>>,
    asked: AtomicUsize,
}

impl Fake {
    fn new(directory: &TempDir, name: &'static str) -> Arc<Self> {
        let path = directory.path().join(name);
        Arc::new(Self {
            name,
            inner: LocalFile::open(&path, WhenMissing::Create(SystemTime::UNIX_EPOCH)).unwrap(),
            answer: Mutex::default(),
            asked: AtomicUsize::new(0),
        })
    }

    fn says(&self, answer: impl Into<Option<KeyErrorKind>>) {
        *self.answer.lock().unwrap() = answer.into();
        self.asked.store(0, SeqCst);
    }

    fn answer(&self) -> Result<(), KeyError> {
        self.asked.fetch_add(1, SeqCst);
        let provider = self.name.into();
        let source = Arc::new(std::io::Error::other("as the test wished"));
        match *self.answer.lock().unwrap() {
            None => Ok(()),
            Some(KeyErrorKind::Unavailable) => {
                Err(KeyError::ProviderUnavailable { provider, source })
            }
            Some(_) => Err(KeyError::ProviderRefused {
                provider,
                root_key: "k".to_owned(),
                refusal: Refusal::Disabled,
                source,
            }),
        }
    }
}

#[async_trait]
impl KmsProvider for Fake {
    fn name(&self) -> &str {
        self.name
    }

    fn default_root_key(&self) -> &str {
        self.inner.default_root_key()
    }

    async fn generate(
        &self,
        root_key: &str,
        context: &EncryptionContext,
    ) -> Result<(Secret, WrappedKey), KeyError> {
        self.answer()?;
        self.inner.generate(root_key, context).await
    }

    async fn wrap(
        &self,
        root_key: &str,
        secret: &Secret,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyError> {
        self.answer()?;
        self.inner.wrap(root_key, secret, context).await
    }

    async fn unwrap(
        &self,
        root_key: &str,
        wrapped: &WrappedKey,
        context: &EncryptionContext,
    ) -> Result<Secret, KeyError> {
        self.answer()?;
        self.inner.unwrap(root_key, wrapped, context).await
    }

    async fn describe(&self, root_key: &str) -> Result<RootKey, KeyError> {
        self.answer()?;
        self.inner.describe(root_key).await
    }
}

struct World {
    _directory: TempDir,
    first: Arc<Fake>,
    second: Arc<Fake>,
    now: Arc<Mutex<SystemTime>>,
    providers: Providers,
    context: EncryptionContext,
}

fn world() -> World {
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (
        Fake::new(&directory, "first"),
        Fake::new(&directory, "second"),
    );
    let own = RootKeyName {
        provider: "second".to_owned(),
        root_key: second.default_root_key().to_owned(),
    };
    let now = Arc::new(Mutex::new(SystemTime::UNIX_EPOCH));
    let clock = Arc::clone(&now);
    World {
        providers: Providers::new(
            first.clone(),
            vec![second.clone()],
            Arc::new(move |tenant| (tenant == "holder").then(|| own.clone())),
            Arc::new(move || *clock.lock().unwrap()),
        ),
        _directory: directory,
        first,
        second,
        now,
        context: EncryptionContext::for_deployment("d"),
    }
}

fn names(wraps: &[Wrap]) -> Vec<&str> {
    wraps.iter().map(|wrap| wrap.provider.as_str()).collect()
}

#[tokio::test]
async fn a_new_key_is_wrapped_by_all_and_unwrapped_by_either() {
    let world = world();
    let (secret, wraps) = world
        .providers
        .generate(Some("acme"), &world.context)
        .await
        .unwrap();
    assert_eq!(names(&wraps), ["first", "second"]);
    let unwrap = || world.providers.unwrap("a key", &wraps, &world.context);
    assert_eq!(unwrap().await.unwrap(), secret);
    assert_eq!(world.second.asked.load(SeqCst), 1, "to wrap only");
    for trouble in [KeyErrorKind::Unavailable, KeyErrorKind::Denied] {
        world.first.says(trouble);
        assert_eq!(unwrap().await.unwrap(), secret);
        *world.now.lock().unwrap() += Duration::from_millis(200);
    }
    // Both in trouble: the first one's word counts.
    world.second.says(KeyErrorKind::Unavailable);
    assert_eq!(unwrap().await.unwrap_err().kind(), KeyErrorKind::Denied);
}

#[tokio::test]
async fn a_key_that_cannot_be_wrapped_by_all_is_not_made() {
    let world = world();
    world.second.says(KeyErrorKind::Unavailable);
    let made = world.providers.generate(Some("acme"), &world.context);
    assert_eq!(made.await.unwrap_err().kind(), KeyErrorKind::Unavailable);
}

#[tokio::test]
async fn a_tenants_own_root_key_is_the_only_one() {
    let world = world();
    let made = world.providers.generate(Some("holder"), &world.context);
    let (secret, wraps) = made.await.unwrap();
    assert_eq!(names(&wraps), ["second"]);
    assert_eq!(world.first.asked.load(SeqCst), 0);
    let unwrapped = world.providers.unwrap("a key", &wraps, &world.context);
    assert_eq!(unwrapped.await.unwrap(), secret);
}

#[tokio::test]
async fn a_service_that_failed_is_left_alone_until_its_back_off_is_over() {
    let world = world();
    let made = world.providers.generate(Some("holder"), &world.context);
    let (_, wraps) = made.await.unwrap();
    let unwrap = || world.providers.unwrap("a key", &wraps, &world.context);
    world.second.says(KeyErrorKind::Unavailable);
    for _ in 0..10 {
        assert_eq!(
            unwrap().await.unwrap_err().kind(),
            KeyErrorKind::Unavailable
        );
    }
    assert_eq!(world.second.asked.load(SeqCst), 1);
    *world.now.lock().unwrap() += Duration::from_millis(200);
    unwrap().await.unwrap_err();
    assert_eq!(world.second.asked.load(SeqCst), 2);
    // The second back-off is twice as long, and at least 200 ms.
    *world.now.lock().unwrap() += Duration::from_millis(199);
    unwrap().await.unwrap_err();
    assert_eq!(world.second.asked.load(SeqCst), 2);
    *world.now.lock().unwrap() += Duration::from_millis(201);
    world.second.says(None);
    unwrap().await.unwrap();
    unwrap().await.unwrap();

    let count = |outcome| {
        let calls = world.providers.calls();
        let call = calls
            .iter()
            .find(|call| call.call == KmsCall::Unwrap && call.outcome == outcome);
        call.map_or(0, |call| call.count)
    };
    assert_eq!(count(KmsOutcome::Unavailable), 2);
    assert_eq!(count(KmsOutcome::HeldBack), 10);
    assert_eq!(count(KmsOutcome::Done), 2);
}

#[tokio::test]
async fn rewrapping_keeps_moves_and_adds() {
    let world = world();
    let one = Providers::one(world.first.clone(), Arc::new(|| SystemTime::UNIX_EPOCH));
    let (secret, wraps) = one.generate(None, &world.context).await.unwrap();
    let both = world.providers.targets(None);
    let rewrap = |wraps: Vec<Wrap>, targets: Vec<RootKeyName>| {
        let (providers, context) = (&world.providers, &world.context);
        async move { providers.rewrap("a key", &wraps, &targets, context).await }
    };
    let added = rewrap(wraps.clone(), both.clone()).await.unwrap();
    assert_eq!(added[0], wraps[0], "a wrap that is there stays");
    let second_only = rewrap(added.clone(), vec![both[1].clone()]).await.unwrap();
    assert_eq!(names(&second_only), ["second"]);

    // The first is gone, and what it wrapped is moved by the second's wrap.
    world.first.says(KeyErrorKind::Unavailable);
    let moved = rewrap(added, vec![both[1].clone()]).await.unwrap();
    let unwrapped = world.providers.unwrap("a key", &moved, &world.context);
    assert_eq!(unwrapped.await.unwrap(), secret);
    assert!(world.providers.is_held_outside(&[]));
    assert!(!world.providers.is_held_outside(&moved));
}
