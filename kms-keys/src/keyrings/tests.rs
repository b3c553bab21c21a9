//! Keyrings on a store in memory: races, restarts, outages, the cache's bounds.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;

use super::*;
use crate::keyrings::documents::Needs;
use crate::keyrings::world::{Call, Trouble, World};
use crate::{KeyErrorKind, Refusal};

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test]
async fn two_replicas_provisioning_one_tenant_agree_on_its_keys() {
    for _ in 0..20 {
        let world = World::new();
        let (one, other) = tokio::join!(world.replica(), world.replica());
        assert_eq!(one.deployment().id(), other.deployment().id());
        assert_eq!(
            one.deployment().derive("test"),
            other.deployment().derive("test")
        );

        let writers = (0..16).map(|n| if n % 2 == 0 { &one } else { &other });
        let tenant = Scope::tenant();
        let writings =
            writers.map(|replica| replica.writing("acme", &tenant, Provisioning::Allowed));
        let keys = join_all(writings).await;
        let keys: Vec<_> = keys.into_iter().map(Result::unwrap).collect();
        for key in &keys {
            assert_eq!(key.kek.id(), keys[0].kek.id());
            assert_eq!(key.kek.secret(), keys[0].kek.secret());
            assert_eq!(key.aux.secret(), keys[0].aux.secret());
        }
        assert_ne!(keys[0].kek.secret(), keys[0].aux.secret());
        assert_eq!(world.document("acme").await["document"]["generation"], 1);
        // Each replica makes at most one keyring of three, whoever asks, beside its deployment key.
        assert!(world.kms.count(Call::Generate) <= 8);
    }
}

#[tokio::test]
async fn a_keyring_from_before_audit_keys_gets_one() {
    let world = World::new();
    let replica = world.replica().await;
    let keys = replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    let first = replica
        .auditing("acme", Provisioning::Allowed)
        .await
        .unwrap();
    assert!(
        [keys.kek.id(), keys.aux.id()]
            .iter()
            .all(|id| *id != first.id())
    );
    assert_eq!(
        world.document("acme").await["document"]["generation"],
        1,
        "a new keyring has one from the beginning"
    );

    let without = |keyring: &Keyring| {
        let mut next = keyring.clone();
        next.generation += 1;
        next.entries.retain(|entry| entry.purpose != Purpose::Audit);
        Ok(Some(next))
    };
    replica
        .documents
        .change(("acme", &Scope::tenant()), Needs::Mirror, without)
        .await
        .unwrap();
    let (one, other) = tokio::join!(world.replica(), world.replica());
    let refused = one.auditing("acme", Provisioning::Refused).await;
    assert!(refused.is_err());
    let (one, other) = tokio::join!(
        one.auditing("acme", Provisioning::Allowed),
        other.auditing("acme", Provisioning::Allowed)
    );
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!((one.id(), one.secret()), (other.id(), other.secret()));
    assert_ne!(one.id(), first.id());
    let ids = world.replica().await.audit_ids("acme").await.unwrap();
    assert_eq!(ids, [one.id()]);
}

#[tokio::test]
async fn a_restart_keeps_the_keys() {
    let world = World::new();
    let before = world
        .replica()
        .await
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    let restarted = world.replica().await;
    let after = restarted
        .writing("acme", &Scope::tenant(), Provisioning::Refused)
        .await
        .unwrap();
    assert_eq!(after.kek.secret(), before.kek.secret());
    assert_eq!(after.aux.secret(), before.aux.secret());
    assert_eq!(
        restarted
            .kek("acme", before.kek.id())
            .await
            .unwrap()
            .secret(),
        before.kek.secret()
    );
}

