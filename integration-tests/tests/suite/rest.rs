//! What lies at rest: a client's words are found in no stored byte.

use integration_tests::canary::Canary;
use integration_tests::client::Account;
use integration_tests::gateway::{Gateway, Upstream};
use integration_tests::world::World;

use crate::on_both_upstreams;

on_both_upstreams! {
    no_word_of_a_client_is_readable_at_rest => sealed;
}

fn sealed(upstream: Upstream) {
    let gateway = Gateway::start(upstream);
    let canary = Canary::new("sealed");
    gateway
        .account()
        .run_script("canary_put.py", &["canary", canary.text()]);
    let stored = gateway.stored();
    let found: Vec<_> = stored
        .iter()
        .flat_map(|directory| canary.find(directory))
        .collect();
    assert!(found.is_empty(), "the canary is readable in {found:?}");
}

/// The same search finds what is stored without the gateway, or its silence would mean nothing.
#[test]
fn the_search_finds_a_canary_that_was_not_sealed() {
    let store = World::get().seaweedfs();
    let (body, metadata) = (Canary::new("body"), Canary::new("metadata"));
    let account = Account {
        endpoint: store.endpoint().to_owned(),
        credentials: store.credentials().clone(),
        authority: None,
    };
    account.run_script(
        "canary_control.py",
        &["control", body.text(), metadata.text()],
    );
    assert!(!body.find(store.data()).is_empty(), "the body is there");
    assert!(
        !metadata.find(store.data()).is_empty(),
        "the metadata is there"
    );
}
