//! What the tests of keyrings stand on: a store in memory that counts and can go away, a KMS that
//! counts and can deny, a clock that is set by hand.

use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    path::Path as FilePath,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, SystemTime},
};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMultipartOptions, PutOptions, PutPayload, PutResult,
    Result as StoreResult, memory::InMemory, path::Path,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::control::{Entry, Keyring, Timestamp, kek_index, place};
use crate::{
    EncryptionContext, KeyError, KeyId, Keyrings, KmsProvider, LocalFile, OwnRootKeys,
    PlacedDocuments, Providers, Purpose, Refusal, RootKey, RootKeyName, Scope, Secret, Settings,
    State, WhenMissing, WrappedKey,
};

pub(super) struct World {
    pub(super) store: Arc<WatchedStore>,
    pub(super) kms: Arc<WatchedKms>,
    /// Another one, which a replica has beside the first if the test says so.
    pub(super) second: Arc<WatchedKms>,
    pub(super) clock: Arc<HandSetClock>,
    _directory: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandSetClock::default());
        let kms = |name: &'static str| {
            let file = directory.path().join(name);
            Arc::new(WatchedKms::new(name, &file, clock.now()))
        };
        Self {
            store: Arc::default(),
            kms: kms("first"),
            second: kms("second"),
            clock,
            _directory: directory,
        }
    }

    pub(super) async fn replica(&self) -> Keyrings {
        self.try_replica().await.unwrap()
    }

    pub(super) async fn try_replica(&self) -> Result<Keyrings, KeyError> {
        self.replica_of(&[&self.kms]).await
    }

    pub(super) async fn replica_with_another_root_key(&self) -> Result<Keyrings, KeyError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("root-keys");
        let kms = Arc::new(WatchedKms::new("first", &file, self.clock.now()));
        self.replica_of(&[&kms]).await
    }

    /// The providers alone, for what needs no replica.
    pub(super) fn providers(&self) -> Providers {
        Providers::one(self.kms.clone(), self.told())
    }

    pub(super) fn told(&self) -> crate::Clock {
        let clock = Arc::clone(&self.clock);
        Arc::new(move || clock.now())
    }

    /// A replica with these providers.
    pub(super) async fn replica_of(
        &self,
        providers: &[&Arc<WatchedKms>],
    ) -> Result<Keyrings, KeyError> {
        self.replica_with(providers, Arc::new(|_| None)).await
    }

    /// A replica for which `tenant` holds its own root key at the second provider.
    pub(super) async fn replica_with_own_key(&self, tenant: &'static str) -> Keyrings {
        let own = RootKeyName {
            provider: self.second.name().to_owned(),
            root_key: self.second.own_root_key.clone(),
        };
        let own: OwnRootKeys = Arc::new(move |of| (of == tenant).then(|| own.clone()));
        self.replica_with(&[&self.kms, &self.second], own)
            .await
            .unwrap()
    }

    async fn replica_with(
        &self,
        providers: &[&Arc<WatchedKms>],
        own: OwnRootKeys,
    ) -> Result<Keyrings, KeyError> {
        let clock = Arc::clone(&self.clock);
        let clock: crate::Clock = Arc::new(move || clock.now());
        let mut providers = providers
            .iter()
            .map(|&kms| -> Arc<dyn KmsProvider> { kms.clone() });
        let first = providers.next().unwrap();
        let providers = Providers::new(first, providers.collect(), own, Arc::clone(&clock));
        Keyrings::open(self.store.clone(), providers, Settings::default(), clock).await
    }

    pub(super) async fn document(&self, tenant: &str) -> Value {
        serde_json::from_str(&self.bytes(tenant).await).unwrap()
    }

    pub(super) async fn bytes(&self, tenant: &str) -> String {
        self.read(&keyring_path(tenant)).await
    }

    pub(super) async fn put(&self, tenant: &str, text: impl Into<Bytes>) {
        self.store
            .inner
            .put(&keyring_path(tenant), text.into().into())
            .await
            .unwrap();
    }

    pub(super) async fn delete(&self, tenant: &str) {
        self.store
            .inner
            .delete(&keyring_path(tenant))
            .await
            .unwrap();
    }

    pub(super) async fn deployment(&self) -> Value {
        serde_json::from_str(&self.read(&Path::from("system/deployment.json")).await).unwrap()
    }

    pub(super) async fn put_deployment(&self, document: &Value) {
        let path = Path::from("system/deployment.json");
        self.store
            .inner
            .put(&path, document.to_string().into())
            .await
            .unwrap();
    }

    pub(super) async fn at(&self, path: &str) -> String {
        self.read(&Path::from(path)).await
    }

    pub(super) async fn put_at(&self, path: &str, text: String) {
        let path = Path::from(path);
        self.store.inner.put(&path, text.into()).await.unwrap();
    }

    pub(super) async fn move_document(&self, from: &str, to: &str) {
        let text = self.at(from).await;
        self.put_at(to, text).await;
    }

    pub(super) fn scope_document(scope: &Scope) -> String {
        format!("system/{}", place("acme", scope).join("/"))
    }

    /// A replica that holds so many keyrings at most.
    pub(super) async fn small_replica(&self, document_capacity: u64) -> Keyrings {
        let settings = Settings {
            document_capacity,
            ..Settings::default()
        };
        self.replica_set(settings).await
    }

    /// A replica with these settings.
    pub(super) async fn replica_set(&self, settings: Settings) -> Keyrings {
        let (store, clock) = (self.store.clone(), self.told());
        let opened = Keyrings::open(store, self.providers(), settings, clock);
        opened.await.unwrap()
    }

    /// Has the store answer as if `count` scopes of `acme` were in it, whose KEKs are destroyed:
    /// their documents are written when they are first read.
    pub(super) fn pretend_scopes(
        &self,
        replica: &Arc<Keyrings>,
        count: usize,
        scope: impl Fn(usize) -> Scope + Send + Sync + 'static,
    ) {
        let at = |number| (Self::scope_document(&scope(number)), number);
        let keyrings: HashMap<String, usize> = (1..=count).map(at).collect();
        let (replica, now) = (Arc::clone(replica), Timestamp::from(self.clock.now()));
        let write = move |path: &str| {
            let deployment = replica.deployment();
            if let Some(&number) = keyrings.get(path) {
                let id = Self::kek_of_scope(number);
                let entry = Entry {
                    id,
                    purpose: Purpose::Kek,
                    state: State::Destroyed,
                    created: now,
                    activated: None,
                    retired: None,
                    destroy_after: None,
                    context: EncryptionContext::for_key(deployment.id(), "acme", id, Purpose::Kek),
                    wraps: Vec::new(),
                };
                let scope = scope(number);
                let keyring = Keyring::first(deployment.id(), "acme", &scope, vec![entry]);
                return Some(deployment.write(&keyring).unwrap().0);
            }
            let id = path
                .strip_prefix("system/keks/acme/")?
                .strip_suffix(".json")?;
            let number = usize::from_str_radix(id, 16).ok()?;
            let is_ours = (1..=keyrings.len()).contains(&number);
            is_ours.then(|| {
                let id = Self::kek_of_scope(number);
                kek_index::document(deployment, "acme", id, &scope(number)).unwrap()
            })
        };
        *self.store.pretended.lock().unwrap() = Some(Pretended(Box::new(write)));
    }

    /// The document of a bucket that was made so long after the beginning of 2026.
    pub(super) fn bucket(replica: &Keyrings, path: &str, after: Duration) -> String {
        let made = SystemTime::UNIX_EPOCH + Duration::from_hours(490_896) + after;
        let document = serde_json::json!({ "id": path, "created": Timestamp::from(made) });
        let documents = PlacedDocuments::of(replica.deployment());
        let bytes = documents.write(&Path::from(path), &document).unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    pub(super) fn kek_of_scope(number: usize) -> KeyId {
        KeyId::from(u64::try_from(number).unwrap().to_be_bytes())
    }

    async fn read(&self, path: &Path) -> String {
        let bytes = self
            .store
            .inner
            .get(path)
            .await
            .unwrap()
            .bytes()
            .await
            .unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }
}