#[tokio::test]
async fn tenants_have_keys_of_their_own() {
    let world = World::new();
    let replica = world.replica().await;
    let acme = replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    let other = replica
        .writing("other", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    assert_ne!(acme.kek.secret(), other.kek.secret());
    let crossed = replica.kek("other", acme.kek.id()).await.unwrap_err();
    assert_eq!(crossed.kind(), KeyErrorKind::Missing);
    let purpose = replica.kek("acme", acme.aux.id()).await.unwrap_err();
    assert_eq!(purpose.kind(), KeyErrorKind::Missing);
}

#[tokio::test]
async fn an_unknown_tenant_is_provisioned_only_when_allowed() {
    let world = World::new();
    let replica = world.replica().await;
    let refused = replica
        .writing("acme", &Scope::tenant(), Provisioning::Refused)
        .await
        .unwrap_err();
    assert!(
        matches!(refused, KeyError::KeyringMissing { .. }),
        "{refused:?}"
    );
    for name in ["", &"x".repeat(257)] {
        let refused = replica
            .writing(name, &Scope::tenant(), Provisioning::Allowed)
            .await
            .unwrap_err();
        assert_eq!(refused.kind(), KeyErrorKind::Missing);
    }
    assert_eq!(world.store.documents().await, ["system/deployment.json"]);
}

#[tokio::test]
async fn a_thousand_cold_reads_are_one_unwrap() {
    let world = World::new();
    let id = world
        .replica()
        .await
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap()
        .kek
        .id();
    let cold = world.replica().await;
    world.kms.forget();
    world.store.forget();
    let reads = join_all((0..1000).map(|_| cold.kek("acme", id))).await;
    assert!(reads.iter().all(Result::is_ok));
    assert_eq!(world.kms.count(Call::Unwrap), 1);
    assert_eq!(world.store.gets(), 1);

    // Warm, nothing is asked of anyone.
    join_all((0..1000).map(|_| cold.kek("acme", id))).await;
    assert_eq!(world.kms.count(Call::Unwrap), 1);
    assert_eq!(world.store.gets(), 1);
}

#[tokio::test]
async fn a_key_is_unwrapped_anew_after_its_time() {
    let world = World::new();
    let replica = world.replica().await;
    let id = replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap()
        .kek
        .id();
    world.kms.forget();
    world.clock.advance(Duration::from_secs(15 * 60 - 1));
    replica.kek("acme", id).await.unwrap();
    assert_eq!(world.kms.count(Call::Unwrap), 0);
    world.clock.advance(Duration::from_secs(1));
    join_all((0..100).map(|_| replica.kek("acme", id))).await;
    assert_eq!(world.kms.count(Call::Unwrap), 1);

    // A revoked key stops working with it.
    world
        .kms
        .set_trouble(Trouble::Refuses(Refusal::AccessDenied));
    replica.kek("acme", id).await.unwrap();
    world.clock.advance(15 * MINUTE);
    assert_eq!(
        replica.kek("acme", id).await.unwrap_err().kind(),
        KeyErrorKind::Denied
    );
    world.kms.set_trouble(None);
    world.clock.advance(Duration::from_secs(5));
    replica.kek("acme", id).await.unwrap();
}

#[tokio::test]
async fn an_unavailable_kms_is_asked_again_after_its_back_off() {
    let world = World::new();
    let id = world
        .replica()
        .await
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap()
        .kek
        .id();
    let cold = world.replica().await;
    world.kms.set_trouble(Trouble::Away);
    let error = cold.kek("acme", id).await.unwrap_err();
    assert!(error.kind().is_retryable(), "{error:?}");
    world.kms.set_trouble(None);
    world.clock.advance(Duration::from_millis(200));
    cold.kek("acme", id).await.unwrap();
}

#[tokio::test]
async fn a_missing_key_is_asked_for_once_in_a_bounded_time() {
    let world = World::new();
    let replica = world.replica().await;
    replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    world.store.forget();
    let unknown = KeyId::from([9; 8]);
    for _ in 0..10 {
        assert_eq!(
            replica.kek("acme", unknown).await.unwrap_err().kind(),
            KeyErrorKind::Missing
        );
    }
    // The index of scopes' KEKs, and the tenant's default keyring once more.
    assert_eq!(world.store.gets(), 2);
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(
        replica.kek("acme", unknown).await.unwrap_err().kind(),
        KeyErrorKind::Missing
    );
    // The keyring's age was over, and it was read again for the key.
    assert_eq!(world.store.gets(), 5);
}

#[tokio::test]
async fn a_rotation_elsewhere_is_read_at_once_and_written_with_within_the_bounded_age() {
    let world = World::new();
    let (here, there) = (world.replica().await, world.replica().await);
    let before = here
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    let new = there.rotate("acme", &Scope::tenant()).await.unwrap();
    assert_ne!(new, before.kek.id());
    assert_eq!(
        there
            .writing("acme", &Scope::tenant(), Provisioning::Refused)
            .await
            .unwrap()
            .kek
            .id(),
        new
    );

    // An object just written there is readable here, though the document here is young.
    assert_eq!(here.kek("acme", new).await.unwrap().id(), new);
    world.clock.advance(Duration::from_secs(5));
    let after = here
        .writing("acme", &Scope::tenant(), Provisioning::Refused)
        .await
        .unwrap();
    assert_eq!(after.kek.id(), new);
    assert_eq!(
        after.aux.id(),
        before.aux.id(),
        "a rotation leaves the AUX key"
    );
    assert_eq!(
        there.kek("acme", before.kek.id()).await.unwrap().secret(),
        before.kek.secret()
    );

    let entries = world.document("acme").await["document"]["entries"].clone();
    let old = entries
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["id"] == before.kek.id().to_string());
    assert_eq!(old.unwrap()["state"], "decrypt-only");
    assert!(old.unwrap()["retired"].is_string());
}

