//! The attacks of the design's table on uploads in parts: what the store may repeat, lie about or tamper with
//! between Create and Complete.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message};
use integration_tests::world::World;

struct Scene {
    store: HostileStore,
    gateway: Gateway,
}

/// What the store does to a staged part's bytes.
type Change = fn(&mut Vec<u8>);

#[test]
fn an_honest_store_takes_the_upload() {
    assert_eq!(
        upload("honest-answers", "answers", |_, answer| answer),
        "exact"
    );
    assert_eq!(
        upload("honest-listed", "listed", |_, answer| answer),
        "exact"
    );
}

#[test]
fn a_repeated_upload_id() {
    let first: Mutex<Option<Message>> = Mutex::new(None);
    let outcome = upload("repeated-id", "answers", move |request, answer| {
        if request.method() != "POST" || !request.target().contains("?uploads") {
            return answer;
        }
        let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(answer).clone()
    });
    assert_eq!(outcome, "refused");
}

#[test]
fn lies_in_list_parts() {
    for (name, from, to) in [
        ("list-etags", "<ETag>&#34;", "<ETag>&#34;0"),
        ("list-numbers", "<PartNumber>1<", "<PartNumber>3<"),
        ("list-nothing", "<Part>", "<Gone>"),
    ] {
        let outcome = upload(name, "answers", move |request, answer| {
            let lists = request.method() == "GET" && request.target().contains("uploadId=");
            edited(lists, answer, from, to)
        });
        assert_eq!(outcome, "refused", "{name}");
    }
}

#[test]
fn a_lie_about_the_etag_of_a_part() {
    let outcome = upload("part-etag", "answers", |request, mut answer| {
        if request.method() == "PUT" && request.target().contains("partNumber=1&") {
            answer.set("etag", "\"00000000000000000000000000000001\"");
        }
        answer
    });
    assert_eq!(outcome, "refused");
}

#[test]
fn a_tampered_staged_part() {
    let flip = |body: &mut Vec<u8>| {
        if let Some(byte) = body.get_mut(1000) {
            *byte ^= 1;
        }
    };
    let changes: [(&str, Change); 5] = [
        ("stage-flip", flip),
        ("stage-cut", |body| body.truncate(body.len() - 1)),
        ("stage-empty", Vec::clear),
        ("stage-longer", |body| body.push(0)),
        ("stage-zeros", |body| body.fill(0)),
    ];
    for (name, change) in changes {
        let outcome = upload(name, "answers", move |request, mut answer| {
            if request.method() == "GET" && request.path().contains("/stage/") {
                let mut body = std::mem::take(&mut answer.body);
                change(&mut body);
                answer.set_body(body);
            }
            answer
        });
        assert_eq!(outcome, "refused", "{name}");
    }
}

#[test]
fn an_earlier_staged_part() {
    let earlier: Mutex<Option<Vec<u8>>> = Mutex::new(None);
    let outcome = upload("stage-earlier", "answers", move |request, mut answer| {
        let staged = request.path().contains("/stage/");
        let mut earlier = earlier.lock().unwrap_or_else(PoisonError::into_inner);
        if staged && request.method() == "PUT" {
            earlier.get_or_insert_with(|| request.body.clone());
        } else if staged && request.method() == "GET" {
            let body = earlier.clone().expect("it was sent before it is asked for");
            assert_eq!(body.len(), answer.body.len(), "it fits exactly");
            answer.set_body(body);
        }
        answer
    });
    assert_eq!(outcome, "refused");
}

#[test]
fn tampered_receipts() {
    for (name, from, to) in [
        ("list-hidden", "<Contents>", "<Gone>"),
        ("list-token", "-p1.", "-p1.A"),
        ("list-other-part", "/receipt/1/", "/receipt/2/"),
        ("list-time", "/receipt/1/1", "/receipt/1/0"),
    ] {
        let outcome = upload(name, "listed", move |request, answer| {
            edited(lists_receipts(request), answer, from, to)
        });
        // The token itself says whose it is: the name around it changes nothing that counts.
        let harmless = ["list-other-part", "list-time"].contains(&name) && outcome == "exact";
        assert!(outcome == "refused" || harmless, "{name}: {outcome}");
    }
}

#[test]
fn a_lie_about_the_completed_object() {
    let outcome = upload("complete-etag", "answers", |request, answer| {
        let completes = request.method() == "POST" && request.target().contains("uploadId=");
        edited(completes, answer, "<ETag>&#34;", "<ETag>&#34;0")
    });
    assert_eq!(outcome, "refused");
}

/// One upload under a rule that changes answers; `exact` or `refused`.
fn upload(
    key: &str,
    etags: &str,
    lie: impl Fn(&Message, Message) -> Message + Send + Sync + 'static,
) -> String {
    let scene = scene();
    scene.store.seen();
    scene
        .store
        .obey(Arc::new(move |request, real| lie(request, real())));
    let account = scene.gateway.account();
    let printed = account.run_script("siege_upload.py", &["uploads", key, etags]);
    scene.store.relent();
    printed.trim().to_owned()
}

fn lists_receipts(request: &Message) -> bool {
    let target = request.target();
    request.method() == "GET" && target.contains("list-type=2") && target.contains("receipt%2F")
}

/// Replaces all of `from` in a chosen answer.
fn edited(chosen: bool, mut answer: Message, from: &str, to: &str) -> Message {
    if chosen {
        let text = String::from_utf8_lossy(&answer.body).replace(from, to);
        answer.set_body(text.into_bytes());
    }
    answer
}

/// One upload at a time: the store obeys one rule.
fn scene() -> MutexGuard<'static, Scene> {
    static SCENE: OnceLock<Mutex<Scene>> = OnceLock::new();
    let scene = SCENE.get_or_init(|| {
        let store = HostileStore::before(World::get().seaweedfs().endpoint());
        let ours = Principal::new("demo", "demo-admin", "tenant-admin");
        let gateway = Gateway::serve_through(store.endpoint(), &[ours]);
        Mutex::new(Scene { store, gateway })
    });
    scene.lock().unwrap_or_else(PoisonError::into_inner)
}
