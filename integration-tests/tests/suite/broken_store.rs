//! A store that breaks off, falls silent, hangs up, redirects, or says 200 and means no: what its client sees, and
//! what is asked of it again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message, Rule};
use integration_tests::world::World;

/// A gateway that waits for its store for two seconds only.
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
            let gateway =
                Gateway::serve_through_with(store.endpoint(), &[ours], "timeout_seconds = 2\n");
            gateway.account().run_script("broken.py", &["prepare"]);
            Mutex::new(Self { store, gateway })
        });
        let scene = scene.lock().unwrap_or_else(PoisonError::into_inner);
        scene.store.relent();
        scene.store.seen();
        scene
    }

    fn run(&self, act: &str) {
        self.gateway.account().run_script("broken.py", &[act]);
    }
}

/// Requests on the bytes of the object `large`, whole or from an offset on.
fn reads(request: &Message) -> bool {
    request.method() == "GET" && request.path().ends_with("/large")
}

fn writes(request: &Message) -> bool {
    request.method() == "PUT" && request.path().ends_with("/new")
}

/// Obeys `rule` where `chosen` says so.
fn only(
    chosen: fn(&Message) -> bool,
    rule: impl Fn(&Message, &dyn Fn() -> Message) -> Message + Send + Sync + 'static,
) -> Rule {
    Arc::new(move |request, ask| {
        if chosen(request) {
            rule(request, ask)
        } else {
            ask()
        }
    })
}

fn cut(mut answer: Message, length: usize) -> Message {
    answer.body.truncate(length);
    answer
}

fn failure(status: &str, code: &str) -> Message {
    let mut answer = Message {
        start: format!("HTTP/1.1 {status}"),
        ..Message::default()
    };
    answer.set_body(format!("<Error><Code>{code}</Code><Message>m</Message></Error>").into_bytes());
    answer
}

#[test]
fn a_read_that_breaks_off_is_asked_for_again_from_there() {
    let scene = Scene::begin();
    // Also in the middle of frames.
    scene
        .store
        .obey(only(reads, |_, ask| cut(ask(), 1_500_001)));
    scene.run("whole");
    let seen = scene.store.seen();
    let asked: Vec<&Message> = seen
        .iter()
        .map(|one| &one.0)
        .filter(|one| reads(one))
        .collect();
    let (first, more) = asked.split_first().expect("the store was asked");
    assert_eq!(first.header("range"), None);
    // 5 000 000 bytes and what sealing adds, in pieces of 1 500 001: three more.
    let starts: Vec<&str> = more
        .iter()
        .filter_map(|one| {
            one.header("range")?
                .strip_prefix("bytes=")?
                .split('-')
                .next()
        })
        // Checksums are at the end of an object: boto3 asks for them, so the gateway reads them apart.
        .filter(|start| !start.is_empty())
        .collect();
    assert_eq!(starts, ["1500001", "3000002", "4500003"]);
    assert!(more.iter().all(|one| one.header("if-match").is_some()));

    scene.store.obey(only(reads, |_, ask| cut(ask(), 700_000)));
    scene.run("range");
    // The bytes of a copy are read in the same way.
    scene.run("part-copy");
}

#[test]
fn a_store_that_falls_silent_in_a_body_is_asked_again() {
    let scene = Scene::begin();
    scene.store.obey(only(reads, |_, ask| Message {
        stall: Duration::from_secs(20),
        ..cut(ask(), 2_000_000)
    }));
    scene.run("whole");
}

#[test]
fn an_object_replaced_meanwhile_breaks_the_answer_off() {
    let scene = Scene::begin();
    scene.store.obey(only(reads, |request, ask| {
        if request.header("if-match").is_some() {
            failure("412 Precondition Failed", "PreconditionFailed")
        } else {
            cut(ask(), 1_000_000)
        }
    }));
    scene.run("broken-off");
}

#[test]
fn a_store_that_keeps_breaking_off_is_given_up() {
    let scene = Scene::begin();
    scene.store.obey(only(reads, |request, ask| {
        if request.header("if-match").is_some() {
            cut(ask(), 0)
        } else {
            cut(ask(), 1_000_000)
        }
    }));
    scene.run("broken-off");
    let seen = scene.store.seen();
    let asked = seen.iter().filter(|one| reads(&one.0)).count();
    assert!((2..20).contains(&asked), "asked {asked} times");
}

/// Hangs up instead of the first answer.
fn hangs_up_once(chosen: fn(&Message) -> bool) -> (Rule, Arc<AtomicU32>) {
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let rule = only(chosen, move |_, ask| {
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            Message::default()
        } else {
            ask()
        }
    });
    (rule, asked)
}

#[test]
fn a_read_that_got_no_answer_is_repeated_and_a_write_is_not() {
    let scene = Scene::begin();
    let (rule, asked) = hangs_up_once(reads);
    scene.store.obey(rule);
    scene.run("whole");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    let (rule, asked) = hangs_up_once(writes);
    scene.store.obey(rule);
    scene.run("write-slow-down");
    assert_eq!(asked.load(Ordering::Relaxed), 1, "a write was replayed");
}

