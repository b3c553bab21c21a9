//! What keyrings refuse: documents put back, changed or moved, keys out of their context or their
//! life; and that nothing shows a secret.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::KeyErrorKind;
use crate::keyrings::documents::Needs;
use crate::keyrings::world::World;

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn an_older_generation_than_seen_is_refused() {
    let world = World::new();
    let replica = world.replica().await;
    replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    let old = world.bytes("acme").await;
    replica.rotate("acme", &Scope::tenant()).await.unwrap();
    world.put("acme", old).await;
    world.clock.advance(MINUTE);
    let error = replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Document {
                fault: DocumentFault::RolledBack { seen: 2, found: 1 },
                ..
            }
        ),
        "{error:?}"
    );
    assert_eq!(
        replica
            .rotate("acme", &Scope::tenant())
            .await
            .unwrap_err()
            .kind(),
        KeyErrorKind::Corrupt
    );
}

#[tokio::test]
async fn a_keyring_that_vanished_is_not_made_anew() {
    let world = World::new();
    let replica = world.replica().await;
    replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    world.delete("acme").await;
    world.clock.advance(MINUTE);
    let error = replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Document {
                fault: DocumentFault::Vanished { seen: 1 },
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn two_documents_of_one_generation_are_refused() {
    let world = World::new();
    let (one, other) = (world.replica().await, world.replica().await);
    one.writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    let first = world.bytes("acme").await;
    world.delete("acme").await;
    other
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    assert_ne!(world.bytes("acme").await, first);
    world.clock.advance(MINUTE);
    let error = one
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Document {
                fault: DocumentFault::Forked { .. },
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn every_changed_field_of_a_keyring_is_refused() {
    let world = World::new();
    world
        .replica()
        .await
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    let whole = world.document("acme").await;
    let cases = [
        ("/document/generation", json!(7)),
        ("/document/tenant", json!("other")),
        ("/document/entries/0/state", json!("decrypt-only")),
        ("/document/entries/0/id", json!("0000000000000000")),
        ("/document/entries/0/purpose", json!("aux")),
        ("/document/entries/0/created", json!("2020-01-01T00:00:00Z")),
        (
            "/document/entries/0/wraps/0/wrapped",
            whole["document"]["entries"][1]["wraps"][0]["wrapped"].clone(),
        ),
        ("/document/entries/0/context/sof:tenant", json!("other")),
        (
            "/document/entries/1",
            whole["document"]["entries"][0].clone(),
        ),
        ("/mac", json!("0".repeat(64))),
        ("/mac", json!("")),
    ];
    for (pointer, value) in cases {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        world.put("acme", changed.to_string()).await;
        assert_refused_by_mac(&world, pointer).await;
    }
    // White space is not content.
    world.put("acme", whole.to_string()).await;
    world
        .replica()
        .await
        .writing("acme", &Scope::tenant(), Provisioning::Refused)
        .await
        .unwrap();
    world.put("acme", "{").await;
    let error = world
        .replica()
        .await
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Document {
                fault: DocumentFault::Malformed(_),
                ..
            }
        ),
        "{error:?}"
    );
}

async fn assert_refused_by_mac(world: &World, change: &str) {
    let error = world
        .replica()
        .await
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Document {
                fault: DocumentFault::Mac,
                ..
            }
        ),
        "{change}: {error:?}"
    );
}