fn keyring_path(tenant: &str) -> Path {
    Path::from(format!("system/keyrings/{tenant}/default.json"))
}

#[derive(Debug)]
pub(super) struct HandSetClock(Mutex<SystemTime>);

impl Default for HandSetClock {
    fn default() -> Self {
        Self(Mutex::new(
            SystemTime::UNIX_EPOCH + Duration::from_secs(1_763_750_000),
        ))
    }
}

impl HandSetClock {
    pub(super) fn now(&self) -> SystemTime {
        *self.0.lock().unwrap()
    }

    pub(super) fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

/// What a KMS was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Generate,
    Wrap,
    Unwrap,
}

/// What a KMS answers instead of doing what it is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    Away,
    Refuses(Refusal),
    Lost,
    Wrong,
}

/// The local file's provider behind a counter, which yields in every call as a network would.
#[derive(Debug)]
pub(super) struct WatchedKms {
    name: &'static str,
    inner: LocalFile,
    /// The older of the file's two root keys: it plays the one that a tenant holds itself.
    pub(super) own_root_key: String,
    calls: Mutex<Vec<Call>>,
    trouble: Mutex<Option<Trouble>>,
    /// Trouble with the root key that the tenant holds.
    own_trouble: Mutex<Option<Trouble>>,
}