#[test]
fn a_store_that_does_not_answer_in_time_is_busy() {
    let scene = Scene::begin();
    scene.store.obey(only(
        |request| reads(request) || writes(request),
        |_, _| {
            thread::sleep(Duration::from_secs(8));
            Message::default()
        },
    ));
    scene.run("write-slow-down");
    scene.run("read-slow-down");
}

#[test]
fn redirects_end_here() {
    let scene = Scene::begin();
    scene.store.obey(only(
        |request| reads(request) || writes(request),
        |_, _| {
            let mut answer = failure("307 Temporary Redirect", "TemporaryRedirect");
            answer.set("location", "http://store.example.org/elsewhere");
            answer
        },
    ));
    scene.run("redirected");
}

#[test]
fn a_200_that_means_no_is_no() {
    let scene = Scene::begin();
    scene.store.obey(only(
        |request| {
            let completes = request.method() == "POST" && request.target().contains("uploadId=");
            completes || request.header("x-amz-copy-source").is_some()
        },
        |_, _| failure("200 OK", "InternalError"),
    ));
    scene.run("not-copied");
}

#[test]
fn a_slow_store_does_not_leave_the_client_without_a_word() {
    let scene = Scene::begin();
    let patient = Gateway::serve_through(
        scene.store.endpoint(),
        &[Principal::new("demo", "demo-admin", "tenant-admin")],
    );
    let slow = |request: &Message| {
        let completes = request.method() == "POST" && request.target().contains("uploadId=");
        completes || request.header("x-amz-copy-source").is_some()
    };
    scene.store.obey(only(slow, |_, ask| {
        thread::sleep(Duration::from_secs(14));
        ask()
    }));
    patient.account().run_script("broken.py", &["slow"]);
    scene.store.obey(only(slow, |_, _| {
        thread::sleep(Duration::from_secs(14));
        failure("500 Internal Server Error", "InternalError")
    }));
    patient
        .account()
        .run_script("broken.py", &["slow-and-failed"]);
}

#[test]
fn a_client_that_goes_away_takes_its_upload_with_it() {
    let scene = Scene::begin();
    let (told, ended): (_, Receiver<bool>) = mpsc::channel();
    let told = Mutex::new(told);
    scene.store.obey(only(writes, move |request, _| {
        let told = told.lock().unwrap_or_else(PoisonError::into_inner);
        // The request was read to its end, or to the end of its connection.
        let _ = told.send(request.is_whole());
        Message::default()
    }));
    scene.run("go-away");
    let whole = ended
        .recv_timeout(Duration::from_secs(30))
        .expect("the request to the store was ended too");
    assert!(!whole, "the store was sent a whole object");
}

#[test]
fn a_form_whose_client_goes_away_leaves_no_upload() {
    Scene::begin().run("form-away");
}

#[test]
fn a_lie_about_a_completed_object_is_no_missing_upload() {
    let scene = Scene::begin();
    let asked = AtomicU32::new(0);
    scene.store.obey(only(
        |request| request.method() == "HEAD" && request.path().ends_with("/repeated"),
        move |_, ask| {
            let mut answer = ask();
            // The first repeated Complete is told the truth.
            if asked.fetch_add(1, Ordering::Relaxed) > 0 {
                let header = answer.header("x-amz-meta-sof-h").expect("it is sealed");
                let (start, end) = header.split_at(header.len() - 12);
                let spoilt: String = end
                    .chars()
                    .map(|one| if one == 'A' { 'B' } else { 'A' })
                    .collect();
                answer.set("x-amz-meta-sof-h", &format!("{start}{spoilt}"));
            }
            answer
        },
    ));
    scene.run("repeated");
}

/// A store that takes a write whatever its condition says, found out at the gateway's start.
#[test]
fn conditions_that_the_store_ignores_are_not_offered() {
    let store = HostileStore::before(World::get().seaweedfs().endpoint());
    store.obey(only(
        |request| request.header("if-none-match").is_some() && request.path().ends_with("/probe"),
        |_, _| {
            let mut answer = Message {
                start: "HTTP/1.1 200 OK".to_owned(),
                ..Message::default()
            };
            answer.set("etag", "\"d41d8cd98f00b204e9800998ecf8427e\"");
            answer.set("content-length", "0");
            answer
        },
    ));
    let ours = Principal::new("demo", "demo-admin", "tenant-admin");
    let gateway = Gateway::serve_through(store.endpoint(), &[ours]);
    gateway
        .account()
        .run_script("broken.py", &["no-conditions"]);
}

#[test]
fn nothing_of_a_clients_hop_reaches_the_store() {
    let scene = Scene::begin();
    scene.run("dirty-headers");
    let seen = scene.store.seen();
    let (request, _) = seen
        .iter()
        .find(|one| writes(&one.0))
        .expect("the store was sent the object");
    let mut names: Vec<&str> = request.headers.iter().map(|one| one.0.as_str()).collect();
    names.sort_unstable();
    names.retain(|name| !name.starts_with("x-amz-meta-sof-"));
    assert_eq!(
        names,
        [
            "accept-encoding",
            "authorization",
            "content-length",
            "content-type",
            "host",
            "x-amz-content-sha256",
            "x-amz-date"
        ]
    );
    assert_eq!(request.header("accept-encoding"), Some("identity"));
    assert_eq!(
        request.header("content-type"),
        Some("application/octet-stream"),
        "the client's is sealed"
    );
}
