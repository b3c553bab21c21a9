//! The control documents in a hostile store's hands: keyrings, the deployment's document and a bucket's. What
//! was sealed is then read exactly or not at all.

use std::fs;
use std::sync::Arc;

use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message};
use integration_tests::world::World;

#[test]
fn tampered_documents() {
    let store = HostileStore::before(World::get().seaweedfs().endpoint());
    let ours = Principal::new("demo", "demo-admin", "tenant-admin");
    let theirs = Principal::new("rival", "rival-admin", "tenant-admin");
    let mut gateway = Gateway::serve_through(store.endpoint(), &[ours, theirs.clone()]);
    let rival = gateway.account().with(theirs.credentials);
    put(&gateway);
    let scratch = World::get().scratch();
    rival.run_aws(scratch.path(), &["s3", "mb", "s3://control"]);
    fs::write(scratch.path().join("theirs"), "theirs").expect("a file can be written");
    rival.run_aws(
        scratch.path(),
        &["s3", "cp", "theirs", "s3://control/theirs"],
    );

    let seen = store.seen();
    let theirs_of = |ours: &str| {
        let path = ours.replace("/demo/", "/rival/");
        let mut written = seen
            .iter()
            .filter(|(request, _)| request.method() == "PUT" && request.path().ends_with(&path));
        let (request, _) = written.next_back().expect("the rival's was written");
        request.body.clone()
    };
    let (keyring, bucket) = (theirs_of(KEYRING), theirs_of(BUCKET));
    let lies: Vec<(&str, &str, Lie)> = vec![
        ("as it is", "/none", Box::new(|_| {})),
        (
            "rival's keyring",
            KEYRING,
            Box::new(move |answer| answer.set_body(keyring.clone())),
        ),
        (
            "rival's bucket",
            BUCKET,
            Box::new(move |answer| answer.set_body(bucket.clone())),
        ),
        (
            "wrong MAC",
            KEYRING,
            replacing("\"mac\": \"", "\"mac\": \"0"),
        ),
        (
            "another generation",
            KEYRING,
            replacing("\"generation\": 1", "\"generation\": 2"),
        ),
        (
            "another state",
            KEYRING,
            replacing("\"active\"", "\"decrypt-only\""),
        ),
        ("no keyring", KEYRING, Box::new(missing)),
        ("no bucket", BUCKET, Box::new(missing)),
        (
            "cut keyring",
            KEYRING,
            Box::new(|answer| {
                let half = answer.body.len() / 2;
                answer.set_body(answer.body.iter().take(half).copied().collect());
            }),
        ),
    ];
    for (what, path, lie) in lies {
        store.obey(Arc::new(
            move |request: &Message, real: &dyn Fn() -> Message| {
                let mut answer = real();
                if request.method() == "GET" && request.path().ends_with(path) {
                    lie(&mut answer);
                }
                answer
            },
        ));
        // It has forgotten what it read before.
        gateway.restart();
        let outcome = gateway
            .account()
            .run_script("siege_control.py", &["control", "read"]);
        let expected = if what == "as it is" {
            "exact"
        } else {
            "refused"
        };
        assert_eq!(outcome.trim(), expected, "{what}");
    }
}

type Lie = Box<dyn Fn(&mut Message) + Send + Sync>;

fn put(gateway: &Gateway) {
    gateway
        .account()
        .run_script("siege_control.py", &["control", "write"]);
}

fn replacing(from: &'static str, to: &'static str) -> Lie {
    Box::new(move |answer| {
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert!(text.contains(from), "{from} is not in the document");
        answer.set_body(text.replacen(from, to, 1).into_bytes());
    })
}

fn missing(answer: &mut Message) {
    "HTTP/1.1 404 Not Found".clone_into(&mut answer.start);
    answer.set_body(b"<Error><Code>NoSuchKey</Code></Error>".to_vec());
}

const KEYRING: &str = "/keyrings/demo/default.json";
const BUCKET: &str = "/tenants/demo/buckets/control.json";
