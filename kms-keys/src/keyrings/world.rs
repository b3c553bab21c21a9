//! What the tests of keyrings stand on: a store in memory that counts and can go away, a KMS that
//! counts and can deny, a clock that is set by hand.

use std::{
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

use crate::{
    EncryptionContext, KeyError, Keyrings, KmsProvider, LocalFile, RootKey, Secret, Settings,
    WhenMissing, WrappedKey,
};

pub(super) struct World {
    pub(super) store: Arc<WatchedStore>,
    pub(super) kms: Arc<WatchedKms>,
    pub(super) clock: Arc<HandSetClock>,
    _directory: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let clock = Arc::new(HandSetClock::default());
        let kms = Arc::new(WatchedKms::new(
            &directory.path().join("root-keys"),
            clock.now(),
        ));
        Self {
            store: Arc::default(),
            kms,
            clock,
            _directory: directory,
        }
    }

    pub(super) async fn replica(&self) -> Keyrings {
        self.try_replica().await.unwrap()
    }

    pub(super) async fn try_replica(&self) -> Result<Keyrings, KeyError> {
        self.replica_with(self.kms.clone()).await
    }

    pub(super) async fn replica_with_another_root_key(&self) -> Result<Keyrings, KeyError> {
        let directory = tempfile::tempdir().unwrap();
        let kms = WatchedKms::new(&directory.path().join("root-keys"), self.clock.now());
        self.replica_with(Arc::new(kms)).await
    }

    async fn replica_with(&self, kms: Arc<dyn KmsProvider>) -> Result<Keyrings, KeyError> {
        let clock = Arc::clone(&self.clock);
        Keyrings::open(
            self.store.clone(),
            kms,
            Settings::default(),
            Arc::new(move || clock.now()),
        )
        .await
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

/// The local file's provider behind a counter, which yields in every call as a network would.
#[derive(Debug)]
pub(super) struct WatchedKms {
    inner: LocalFile,
    calls: Mutex<Vec<Call>>,
    denied: AtomicBool,
    away: AtomicBool,
}

impl WatchedKms {
    fn new(path: &FilePath, now: SystemTime) -> Self {
        let inner = LocalFile::open(path, WhenMissing::Create(now)).unwrap();
        Self {
            inner,
            calls: Mutex::default(),
            denied: false.into(),
            away: false.into(),
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

    pub(super) fn set_denied(&self, denied: bool) {
        self.denied.store(denied, SeqCst);
    }

    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, SeqCst);
    }

    async fn answer(&self, call: Call, root_key: &str) -> Result<(), KeyError> {
        self.calls.lock().unwrap().push(call);
        tokio::task::yield_now().await;
        let source = Arc::new(std::io::Error::other("as the test wished"));
        if self.denied.load(SeqCst) {
            let root_key = root_key.to_owned();
            return Err(KeyError::ProviderRefused {
                provider: self.inner.name(),
                root_key,
                source,
            });
        }
        if self.away.load(SeqCst) {
            return Err(KeyError::ProviderUnavailable {
                provider: self.inner.name(),
                source,
            });
        }
        Ok(())
    }
}

#[async_trait]
impl KmsProvider for WatchedKms {
    fn name(&self) -> &'static str {
        self.inner.name()
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
    gets: AtomicUsize,
    away: AtomicBool,
    answer_lost: AtomicBool,
}

impl WatchedStore {
    pub(super) fn gets(&self) -> usize {
        self.gets.load(SeqCst)
    }

    pub(super) fn forget(&self) {
        self.gets.store(0, SeqCst);
    }

    pub(super) fn set_away(&self, away: bool) {
        self.away.store(away, SeqCst);
    }

    /// The next write is stored, and refused when the client tries again for want of an answer.
    pub(super) fn lose_next_answer(&self) {
        self.answer_lost.store(true, SeqCst);
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
        self.inner.list(prefix).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> StoreResult<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> StoreResult<()> {
        self.inner.copy_opts(from, to, options).await
    }
}
