//! A gateway whose store is hostile, and what that store has seen of it: several objects of each shape, older
//! versions, and the same under other keys, buckets and tenants. It knows no attack.

use std::collections::BTreeMap;
use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use integration_tests::cipher_suite::CipherSuite;
use integration_tests::client::Account;
use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message, Stored};
use integration_tests::world::World;

/// The scene of all attacks on objects.
pub(super) struct Siege {
    pub(super) store: HostileStore,
    gateway: Gateway,
    /// By origin (`new`, `old`, `key`, `bucket`, `tenant`), then by shape.
    loot: BTreeMap<(&'static str, String), Loot>,
}

/// An object that the store has seen, and what only its client knows.
#[derive(Clone)]
pub(super) struct Loot {
    pub(super) shape: String,
    pub(super) get: String,
    pub(super) head: String,
    /// The path by which the gateway asks the store for it.
    pub(super) path: String,
    pub(super) stored: Stored,
    pub(super) plain: Vec<u8>,
    /// Plaintext lengths of its parts.
    pub(super) parts: Vec<usize>,
    /// The user metadata entry `seed`.
    pub(super) seed: &'static str,
    /// Stored bytes of an upload of part 1 that was replaced before the object was completed.
    pub(super) earlier_part: Option<Vec<u8>>,
}

impl Siege {
    /// The one siege of objects of this suite, held by one test at a time because the store obeys one rule at a time.
    pub(super) fn begin(suite: CipherSuite) -> MutexGuard<'static, Self> {
        static SIV: OnceLock<Mutex<Siege>> = OnceLock::new();
        static GCM: OnceLock<Mutex<Siege>> = OnceLock::new();
        let siege = match suite {
            CipherSuite::Siv => &SIV,
            CipherSuite::Gcm => &GCM,
        };
        let siege = siege.get_or_init(|| Mutex::new(Self::new(suite)));
        let siege = siege.lock().unwrap_or_else(PoisonError::into_inner);
        siege.store.relent();
        siege
    }

    fn new(suite: CipherSuite) -> Self {
        let store = HostileStore::before(World::get().seaweedfs().endpoint());
        let ours = Principal::new("demo", "demo-admin", "tenant-admin");
        let theirs = Principal::new("rival", "rival-admin", "tenant-admin");
        let principals = [ours, theirs.clone()];
        let gateway = Gateway::serve_through_with(store.endpoint(), &principals, suite.settings());
        let account = gateway.account().clone();
        let rival = account.with(theirs.credentials);
        let mut siege = Self {
            store,
            gateway,
            loot: BTreeMap::new(),
        };
        siege.gather("old", &account, "siege", "");
        siege.gather("new", &account, "siege", "");
        siege.gather("key", &account, "siege", "other-");
        siege.gather("bucket", &account, "siege-two", "");
        siege.gather("tenant", &rival, "siege", "");
        siege
    }

    /// The gateway under siege.
    pub(super) fn gateway(&self) -> &Gateway {
        &self.gateway
    }

    /// How a client of ours reaches the gateway.
    pub(super) fn account(&self) -> &Account {
        self.gateway.account()
    }

    /// An object of the siege.
    pub(super) fn loot(&self, origin: &'static str, shape: &str) -> &Loot {
        self.loot
            .get(&(origin, shape.to_owned()))
            .expect("every origin has every shape")
    }

    fn gather(&mut self, origin: &'static str, account: &Account, bucket: &str, prefix: &str) {
        let scratch = World::get().scratch();
        let directory = scratch.path().display().to_string();
        self.store.seen();
        let printed = account.run_script("siege.py", &[bucket, prefix, origin, &directory]);
        let earlier = earlier_part(&self.store.seen());
        let listed: serde_json::Value = serde_json::from_str(&printed).expect("it prints JSON");
        for object in listed.as_array().expect("it prints a list") {
            let mut loot = self.fetch(object, origin, scratch.path());
            loot.shape = loot.shape.replacen(prefix, "", 1);
            loot.earlier_part = earlier.clone().filter(|_| loot.parts.len() > 1);
            self.loot.insert((origin, loot.shape.clone()), loot);
        }
    }

    /// Reads an object once through the gateway, so that the store sees where it lies and hands it out.
    fn fetch(&self, object: &serde_json::Value, seed: &'static str, directory: &Path) -> Loot {
        let text = |name: &str| {
            let value = object.get(name).and_then(serde_json::Value::as_str);
            value.expect("it prints this field").to_owned()
        };
        let plain = fs::read(directory.join(text("key"))).expect("it keeps the plaintext");
        let answer = ask("GET", &text("get"), None);
        assert!(
            answer.status() == 200 && answer.body == plain,
            "an honest read of {} failed: {}",
            text("key"),
            answer.start
        );
        let seen = self.store.seen();
        let mut whole = seen.into_iter().filter(|(request, answer)| {
            request.method() == "GET"
                && answer.status() == 200
                && answer.header("x-amz-meta-sof-h").is_some()
        });
        let (request, whole) = whole.next_back().expect("the gateway asked the store");
        let parts = object.get("parts").and_then(serde_json::Value::as_array);
        let lengths = parts.into_iter().flatten().filter_map(|length| {
            let length = length.as_u64()?;
            usize::try_from(length).ok()
        });
        Loot {
            shape: text("key"),
            get: text("get"),
            head: text("head"),
            path: request.path().to_owned(),
            stored: Stored { whole },
            plain,
            parts: lengths.collect(),
            seed,
            earlier_part: None,
        }
    }
}

/// One request to a presigned URL; an empty message where the connection broke before the head was there.
pub(super) fn ask(method: &str, url: &str, range: Option<&str>) -> Message {
    let (host, target) = url
        .trim_start_matches("http://")
        .split_once('/')
        .expect("a presigned URL has a path");
    let mut request = Message {
        start: format!("{method} /{target} HTTP/1.1"),
        ..Message::default()
    };
    request.set("host", host);
    request.set("connection", "close");
    if let Some(range) = range {
        request.set("range", range);
    }
    let stream = TcpStream::connect(host).expect("the gateway listens");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    request.write(&stream).expect("the gateway takes a request");
    Message::read_answer(&stream, method == "HEAD").unwrap_or_default()
}

/// A value that no ETag had before.
pub(super) fn fresh_etag() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    format!("\"{:032x}\"", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What the store was sent first as part 1.
fn earlier_part(seen: &[(Message, Message)]) -> Option<Vec<u8>> {
    let mut sent = seen
        .iter()
        .map(|(request, _)| request)
        .filter(|request| request.method() == "PUT" && request.target().contains("partNumber=1&"));
    let first = sent.next().map(|request| request.body.clone());
    first.filter(|body| body.starts_with(b"SOFp"))
}

const PATIENCE: Duration = Duration::from_secs(30);
