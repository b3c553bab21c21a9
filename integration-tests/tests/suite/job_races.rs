//! Jobs over a store that lies or fails, and beside clients that come at the worst moment: nothing of a client's is undone,
//! and what cannot be done is left with its reason, which the trail has too, and does not hold up the rest.
#![expect(
    clippy::indexing_slicing,
    reason = "a member of JSON that is not there is null, and fails the assertion"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use integration_tests::administered::Administered;
use integration_tests::hostile::{HostileStore, Message, Pause, Rule, When};
use integration_tests::world::World;
use serde_json::{Value, json};

use crate::jobs::{demo, done, told, used, wait_for};

struct Scene {
    store: HostileStore,
    world: Administered,
}

impl Scene {
    fn begin() -> Self {
        let store = HostileStore::before(World::get().seaweedfs().endpoint());
        Self::over(store)
    }

    fn over(store: HostileStore) -> Self {
        let world = Administered::serve_through(store.endpoint(), &demo());
        Self { store, world }
    }

    fn client(&self, arguments: &[&str]) {
        let account = self.world.gateway.account();
        account.run_script("job_races.py", arguments);
    }

    fn rotate(&self) {
        self.world
            .json("ada", &["keys", "rotate", "--tenant", "demo"]);
    }

    /// The reasons that the trail has for objects that stayed as they were, by key.
    fn left(mut self) -> Vec<(String, String)> {
        let lines = self.world.gateway.trail();
        let of = |line: &Value| {
            let reason = line["err"].as_str()?.strip_prefix("Left")?.to_owned();
            Some((line["sealed"]["obj.key"].as_str()?.to_owned(), reason))
        };
        let mut left: Vec<_> = lines.iter().filter_map(of).collect();
        left.sort();
        left
    }
}

fn named(left: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = left.iter().map(|(key, reason)| (key, reason));
    owned
        .map(|(key, reason)| ((*key).to_owned(), (*reason).to_owned()))
        .collect()
}

fn ends(request: &Message, method: &str, key: &str) -> bool {
    request.method() == method && request.path().ends_with(key)
}

fn refusal(status: &str, code: &str) -> Message {
    let mut answer = Message {
        start: format!("HTTP/1.1 {status}"),
        ..Message::default()
    };
    answer.set_body(format!("<Error><Code>{code}</Code><Message>m</Message></Error>").into_bytes());
    answer
}

/// As Amazon S3 over 5 GiB: what is copied is copied in parts.
fn copies_in_parts_only(request: &Message, ask: &dyn Fn() -> Message) -> Message {
    let copies = request.header("x-amz-copy-source").is_some();
    if copies && !request.target().contains("partNumber=") {
        refusal("400 Bad Request", "InvalidRequest")
    } else {
        ask()
    }
}

/// One is always as new as the store's clock, one is dated ahead of it: whether somebody writes to them shows in no time.
#[test]
fn what_never_settles_is_not_moved() {
    let scene = Scene::begin();
    scene.client(&["make", "settles", "young", "ahead", "old"]);
    scene.rotate();
    scene
        .store
        .obey(Arc::new(|request: &Message, ask: &dyn Fn() -> Message| {
            let mut answer = ask();
            let date = answer.header("date").unwrap_or_default().to_owned();
            if ends(request, "HEAD", "/young") {
                answer.set("last-modified", &date);
            }
            if ends(request, "HEAD", "/ahead") {
                answer.set("last-modified", "Sat, 01 Jan 2050 00:00:00 GMT");
            }
            answer
        }));
    scene.store.seen();
    let job = done(&scene.world, &["rewrap-objects"]);
    let progress = &job["progress"];
    assert_eq!(progress["left"], json!({ "changing": 2 }), "{job}");
    assert_eq!(progress["moved"]["objects"], 1, "{job}");
    let seen = scene.store.seen();
    let copies = |key: &str| {
        let is_copy = |one: &&(Message, Message)| {
            ends(&one.0, "PUT", key) && one.0.header("x-amz-copy-source").is_some()
        };
        seen.iter().filter(is_copy).count()
    };
    assert_eq!(
        (copies("/young"), copies("/ahead"), copies("/old")),
        (0, 0, 1)
    );
    assert_eq!(
        scene.left(),
        named(&[("ahead", "Changing"), ("young", "Changing")])
    );
}

