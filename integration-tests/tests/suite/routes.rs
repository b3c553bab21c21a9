//! The registry of operations against the service model that the SDKs are made from, by requests to the real binary.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::HostileStore;
use integration_tests::world::World;

use crate::scan;

/// A gateway whose requests to the store are seen.
struct Scene {
    store: HostileStore,
    gateway: Gateway,
}

impl Scene {
    fn begin() -> MutexGuard<'static, Self> {
        static SCENE: OnceLock<Mutex<Scene>> = OnceLock::new();
        let scene = SCENE.get_or_init(|| {
            let store = HostileStore::before(World::get().seaweedfs().endpoint());
            let ours = Principal::new("demo", "demo-admin", "tenant-admin");
            let gateway = Gateway::serve_through(store.endpoint(), &[ours]);
            Mutex::new(Self { store, gateway })
        });
        scene.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for operations by name, all where none is named: what the client was told, status and code.
    fn ask(&self, bucket: &str, operations: &[&str]) -> BTreeMap<String, (u16, String)> {
        let arguments = [&[bucket], operations].concat();
        let printed = self.gateway.account().run_script("routes.py", &arguments);
        let told = printed.lines().map(|line| {
            let mut fields = line.split(' ');
            let mut next = || {
                fields
                    .next()
                    .expect("a name, a status and a code")
                    .to_owned()
            };
            let (name, status, code) = (next(), next(), next());
            (name, (status.parse().expect("a status is a number"), code))
        });
        told.collect()
    }

    /// How often the gateway took a request for this operation.
    fn recognised(&self, operation: &str) -> u64 {
        let count = |status| {
            let labels = format!("{{operation=\"{operation}\",status=\"{status}\"}}");
            let name = format!("sealgate_requests_total{labels}");
            self.gateway.sample(&name).unwrap_or_default()
        };
        ["2xx", "3xx", "4xx", "5xx"].map(count).into_iter().sum()
    }
}

#[test]
fn every_operation_of_the_service_model_is_told_from_the_others() {
    let scene = Scene::begin();
    let told = scene.ask("every-route", &[]);
    // The model has 116; two of them are asked of other hosts.
    assert_eq!(told.len(), 114);
    let (refused, administered) = (listed("## Refused"), listed("## For administrators"));
    for (name, (status, code)) in &told {
        let (_, current) = OLDER
            .into_iter()
            .find(|(older, _)| older == name)
            .unwrap_or((name, name));
        assert!(
            scene.recognised(current) > 0,
            "{name} was taken for another operation"
        );
        let here = |names: &[String]| names.iter().any(|one| one == current);
        let expected = match (here(&refused), here(&administered)) {
            (true, _) => Some((501, "NotImplemented")),
            (_, true) => Some((403, "AccessDenied")),
            _ => None,
        };
        if let Some(expected) = expected {
            assert_eq!((*status, code.as_str()), expected, "{name}");
        } else {
            assert_ne!(
                (*status, code.as_str()),
                (405, "MethodNotAllowed"),
                "{name}"
            );
        }
    }
}

#[test]
fn what_is_read_as_never_set_is_not_asked_of_the_store() {
    let scene = Scene::begin();
    let names = listed("## Read as never set");
    assert!(names.len() > 15, "the page was not understood: {names:?}");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let bucket = "never-set";
    scene
        .gateway
        .account()
        .run_script("make_bucket.py", &[bucket]);
    scene.store.seen();
    let told = scene.ask(bucket, &names);
    for (name, (status, code)) in told {
        assert!([200, 404].contains(&status), "{name}: {status} {code}");
    }
    // Beside what says whose bucket is meant and what its policy is.
    let of_bucket = |start: &String| start.contains(&format!("-demo-{bucket}"));
    let seen = scene.store.seen().into_iter();
    let asked: Vec<String> = seen
        .map(|(request, _)| request.start)
        .filter(of_bucket)
        .collect();
    assert!(asked.is_empty(), "the store was asked: {asked:?}");
}

#[test]
fn what_is_refused_is_not_asked_of_the_store() {
    let scene = Scene::begin();
    let names = [listed("## Refused"), listed("## For administrators")].concat();
    assert!(names.len() > 35, "the page was not understood: {names:?}");
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    scene.store.seen();
    let told = scene.ask("refused-routes", &names);
    assert_eq!(told.len(), names.len());
    // What the gateway reads for itself, it reads whoever asks what.
    let asked: Vec<String> = scene
        .store
        .seen()
        .into_iter()
        .map(|(request, _)| request.start)
        .filter(|start| !start.contains("-system"))
        .collect();
    assert!(asked.is_empty(), "the store was asked: {asked:?}");
}

/// The operations in the section of the compatibility page that begins so.
fn listed(heading: &str) -> Vec<String> {
    let page = scan::root().join("docs/s3-compatibility.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let section = page.lines().skip_while(|line| !line.starts_with(heading));
    section
        .skip(1)
        .take_while(|line| !line.starts_with("## "))
        .filter_map(|line| line.strip_prefix("| ")?.split(' ').next())
        .filter(|name| *name != "operation")
        .map(str::to_owned)
        .collect()
}

/// Names of the model for routes that have newer names.
const OLDER: [(&str, &str); 4] = [
    ("GetBucketLifecycle", "GetBucketLifecycleConfiguration"),
    (
        "GetBucketNotification",
        "GetBucketNotificationConfiguration",
    ),
    ("PutBucketLifecycle", "PutBucketLifecycleConfiguration"),
    (
        "PutBucketNotification",
        "PutBucketNotificationConfiguration",
    ),
];
