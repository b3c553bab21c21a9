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
    opens("keyring", "1", "", "");
}

#[test]
fn opens_what_the_gateway_wrote_with_suite_2() {
    opens("keyring", "2", "[sealing]\nsuite = \"aes-256-gcm\"\n", "");
}

#[test]
fn opens_what_has_keys_of_its_own() {
    let own = "[[tenants.buckets]]\nname = \"independent\"\nkey_mode = \"kms-per-object\"\n";
    opens("own", "1", "", own);
    opens("own", "2", "[sealing]\nsuite = \"aes-256-gcm\"\n", own);
}

fn opens(mode: &str, suite: &str, settings: &str, bucket: &str) {
    let mut gateway = Gateway::start(Upstream::SeaweedFs);
    gateway.reconfigure(|text| format!("{settings}{text}{bucket}"));
    let store = World::get().seaweedfs();
    let root_keys = gateway.directory().join("root-keys.json");
    gateway.account().run_script(
        "reader_gateway.py",
        &[
            mode,
            suite,
            "demo",
            &root_keys.display().to_string(),
            store.endpoint(),
            store.credentials().access_key_id(),
            store.credentials().secret_access_key(),
        ],
    );
}