impl WatchedKms {
    fn new(name: &'static str, path: &FilePath, now: SystemTime) -> Self {
        let first = LocalFile::open(path, WhenMissing::Create(now)).unwrap();
        let own_root_key = first.default_root_key().to_owned();
        let another = path.with_extension("another");
        LocalFile::open(&another, WhenMissing::Create(now)).unwrap();
        let both = [path, &another].map(|path| std::fs::read_to_string(path).unwrap());
        std::fs::write(path, both.concat()).unwrap();
        Self {
            name,
            inner: LocalFile::open(path, WhenMissing::Refuse).unwrap(),
            own_root_key,
            calls: Mutex::default(),
            trouble: Mutex::default(),
            own_trouble: Mutex::default(),
        }
    }

    pub(super) fn count(&self, wanted: Call) -> usize {
        self.calls
            .lock()
            .unwrap()
            .iter()
            .filter(|call| **call == wanted)
            .count()
    }

    pub(super) fn forget(&self) {
        self.calls.lock().unwrap().clear();
    }

    pub(super) fn set_trouble(&self, trouble: impl Into<Option<Trouble>>) {
        *self.trouble.lock().unwrap() = trouble.into();
    }

    pub(super) fn set_own_trouble(&self, trouble: impl Into<Option<Trouble>>) {
        *self.own_trouble.lock().unwrap() = trouble.into();
    }

    async fn answer(&self, call: Call, root_key: &str) -> Result<(), KeyError> {
        self.calls.lock().unwrap().push(call);
        tokio::task::yield_now().await;
        let trouble = if root_key == self.own_root_key {
            *self.own_trouble.lock().unwrap()
        } else {
            *self.trouble.lock().unwrap()
        };
        let source = Arc::new(std::io::Error::other("as the test wished"));
        let (provider, root_key) = (self.name.into(), root_key.to_owned());
        match trouble {
            None => Ok(()),
            Some(Trouble::Away) => Err(KeyError::ProviderUnavailable { provider, source }),
            Some(Trouble::Refuses(refusal)) => Err(KeyError::ProviderRefused {
                provider,
                root_key,
                refusal,
                source,
            }),
            Some(Trouble::Lost) => Err(KeyError::RootKeyMissing { provider, root_key }),
            Some(Trouble::Wrong) => Err(KeyError::WrongAnswer {
                provider,
                root_key,
                what: "as the test wished".to_owned(),
            }),
        }
    }
}

#[async_trait]
impl KmsProvider for WatchedKms {
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
        self.answer(Call::Generate, root_key).await?;
        self.inner.generate(root_key, context).await
    }

    async fn wrap(
        &self,
        root_key: &str,
        secret: &Secret,
        context: &EncryptionContext,
    ) -> Result<WrappedKey, KeyError> {
        self.answer(Call::Wrap, root_key).await?;
        self.inner.wrap(root_key, secret, context).await
    }

    async fn unwrap(
        &self,
        root_key: &str,
        wrapped: &WrappedKey,
        context: &EncryptionContext,
    ) -> Result<Secret, KeyError> {
        self.answer(Call::Unwrap, root_key).await?;
        self.inner.unwrap(root_key, wrapped, context).await
    }

    async fn describe(&self, root_key: &str) -> Result<RootKey, KeyError> {
        self.inner.describe(root_key).await
    }
}