#[tokio::test]
async fn rotations_that_race_each_add_a_version_and_leave_one_active() {
    let world = World::new();
    let (one, other) = (world.replica().await, world.replica().await);
    one.writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    let tenant = Scope::tenant();
    let racing = (0..8)
        .map(|n| if n % 2 == 0 { &one } else { &other })
        .map(|replica| replica.rotate("acme", &tenant));
    let ids: Vec<_> = join_all(racing)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();

    let document = world.document("acme").await["document"].clone();
    assert_eq!(document["generation"], 9);
    let keks = document["entries"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|entry| entry["purpose"] == "kek");
    let (active, old): (Vec<_>, Vec<_>) = keks.partition(|entry| entry["state"] == "active");
    assert_eq!((active.len(), old.len()), (1, 8));
    for id in ids {
        other.kek("acme", id).await.unwrap();
    }
}

#[tokio::test]
async fn a_write_whose_answer_was_lost_is_not_made_twice() {
    let world = World::new();
    let replica = world.replica().await;
    world.store.lose_next_answer();
    let keys = replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap();
    world.store.lose_next_answer();
    let rotated = replica.rotate("acme", &Scope::tenant()).await.unwrap();

    let document = world.document("acme").await["document"].clone();
    assert_eq!(document["generation"], 2);
    let ids: Vec<_> = document["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["id"].clone())
        .collect();
    let audit = replica
        .auditing("acme", Provisioning::Refused)
        .await
        .unwrap();
    let expected = [keys.kek.id(), keys.aux.id(), audit.id(), rotated];
    let expected = expected.map(|id| json!(id.to_string()));
    assert_eq!(ids, expected);
}

#[tokio::test]
async fn an_outage_of_the_store_is_bridged_for_a_bounded_time() {
    let world = World::new();
    let replica = world.replica().await;
    let id = replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap()
        .kek
        .id();
    world.store.set_away(true);
    world.store.forget();
    world.clock.advance(MINUTE);
    for _ in 0..10 {
        assert_eq!(
            replica
                .writing("acme", &Scope::tenant(), Provisioning::Allowed)
                .await
                .unwrap()
                .kek
                .id(),
            id
        );
    }
    assert_eq!(world.store.gets(), 1, "one try per bounded age");
    world.clock.advance(14 * MINUTE);
    let error = replica
        .writing("acme", &Scope::tenant(), Provisioning::Allowed)
        .await
        .unwrap_err();
    assert!(error.kind().is_retryable(), "{error:?}");
    world.store.set_away(false);
    replica
        .writing("acme", &Scope::tenant(), Provisioning::Refused)
        .await
        .unwrap();
}
