//! The attacks of the design's table on uploads in parts: what the store may repeat, lie about or tamper with
//! between Create and Complete.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use integration_tests::cipher_suite::CipherSuite;
use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message};
use integration_tests::world::World;

use crate::on_both_suites;

on_both_suites! {
    an_honest_store_takes_the_upload
    a_repeated_upload_id
    lies_in_list_parts
    a_lie_about_the_etag_of_a_part
    a_tampered_staged_part
    an_earlier_staged_part
    tampered_receipts
    a_lie_about_the_completed_object
    a_retried_complete_of_a_forged_object
}

struct Scene {
    store: HostileStore,
    gateway: Gateway,
}

/// What the store does to a staged part's bytes.
type Change = fn(&mut Vec<u8>);

fn an_honest_store_takes_the_upload(suite: CipherSuite) {
    assert_eq!(
        upload(suite, "honest-answers", "answers", |_, answer| answer),
        "exact"
    );
    assert_eq!(
        upload(suite, "honest-listed", "listed", |_, answer| answer),
        "exact"
    );
}

fn a_repeated_upload_id(suite: CipherSuite) {
    let first: Mutex<Option<Message>> = Mutex::new(None);
    let outcome = upload(suite, "repeated-id", "answers", move |request, answer| {
        if request.method() != "POST" || !request.target().contains("?uploads") {
            return answer;
        }
        let mut first = first.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(answer).clone()
    });
    assert_eq!(outcome, "refused");
}

fn lies_in_list_parts(suite: CipherSuite) {
    for (name, from, to) in [
        ("list-etags", "<ETag>&#34;", "<ETag>&#34;0"),
        ("list-numbers", "<PartNumber>1<", "<PartNumber>3<"),
        ("list-nothing", "<Part>", "<Gone>"),
    ] {
        let outcome = upload(suite, name, "answers", move |request, answer| {
            let lists = request.method() == "GET" && request.target().contains("uploadId=");
            edited(lists, answer, from, to)
        });
        assert_eq!(outcome, "refused", "{name}");
    }
}

fn a_lie_about_the_etag_of_a_part(suite: CipherSuite) {
    let outcome = upload(suite, "part-etag", "answers", |request, mut answer| {
        if request.method() == "PUT" && request.target().contains("partNumber=1&") {
            answer.set("etag", "\"00000000000000000000000000000001\"");
        }
        answer
    });
    assert_eq!(outcome, "refused");
}

fn a_tampered_staged_part(suite: CipherSuite) {
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
        let outcome = upload(suite, name, "answers", move |request, mut answer| {
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

fn an_earlier_staged_part(suite: CipherSuite) {
    let earlier: Mutex<Option<Vec<u8>>> = Mutex::new(None);
    let outcome = upload(
        suite,
        "stage-earlier",
        "answers",
        move |request, mut answer| {
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
        },
    );
    assert_eq!(outcome, "refused");
}

fn tampered_receipts(suite: CipherSuite) {
    for (name, from, to) in [
        ("list-hidden", "<Contents>", "<Gone>"),
        ("list-token", "-p1.", "-p1.A"),
        ("list-other-part", "/receipt/1/", "/receipt/2/"),
        ("list-time", "/receipt/1/1", "/receipt/1/0"),
    ] {
        let outcome = upload(suite, name, "listed", move |request, answer| {
            edited(lists_receipts(request), answer, from, to)
        });
        // The token itself says whose it is: the name around it changes nothing that counts.
        let harmless = ["list-other-part", "list-time"].contains(&name) && outcome == "exact";
        assert!(outcome == "refused" || harmless, "{name}: {outcome}");
    }
}

fn a_lie_about_the_completed_object(suite: CipherSuite) {
    let outcome = upload(suite, "complete-etag", "answers", |request, answer| {
        let completes = request.method() == "POST" && request.target().contains("uploadId=");
        edited(completes, answer, "<ETag>&#34;", "<ETag>&#34;0")
    });
    assert_eq!(outcome, "refused");
}

/// The store says that the upload is gone, which may be because it was completed before; its forged word about the
/// object that then lies there is no answer to that.
fn a_retried_complete_of_a_forged_object(suite: CipherSuite) {
    let scene = scene(suite);
    scene.store.obey(Arc::new(|request, real| {
        let mut answer = real();
        if request.method() == "HEAD" && request.path().ends_with("/completed-twice") {
            answer.set("x-amz-meta-sof-h", &"A".repeat(256));
        }
        answer
    }));
    let account = scene.gateway.account();
    let printed = account.run_script("siege_complete_twice.py", &["twice", "completed-twice"]);
    scene.store.relent();
    assert_eq!(printed.trim(), "ObjectNotSealed");
}

/// One upload under a rule that changes answers; `exact` or `refused`.
fn upload(
    suite: CipherSuite,
    key: &str,
    etags: &str,
    lie: impl Fn(&Message, Message) -> Message + Send + Sync + 'static,
) -> String {
    let scene = scene(suite);
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
fn scene(suite: CipherSuite) -> MutexGuard<'static, Scene> {
    static SIV: OnceLock<Mutex<Scene>> = OnceLock::new();
    static GCM: OnceLock<Mutex<Scene>> = OnceLock::new();
    let scene = match suite {
        CipherSuite::Siv => &SIV,
        CipherSuite::Gcm => &GCM,
    };
    let scene = scene.get_or_init(|| {
        let store = HostileStore::before(World::get().seaweedfs().endpoint());
        let ours = Principal::new("demo", "demo-admin", "tenant-admin");
        let gateway = Gateway::serve_through_with(store.endpoint(), &[ours], suite.settings());
        Mutex::new(Scene { store, gateway })
    });
    scene.lock().unwrap_or_else(PoisonError::into_inner)
}
