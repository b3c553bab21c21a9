//! What a listing costs at the store, counted there: its own request and no other, however many objects it names and
//! however they were written.

use integration_tests::gateway::{Gateway, Principal};
use integration_tests::hostile::{HostileStore, Message};
use integration_tests::world::World;

/// How many pages the client saw, and what the store was asked meanwhile. The documents that say which bucket is meant
/// and what policy holds there are read every few seconds, whatever is asked, and the super-log is written every minute:
/// those are left out.
fn asked(scene: &(HostileStore, Gateway), act: &str) -> (usize, Vec<String>) {
    let (store, gateway) = scene;
    store.seen();
    let printed = gateway
        .account()
        .run_script("listing_cost.py", &[BUCKET, act]);
    let is_document = |request: &Message| {
        let (_, name) = request.path().split_once("-system/").unwrap_or_default();
        request.method() == "GET" && !name.is_empty() || name.starts_with("audit/super/")
    };
    let seen = store.seen().into_iter();
    let requests = seen.filter(|(request, _)| !is_document(request));
    let pages = printed.trim().parse().expect("it tells how many pages");
    (pages, requests.map(|(request, _)| request.start).collect())
}

#[test]
fn a_page_costs_the_store_one_request() {
    let store = HostileStore::before(World::get().seaweedfs().endpoint());
    let ours = Principal::new("demo", "demo-admin", "tenant-admin");
    let gateway = Gateway::serve_through(store.endpoint(), &[ours]);
    gateway
        .account()
        .run_script("listing_cost.py", &[BUCKET, "prepare"]);
    let scene = (store, gateway);
    for act in ["objects", "objects-2", "versions"] {
        let (pages, requests) = asked(&scene, act);
        // 1050 keys, and S3's pages have 1000.
        assert_eq!((pages, requests.len()), (2, 2), "{act}: {requests:?}");
        let of_bucket = |start: &&String| start.contains(&format!("-demo-{BUCKET}"));
        assert_eq!(requests.iter().filter(of_bucket).count(), 2, "{requests:?}");
    }
    // Ids of uploads and ETags of parts are the gateway's own, and the store does not know them: their records are
    // listed beside, once.
    let (pages, requests) = asked(&scene, "uploads");
    assert_eq!((pages, requests.len()), (1, 2), "{requests:?}");
    let (_, requests) = asked(&scene, "parts");
    // The script finds the upload first.
    assert_eq!(requests.len(), 2 + 2, "{requests:?}");
    assert!(
        requests.iter().all(|start| start.starts_with("GET ")),
        "{requests:?}"
    );
}

const BUCKET: &str = "listing-cost";