#[tokio::test]
async fn a_keyring_in_another_tenants_place_is_refused() {
    let world = World::new();
    let replica = world.replica().await;
    replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    let acme = world.bytes("acme").await;
    world.put("other", acme).await;
    let error = replica
        .writing("other", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Document {
                fault: DocumentFault::Misplaced,
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_changed_deployment_document_is_refused() {
    let world = World::new();
    world.replica().await;
    let whole = world.deployment().await;
    for (pointer, value) in [
        ("/document/created", json!("2020-01-01T00:00:00Z")),
        ("/document/id", json!("another")),
        ("/document/context/sof:deployment", json!("another")),
        ("/document/v", json!(2)),
    ] {
        let mut changed = whole.clone();
        *changed.pointer_mut(pointer).unwrap() = value;
        world.put_deployment(&changed).await;
        assert_eq!(
            world.try_replica().await.unwrap_err().kind(),
            KeyErrorKind::Corrupt,
            "{pointer}"
        );
    }
    // A consistent change of id still meets the wrapped key's own encryption context.
    let mut renamed = whole;
    for pointer in ["/document/id", "/document/context/sof:deployment"] {
        *renamed.pointer_mut(pointer).unwrap() = Value::from("another");
    }
    world.put_deployment(&renamed).await;
    let error = world.try_replica().await.unwrap_err();
    assert!(matches!(error, KeyError::DoesNotUnwrap { .. }), "{error:?}");
}

#[tokio::test]
async fn a_key_under_another_context_is_refused_though_its_document_verifies() {
    let world = World::new();
    let replica = world.replica().await;
    let keys = replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    // The AUX key's blob and context in the KEK's entry, with a MAC that verifies: a bug, or a
    // stolen deployment key.
    let (kek, aux) = (keys.kek.id(), keys.aux.id());
    replica
        .documents
        .change(("acme", &Scope::tenant()), Needs::Mirror, |keyring| {
            let mut next = keyring.clone();
            next.generation += 1;
            let other = keyring.entry(aux).unwrap();
            next.entries[0].context = other.context.clone();
            next.entries[0].wraps = other.wraps.clone();
            Ok(Some(next))
        })
        .await
        .unwrap();
    let cold = world.replica().await;
    let error = cold.kek("acme", kek).await.unwrap_err();
    assert!(
        matches!(
            error,
            KeyError::Document {
                fault: DocumentFault::Context { .. },
                ..
            }
        ),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_key_that_is_to_be_destroyed_is_refused() {
    for (state, kind) in [
        (State::PendingDestroy, KeyErrorKind::Denied),
        (State::Destroyed, KeyErrorKind::Destroyed),
    ] {
        let world = World::new();
        let replica = world.replica().await;
        let id = replica
            .writing("acme", &Scope::tenant(), Provisioning::Allowed)
            .await
            .unwrap()
            .kek
            .id();
        replica.rotate("acme", &Scope::tenant()).await.unwrap();
        set_state(&replica, id, state).await;
        // The key is still unwrapped here, and a cold replica reads it in the document.
        assert_eq!(replica.kek("acme", id).await.unwrap_err().kind(), kind);
        assert_eq!(
            world
                .replica()
                .await
                .kek("acme", id)
                .await
                .unwrap_err()
                .kind(),
            kind
        );
        replica
            .writing("acme", &Scope::tenant(), Provisioning::Refused)
            .await
            .unwrap();
        // Cancelled by another replica.
        if state == State::PendingDestroy {
            set_state(&world.replica().await, id, State::DecryptOnly).await;
            world.clock.advance(MINUTE);
            replica.kek("acme", id).await.unwrap();
        }
    }
}

async fn set_state(replica: &Keyrings, id: KeyId, state: State) {
    let change = |keyring: &Keyring| {
        let mut next = keyring.clone();
        next.generation += 1;
        next.entries
            .iter_mut()
            .find(|entry| entry.id == id)
            .unwrap()
            .state = state;
        Ok(Some(next))
    };
    replica
        .documents
        .change(("acme", &Scope::tenant()), Needs::Mirror, change)
        .await
        .unwrap();
}

#[tokio::test]
async fn nothing_stored_or_shown_holds_a_secret() {
    let world = World::new();
    let replica = world.replica().await;
    let keys = replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    let shown = format!("{replica:?} {keys:?}");
    let stored = [
        world.bytes("acme").await,
        world.deployment().await.to_string(),
    ]
    .concat();
    for secret in [keys.kek.secret(), keys.aux.secret()] {
        for text in [hex::encode(secret), base64(secret), format!("{secret:?}")] {
            assert!(!shown.contains(&text) && !stored.contains(&text));
        }
    }
}

fn base64(secret: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(secret)
}

#[tokio::test]
async fn keys_wrapped_by_a_lost_root_key_are_reported_as_such() {
    let world = World::new();
    world.replica().await;
    let error = world.replica_with_another_root_key().await.unwrap_err();
    assert!(
        matches!(error, KeyError::RootKeyMissing { .. }),
        "{error:?}"
    );
}