/// A store that ignores conditions on writes, as it shows when it is tried at the start.
#[test]
fn over_a_store_without_conditions_nothing_is_moved() {
    let ignores: Rule = Arc::new(|request: &Message, ask: &dyn Fn() -> Message| {
        let is_tried = request.path().ends_with("/system/probe");
        if is_tried && request.header("if-none-match").is_some() {
            let mut answer = Message {
                start: "HTTP/1.1 200 OK".to_owned(),
                ..Message::default()
            };
            answer.set_body(Vec::new());
            return answer;
        }
        ask()
    });
    let store = HostileStore::before(World::get().seaweedfs().endpoint());
    store.obey(ignores);
    let scene = Scene::over(store);
    scene.client(&["make", "ignores", "small"]);
    scene.client(&["parts", "ignores", "parts"]);
    scene.rotate();
    scene.store.seen();
    for job in ["rewrap-objects", "reencrypt"] {
        let job = done(&scene.world, &[job]);
        let left = &job["progress"]["left"];
        assert_eq!(*left, json!({ "unconditional": 2 }), "{job}");
    }
    let writes = |one: &&(Message, Message)| {
        let of_objects = ["/small", "/parts"];
        one.0.method() != "HEAD"
            && one.0.method() != "GET"
            && of_objects.iter().any(|key| one.0.path().ends_with(key))
    };
    assert_eq!(scene.store.seen().iter().filter(writes).count(), 0);
    scene.client(&["read", "ignores", "small", "parts"]);
}

/// A client tags an object when its parts are being copied.
#[test]
fn tags_win_over_a_copy_in_parts() {
    let scene = Scene::begin();
    scene.client(&["make", "tagged"]);
    scene.client(&["parts", "tagged", "parts"]);
    scene.rotate();
    let copies_part = |request: &Message| {
        request.header("x-amz-copy-source-range").is_some() && ends(request, "PUT", "/parts")
    };
    let pause = scene
        .store
        .pause_obeying(When::After, copies_part, copies_in_parts_only);
    let job = thread::scope(|scope| {
        let job = scope.spawn(|| done(&scene.world, &["rewrap-objects"]));
        pause.meanwhile(|| scene.client(&["tag", "tagged", "parts", "second"]));
        job.join().expect("the job ends")
    });
    assert_eq!(job["progress"]["moved"]["objects"], 1, "{job}");
    scene.client(&["tagged", "tagged", "parts", "second"]);
    scene.client(&["read", "tagged", "parts"]);
}

