//! A client that is gone: what the gateway asked of the store for its sake is broken off too. The store is patient, so
//! that nothing but the client's leaving can end a request.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message};
use integration_tests::world::World;

struct Scene {
    store: HostileStore,
    gateway: Gateway,
}

impl Scene {
    /// The one scene, held by one test at a time because the store obeys one rule at a time.
    fn begin() -> MutexGuard<'static, Self> {
        static SCENE: OnceLock<Mutex<Scene>> = OnceLock::new();
        let scene = SCENE.get_or_init(|| {
            let store = HostileStore::before(World::get().seaweedfs().endpoint());
            let ours = Principal::new("demo", "demo-admin", "tenant-admin");
            let settings = "timeout_seconds = 300\n";
            let gateway = Gateway::serve_through_with(store.endpoint(), &[ours], settings);
            let account = gateway.account();
            account.run_script("disconnects.py", &["prepare"]);
            Mutex::new(Self { store, gateway })
        });
        let scene = scene.lock().unwrap_or_else(PoisonError::into_inner);
        scene.store.relent();
        scene
    }

    /// Holds what `chosen` chooses: the first `length` bytes of its answer are given and no more, or no answer at all.
    fn hold(&self, chosen: fn(&Message) -> bool, length: Option<usize>) -> Receiver<()> {
        let (told, held) = mpsc::channel();
        let told = Mutex::new(told);
        self.store.obey(Arc::new(move |request, ask| {
            if !chosen(request) {
                return ask();
            }
            let mut answer = length.map_or_else(Message::default, |length| {
                let mut answer = ask();
                answer.body.truncate(length);
                answer
            });
            answer.stall = PATIENCE;
            let told = told.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = told.send(());
            answer
        }));
        held
    }

    /// Starts a client and waits until its request is under way.
    fn client(&self, act: &str) -> Child {
        let mut client = self.gateway.account().script("disconnects.py", &[act]);
        let mut client = client
            .stdout(Stdio::piped())
            .spawn()
            .expect("a client starts");
        let mut line = String::new();
        let told = client.stdout.take().expect("its output is ours");
        let _ = BufReader::new(told).read_line(&mut line);
        assert_eq!(line.trim(), "begun", "{act}");
        client
    }

    /// Kills the client of a request that the store holds, and waits until the gateway has hung up at the store.
    fn vanishes(&self, act: &str, held: &Receiver<()>) {
        let client = self.client(act);
        held.recv_timeout(PATIENCE).expect("the store was asked");
        let left = self.store.hung_up(MOMENT);
        assert!(left.is_none(), "broken off before its client was: {left:?}");
        end(client);
        let left = self.store.hung_up(PATIENCE);
        assert!(left.is_some(), "{act}: the request to the store goes on");
    }

    /// The same for an upload: kills its client in the middle of the body.
    fn breaks_off(&self, act: &str, chosen: fn(&Message) -> bool) {
        let (told, ended) = mpsc::channel();
        let told = Mutex::new(told);
        self.store.obey(Arc::new(move |request, ask| {
            if chosen(request) {
                let told = told.lock().unwrap_or_else(PoisonError::into_inner);
                // Read to its end, or to the end of its connection.
                let _ = told.send(request.is_whole());
                return Message::default();
            }
            ask()
        }));
        let client = self.client(act);
        let early = ended.recv_timeout(MOMENT);
        assert!(early.is_err(), "{act} ended before its client did");
        end(client);
        let whole = ended.recv_timeout(PATIENCE);
        assert_eq!(whole, Ok(false), "{act}: not broken off at the store");
    }
}

/// `timeout`, under which clients run, passes the signal on.
fn end(mut client: Child) {
    let id = client.id().to_string();
    let killed = std::process::Command::new("kill").arg(&id).status();
    assert!(killed.is_ok_and(|status| status.success()), "no signal");
    let _ = client.wait();
}

#[test]
fn a_read_ends_with_its_client() {
    let scene = Scene::begin();
    let reads =
        |request: &Message| request.method() == "GET" && request.path().ends_with("/source");
    let held = scene.hold(reads, Some(2_000_000));
    scene.vanishes("read", &held);
}

#[test]
fn uploads_end_with_their_client() {
    let scene = Scene::begin();
    let writes = |request: &Message| request.method() == "PUT" && request.path().ends_with("/new");
    scene.breaks_off("write", writes);
    scene.breaks_off("write-part", writes);
}

#[test]
fn copies_end_with_their_client() {
    let scene = Scene::begin();
    let copies = |request: &Message| request.header("x-amz-copy-source").is_some();
    let held = scene.hold(copies, None);
    scene.vanishes("copy", &held);
    // A part's bytes are read and sealed anew.
    let reads =
        |request: &Message| request.method() == "GET" && request.path().ends_with("/source");
    let held = scene.hold(reads, Some(2_000_000));
    scene.vanishes("copy-part", &held);
}

/// Longer than anything takes here, and shorter than the gateway waits for its store.
const PATIENCE: Duration = Duration::from_mins(2);
/// Time for what should not happen.
const MOMENT: Duration = Duration::from_secs(1);
