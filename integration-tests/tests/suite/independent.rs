//! The reader that was written from the specification alone (`integration-tests/reader`) opens what the
//! vectors and the gateway store. What each asserts is in its script.

use integration_tests::gateway::{Gateway, Upstream};
use integration_tests::world::World;

#[test]
fn reads_the_vectors_and_refuses_the_refused() {
    let gateway = crate::shared(Upstream::Embedded);
    gateway.account().run_script("reader_vectors.py", &[]);
}

#[test]
fn opens_what_the_gateway_wrote_to_seaweedfs() {
    opens("1", "");
}

#[test]
fn opens_what_the_gateway_wrote_with_suite_2() {
    opens("2", "[sealing]\nsuite = \"aes-256-gcm\"\n");
}

fn opens(suite: &str, settings: &str) {
    let mut gateway = Gateway::start(Upstream::SeaweedFs);
    gateway.reconfigure(|text| format!("{settings}{text}"));
    let store = World::get().seaweedfs();
    let root_keys = gateway.directory().join("root-keys.json");
    gateway.account().run_script(
        "reader_gateway.py",
        &[
            suite,
            "demo",
            &root_keys.display().to_string(),
            store.endpoint(),
            store.credentials().access_key_id(),
            store.credentials().secret_access_key(),
        ],
    );
}