/// One object's keys wait for their destruction, another's body is not what was sealed, a third's manifest: a job passes
/// them by.
#[test]
fn what_can_never_be_done_does_not_hold_up_the_rest() {
    let scene = Scene::begin();
    let create = [
        "bucket",
        "create",
        "demo",
        "spoilt",
        "--key-scope",
        "clinics/{scope}/",
        "--yes",
    ];
    scene.world.json("demo-owner", &create);
    scene.client(&["make", "spoilt", "clinics/17/x", "frame", "good"]);
    scene.client(&["parts", "spoilt", "parts"]);
    scene.rotate();
    let destroy = [
        "keys",
        "destroy",
        "--tenant",
        "demo",
        "--scope",
        "clinics/17/",
        "--days",
        "7",
    ];
    scene.world.by_leave(&destroy);
    let spoils = |request: &Message, ask: &dyn Fn() -> Message| {
        let mut answer = copies_in_parts_only(request, ask);
        let of_key = |key| ends(request, "GET", key);
        // All but the end of one; the end of the other.
        let spoilt = (of_key("/frame") && answer.body.len() > 60_000) || of_key("/parts");
        if spoilt && request.target().ends_with(request.path()) {
            let at = if of_key("/frame") {
                Some(30_000)
            } else {
                answer.body.len().checked_sub(100)
            };
            if let Some(byte) = at.and_then(|at| answer.body.get_mut(at)) {
                *byte ^= 1;
            }
        }
        answer
    };
    scene.store.obey(Arc::new(spoils));
    let job = done(&scene.world, &["rewrap-objects"]);
    let progress = &job["progress"];
    assert_eq!(
        progress["left"],
        json!({ "key-refused": 1, "damaged": 1 }),
        "{job}"
    );
    assert_eq!(progress["moved"]["objects"], 2, "{job}");
    let job = done(&scene.world, &["reencrypt"]);
    let progress = &job["progress"];
    assert_eq!(
        progress["left"],
        json!({ "key-refused": 1, "damaged": 2 }),
        "{job}"
    );
    assert_eq!(progress["moved"]["objects"], 1, "{job}");
    scene.store.relent();
    no_upload_stays(&scene.store.seen());
    scene.client(&["read", "spoilt", "frame", "good", "parts"]);
    assert_eq!(
        scene.left(),
        named(&[
            ("clinics/17/x", "KeyRefused"),
            ("clinics/17/x", "KeyRefused"),
            ("frame", "Damaged"),
            ("parts", "Damaged"),
            ("parts", "Damaged"),
        ])
    );
}

/// Every upload that was begun in the store was completed, or ended.
fn no_upload_stays(seen: &[(Message, Message)]) {
    let uploads = |method: &str, query: &str| {
        let is_one = |one: &&(Message, Message)| {
            one.0.method() == method && one.0.target().contains(query) && one.1.status() < 300
        };
        seen.iter().filter(is_one).count()
    };
    let (begun, ended) = (uploads("POST", "uploads="), uploads("DELETE", "uploadId="));
    assert!(begun > 2 && ended > 0, "{begun} were begun, {ended} ended");
    assert_eq!(begun, uploads("POST", "uploadId=") + ended);
}

/// What a job leaves is on the trail, whoever refused it: the store a look, or us what is not sealed.
#[test]
fn whatever_is_left_is_on_record() {
    let scene = Scene::begin();
    scene.client(&["make", "left", "bare", "good", "refused"]);
    scene.rotate();
    let spoils = |request: &Message, ask: &dyn Fn() -> Message| {
        if ends(request, "HEAD", "/refused") {
            return refusal("403 Forbidden", "AccessDenied");
        }
        let mut answer = ask();
        if ends(request, "HEAD", "/bare") {
            let is_envelope = |name: &str| name.starts_with("x-amz-meta-");
            answer.headers.retain(|(name, _)| !is_envelope(name));
        }
        answer
    };
    scene.store.obey(Arc::new(spoils));
    for job in ["usage", "rewrap-objects"] {
        let job = done(&scene.world, &[job]);
        let left = &job["progress"]["left"];
        assert_eq!(*left, json!({ "not-sealed": 1, "refused": 1 }), "{job}");
    }
    let bare = ("bare", "NotSealed");
    let refused = ("refused", "Refused");
    assert_eq!(scene.left(), named(&[bare, bare, refused, refused]));
}

/// What is frozen is thawed some day: it is waited for.
#[test]
fn a_job_waits_for_keys_that_are_frozen() {
    let scene = Scene::begin();
    scene.client(&["make", "frozen", "one"]);
    scene.rotate();
    let of = ["--tenant", "demo"];
    let keys = |what: &str| {
        scene
            .world
            .json("ada", &[&["keys", what], &of[..]].concat())
    };
    keys("freeze");
    let job = keys("rewrap-objects");
    let id = job["id"].as_str().expect("an id");
    let show = ["keys", "jobs", "show", "--tenant", "demo", id];
    wait_for("it says why it waits", || {
        let job = scene.world.json("ann", &show);
        job["trouble"].is_string() && job["state"] == "open"
    });
    keys("thaw");
    let job = scene.world.json("ann", &[&show[..], &["--wait"]].concat());
    assert_eq!(job["progress"]["moved"]["objects"], 1, "{job}");
    assert_eq!(job["progress"]["left"], json!({}), "{job}");
}