/// A store in memory that counts its reads, yields as a network would and can go away.
#[derive(Debug, Default)]
pub(super) struct WatchedStore {
    inner: InMemory,
    pretended: Mutex<Option<Pretended>>,
    gets: AtomicUsize,
    lists: AtomicUsize,
    away: AtomicBool,
    answer_lost: AtomicBool,
}

/// Documents that are written when they are read.
struct Pretended(Box<Write>);

type Write = dyn Fn(&str) -> Option<Bytes> + Send + Sync;

impl fmt::Debug for Pretended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pretended")
    }
}

impl WatchedStore {
    pub(super) fn gets(&self) -> usize {
        self.gets.load(SeqCst)
    }

    pub(super) fn lists(&self) -> usize {
        self.lists.load(SeqCst)
    }

    pub(super) fn forget(&self) {
        self.gets.store(0, SeqCst);
        self.lists.store(0, SeqCst);
    }

    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, SeqCst);
    }

    /// The next write is stored, and refused when the client tries again for want of an answer.
    pub(super) fn lose_next_answer(&self) {
        self.answer_lost.store(true, SeqCst);
    }

    pub(super) async fn text(&self, path: &str) -> Option<String> {
        let found = self.inner.get(&Path::from(path)).await.ok()?;
        let bytes = found.bytes().await.unwrap();
        Some(String::from_utf8(bytes.to_vec()).unwrap())
    }

    pub(super) async fn set(&self, path: &str, text: &str) {
        let text = text.to_owned();
        self.inner
            .put(&Path::from(path), text.into())
            .await
            .unwrap();
    }

    pub(super) async fn remove(&self, path: &str) {
        self.inner.delete(&Path::from(path)).await.unwrap();
    }

    pub(super) async fn documents(&self) -> Vec<String> {
        self.inner
            .list(None)
            .map_ok(|meta| meta.location.to_string())
            .try_collect()
            .await
            .unwrap()
    }

    async fn answer(&self) -> StoreResult<()> {
        tokio::task::yield_now().await;
        if self.away.load(SeqCst) {
            let source = std::io::Error::other("as the test wished").into();
            return Err(Error::Generic {
                store: "watched",
                source,
            });
        }
        Ok(())
    }
}

impl fmt::Display for WatchedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("watched store in memory")
    }
}

#[async_trait]
impl ObjectStore for WatchedStore {
    async fn put_opts(
        &self,
        at: &Path,
        payload: PutPayload,
        options: PutOptions,
    ) -> StoreResult<PutResult> {
        self.answer().await?;
        let put = self.inner.put_opts(at, payload, options).await?;
        if self.answer_lost.swap(false, SeqCst) {
            let source = std::io::Error::other("the second try").into();
            return Err(Error::Precondition {
                path: at.to_string(),
                source,
            });
        }
        Ok(put)
    }

    async fn put_multipart_opts(
        &self,
        at: &Path,
        options: PutMultipartOptions,
    ) -> StoreResult<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(at, options).await
    }

    async fn get_opts(&self, at: &Path, options: GetOptions) -> StoreResult<GetResult> {
        self.gets.fetch_add(1, SeqCst);
        self.answer().await?;
        let pretended = self
            .pretended
            .lock()
            .unwrap()
            .as_ref()
            .and_then(|write| write.0(at.as_ref()));
        if let Some(document) = pretended {
            self.inner.put(at, document.into()).await?;
        }
        self.inner.get_opts(at, options).await
    }

    async fn get_ranges(&self, at: &Path, ranges: &[Range<u64>]) -> StoreResult<Vec<Bytes>> {
        self.inner.get_ranges(at, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, StoreResult<Path>>,
    ) -> BoxStream<'static, StoreResult<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, StoreResult<ObjectMeta>> {
        self.lists.fetch_add(1, SeqCst);
        self.inner.list(prefix).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.lists.fetch_add(1, SeqCst);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