#[test]
fn the_end_of_a_job_that_nobody_began_is_on_record() {
    let scene = Scene::begin();
    let begin = ["keys", "usage", "--tenant", "demo"];
    let job = scene.world.json("ada", &begin);
    let id = job["id"].as_str().expect("an id");
    let cancel = ["keys", "jobs", "cancel", "--tenant", "demo", id];
    let cancelled = scene.world.json("ada", &cancel);
    assert_eq!(cancelled["progress"]["started"], Value::Null, "{cancelled}");
    wait_for("its end is on record", || {
        told(&scene.world, "StopJob").is_some()
    });
    assert_eq!(
        told(&scene.world, "StopJob").expect("a line")["detail"]["job"],
        *id
    );
}

/// The one that did it dies when that is written, and before it is told.
#[test]
fn the_end_of_a_job_is_on_record_though_the_replica_that_did_it_dies() {
    let mut scene = Scene::begin();
    scene.client(&["make", "ends", "one"]);
    let says_done = |request: &Message| {
        // A document is text within text.
        let body = String::from_utf8_lossy(&request.body).replace('\\', "");
        request.method() == "PUT"
            && request.path().contains("/control/jobs/")
            && body.contains("\"state\":\"done\"")
    };
    let pause = scene.store.pause(When::After, says_done);
    let begin = ["keys", "usage", "--tenant", "demo"];
    let job = scene.world.json("ada", &begin);
    pause.meanwhile(|| scene.world.gateway.restart());
    let id = job["id"].as_str().expect("an id");
    let show = ["keys", "jobs", "show", "--tenant", "demo", id];
    assert_eq!(scene.world.json("ann", &show)["state"], "done");
    assert!(told(&scene.world, "FinishJob").is_none());
    wait_for("its end is on record", || {
        told(&scene.world, "FinishJob").is_some()
    });
}

/// Over a store that keeps no envelopes of folders, they move as other objects do, wherever their envelopes lie.
#[test]
fn folders_move_with_the_rest() {
    let scene = Scene::begin();
    let folder = |arguments: &[&str]| {
        let account = scene.world.gateway.account();
        account.run_script("folder_races.py", arguments);
    };
    folder(&["make", "moved"]);
    scene.rotate();
    let older = used(&scene.world, "decrypt-only");
    assert_eq!(older[0]["current"]["objects"], 1, "{older}");
    let job = done(&scene.world, &["rewrap-objects"]);
    assert_eq!(job["progress"]["moved"]["objects"], 1, "{job}");
    let newer = used(&scene.world, "active");
    assert_eq!(newer[0]["current"]["objects"], 1, "{newer}");
    // The old key waits for its destruction and is refused.
    let old = older[0]["kek"].as_str().expect("a key id");
    let destroy = [
        "keys", "destroy", "--tenant", "demo", "--days", "7", "--key", old,
    ];
    scene.world.by_leave(&destroy);
    folder(&["seen", "moved", "first"]);
    let job = done(&scene.world, &["reencrypt"]);
    assert_eq!(job["progress"]["moved"]["objects"], 1, "{job}");
    folder(&["seen", "moved", "first"]);
    folder(&["delete", "moved"]);
    folder(&["gone", "moved"]);
}

/// A client makes the folder anew when the job is about to write the envelope of the one before.
#[test]
fn a_folder_made_anew_wins_over_a_rewrap() {
    let scene = Scene::begin();
    let folder = |arguments: &[&str]| {
        let account = scene.world.gateway.account();
        account.run_script("folder_races.py", arguments);
    };
    folder(&["make", "moved-anew"]);
    scene.rotate();
    let rewraps = |request: &Message| {
        request.method() == "PUT"
            && request.path().contains("/folders/")
            && request.header("if-match").is_some()
    };
    let pause = scene.store.pause(When::Before, rewraps);
    thread::scope(|scope| {
        let job = scope.spawn(|| done(&scene.world, &["rewrap-objects"]));
        pause.meanwhile(|| folder(&["anew", "moved-anew"]));
        job.join().expect("the job ends")
    });
    folder(&["seen", "moved-anew", "anew"]);
}

/// A client releases the version that was just copied; another time it holds it, and the store does not take that for
/// the copy.
#[test]
fn what_is_released_while_it_is_copied_is_released() {
    let scene = Scene::begin();
    scene.client(&["locks", "released", "one"]);
    let copies = |request: &Message| {
        request.header("x-amz-copy-source").is_some() && ends(request, "PUT", "/one")
    };
    let raced = |pause: Pause, hold: &str| {
        thread::scope(|scope| {
            let job = scope.spawn(|| done(&scene.world, &["rewrap-objects"]));
            pause.meanwhile(|| scene.client(&["hold", "released", "one", hold]));
            job.join().expect("the job ends")
        })
    };
    scene.rotate();
    let job = raced(scene.store.pause(When::After, copies), "OFF");
    assert_eq!(job["progress"]["moved"]["objects"], 1, "{job}");
    scene.client(&["held", "released", "one", "OFF"]);

    scene.rotate();
    let held_one = AtomicBool::new(false);
    let refuses = move |request: &Message, ask: &dyn Fn() -> Message| {
        let holds = request.method() == "PUT" && request.target().contains("legal-hold");
        // The client's comes first.
        if holds && held_one.swap(true, Ordering::Relaxed) {
            refusal("403 Forbidden", "AccessDenied")
        } else {
            ask()
        }
    };
    let pause = scene.store.pause_obeying(When::After, copies, refuses);
    let job = raced(pause, "ON");
    assert_eq!(job["progress"]["left"]["unaligned"], 1, "{job}");
    // The first version is held still when it is followed, and released by then.
    let reasons = ["Locked", "Noncurrent", "Unaligned"];
    assert_eq!(scene.left(), named(&reasons.map(|reason| ("one", reason))));
}

/// What is not retained would be, by a copy: it is left as it is.
#[test]
fn what_its_bucket_would_retain_anew_is_not_moved() {
    let scene = Scene::begin();
    scene.client(&["locks", "ruled", "one"]);
    scene.client(&["rule", "ruled"]);
    scene.rotate();
    for job in ["rewrap-objects", "reencrypt"] {
        let job = done(&scene.world, &[job]);
        let progress = &job["progress"];
        assert_eq!(progress["left"], json!({ "default-retention": 1 }), "{job}");
    }
    scene.client(&["held", "ruled", "one", "ON"]);
    scene.client(&["read", "ruled", "one"]);
}

/// A store that knows no locks does not say so of a bucket, but of the question.
#[test]
fn a_store_that_knows_no_locks_moves_versions() {
    let scene = Scene::begin();
    scene.client(&["locks", "lockless", "one"]);
    scene.rotate();
    let asked = Arc::new(AtomicBool::new(false));
    let is_asked = Arc::clone(&asked);
    let knows_none = move |request: &Message, ask: &dyn Fn() -> Message| {
        if request.method() == "GET" && request.target().contains("object-lock") {
            is_asked.store(true, Ordering::Relaxed);
            refusal("501 Not Implemented", "NotImplemented")
        } else {
            ask()
        }
    };
    scene.store.obey(Arc::new(knows_none));
    let job = done(&scene.world, &["rewrap-objects"]);
    assert_eq!(job["progress"]["moved"]["objects"], 1, "{job}");
    assert!(asked.load(Ordering::Relaxed));
}
