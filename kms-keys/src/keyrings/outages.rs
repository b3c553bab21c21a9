//! What serves while the key management is in trouble, for how long, and what ends at once.

use std::time::Duration;

use futures_util::future::join_all;

use super::*;
use crate::keyrings::world::{Call, Trouble, World};
use crate::{KeyErrorKind, Refusal};

const MINUTE: Duration = Duration::from_mins(1);
/// A minute but for its last second.
const LAST_BUT_ONE: Duration = Duration::from_secs(59);

/// A replica that has unwrapped the KEK of `acme`, and the KEK's id.
async fn warm(world: &World) -> (Keyrings, KeyId) {
    let replica = world.replica().await;
    let id = write(&replica, "acme").await;
    world.kms.forget();
    (replica, id)
}

async fn write(replica: &Keyrings, tenant: &str) -> KeyId {
    let scope = Scope::tenant();
    let keys = replica.writing(tenant, &scope, Provisioning::Allowed);
    keys.await.unwrap().kek.id()
}

#[tokio::test]
async fn an_outage_is_bridged_for_the_hour_that_is_published_and_no_longer() {
    let world = World::new();
    let (replica, id) = warm(&world).await;
    world.kms.set_trouble(Trouble::Away);
    world.clock.advance(15 * MINUTE);
    for _ in 0..10 {
        replica.kek("acme", id).await.unwrap();
    }
    assert_eq!(
        world.kms.count(Call::Unwrap),
        1,
        "one try, then its back-off"
    );
    // The keyring's document is read all the while.
    world.clock.advance(59 * MINUTE + LAST_BUT_ONE);
    replica.kek("acme", id).await.unwrap();
    assert_eq!(replica.cache_counts().stale, 11);
    world.clock.advance(Duration::from_secs(1));
    let error = replica.kek("acme", id).await.unwrap_err();
    assert_eq!(error.kind(), KeyErrorKind::Unavailable);
    world.kms.set_trouble(None);
    world.clock.advance(MINUTE);
    replica.kek("acme", id).await.unwrap();
}

#[tokio::test]
async fn what_the_key_management_says_ends_the_use_of_a_key_at_once() {
    for (trouble, kind) in [
        (
            Trouble::Refuses(Refusal::AccessDenied),
            KeyErrorKind::Denied,
        ),
        (Trouble::Refuses(Refusal::Disabled), KeyErrorKind::Denied),
        (
            Trouble::Refuses(Refusal::PendingDeletion),
            KeyErrorKind::Denied,
        ),
        (Trouble::Lost, KeyErrorKind::Missing),
        (Trouble::Wrong, KeyErrorKind::Corrupt),
    ] {
        let world = World::new();
        let (replica, id) = warm(&world).await;
        world.clock.advance(15 * MINUTE);
        world.kms.set_trouble(trouble);
        let error = replica.kek("acme", id).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{trouble:?}");
        // It is gone from memory: an outage does not bring it back.
        world.kms.set_trouble(Trouble::Away);
        world.clock.advance(MINUTE);
        let error = replica.kek("acme", id).await.unwrap_err();
        assert_eq!(error.kind(), KeyErrorKind::Unavailable, "{trouble:?}");
    }
}

#[tokio::test]
async fn a_refusal_is_repeated_without_asking_for_a_bounded_time() {
    let world = World::new();
    let (replica, id) = warm(&world).await;
    world.clock.advance(15 * MINUTE);
    world.kms.set_trouble(Trouble::Refuses(Refusal::Disabled));
    for _ in 0..10 {
        replica.kek("acme", id).await.unwrap_err();
    }
    assert_eq!(world.kms.count(Call::Unwrap), 1);
    world.kms.set_trouble(None);
    world.clock.advance(Duration::from_secs(5));
    replica.kek("acme", id).await.unwrap();
    assert_eq!(world.kms.count(Call::Unwrap), 2);
}

#[tokio::test]
async fn a_key_in_use_is_renewed_ahead_of_its_time() {
    let world = World::new();
    let (replica, id) = warm(&world).await;
    replica.kek("acme", id).await.unwrap();
    world.clock.advance(11 * MINUTE + LAST_BUT_ONE);
    replica.tend().await;
    assert_eq!(world.kms.count(Call::Unwrap), 0);
    world.clock.advance(Duration::from_secs(1));
    replica.tend().await;
    // The AUX key was not asked for again.
    assert_eq!(world.kms.count(Call::Unwrap), 1);
    // Its time counts from the renewal.
    world.clock.advance(14 * MINUTE + LAST_BUT_ONE);
    replica.kek("acme", id).await.unwrap();
    assert_eq!(world.kms.count(Call::Unwrap), 1);
}

#[tokio::test]
async fn a_refused_renewal_ends_the_use_of_a_key_before_its_time() {
    let world = World::new();
    let (replica, id) = warm(&world).await;
    replica.kek("acme", id).await.unwrap();
    world.clock.advance(12 * MINUTE);
    world.kms.set_trouble(Trouble::Refuses(Refusal::Disabled));
    replica.tend().await;
    let error = replica.kek("acme", id).await.unwrap_err();
    assert_eq!(error.kind(), KeyErrorKind::Denied);
}

#[tokio::test]
async fn a_failed_renewal_leaves_the_key_and_keeps_to_the_back_off() {
    let world = World::new();
    let (replica, id) = warm(&world).await;
    replica.kek("acme", id).await.unwrap();
    world.clock.advance(12 * MINUTE);
    world.kms.set_trouble(Trouble::Away);
    for _ in 0..5 {
        replica.tend().await;
    }
    assert_eq!(world.kms.count(Call::Unwrap), 1);
    replica.kek("acme", id).await.unwrap();
}

#[tokio::test]
async fn keys_leave_memory_when_their_time_is_over() {
    let world = World::new();
    let (replica, _) = warm(&world).await;
    let held = || replica.unwrapped.len();
    assert_eq!(held(), 2);
    world.clock.advance(74 * MINUTE + LAST_BUT_ONE);
    replica.tend().await;
    assert_eq!(held(), 2);
    world.clock.advance(Duration::from_secs(1));
    replica.tend().await;
    assert_eq!(held(), 0);
}

#[tokio::test]
async fn a_key_under_a_tenants_own_root_key_is_never_stale() {
    let world = World::new();
    let replica = world.replica_with_own_key("holder").await;
    let (own, ours) = (
        write(&replica, "holder").await,
        write(&replica, "acme").await,
    );
    world.clock.advance(15 * MINUTE);
    world.second.set_own_trouble(Trouble::Away);
    world.kms.set_trouble(Trouble::Away);
    world.second.set_trouble(Trouble::Away);
    let error = replica.kek("holder", own).await.unwrap_err();
    assert_eq!(error.kind(), KeyErrorKind::Unavailable);
    replica.kek("acme", ours).await.unwrap();
    // And it leaves memory then.
    let before = replica.unwrapped.len();
    replica.tend().await;
    assert_eq!(before - replica.unwrapped.len(), 2, "KEK and AUX key");
}

#[tokio::test]
async fn a_revoked_root_key_stops_its_tenant_and_no_other() {
    let world = World::new();
    let replica = world.replica_with_own_key("holder").await;
    let (own, ours) = (
        write(&replica, "holder").await,
        write(&replica, "acme").await,
    );
    let document = world.document("holder").await;
    let wraps = document["document"]["entries"][0]["wraps"].as_array();
    assert_eq!(wraps.unwrap().len(), 1, "no other root key opens it");
    world
        .second
        .set_own_trouble(Trouble::Refuses(Refusal::AccessDenied));
    world.clock.advance(15 * MINUTE);
    let scope = Scope::tenant();
    let reading = replica.kek("holder", own).await.unwrap_err();
    let writing = replica.writing("holder", &scope, Provisioning::Allowed);
    let writing = writing.await.unwrap_err();
    assert_eq!(reading.kind(), KeyErrorKind::Denied);
    assert_eq!(writing.kind(), KeyErrorKind::Denied);
    replica.kek("acme", ours).await.unwrap();
    write(&replica, "acme").await;
}

#[tokio::test]
async fn a_second_provider_stands_in_for_the_first() {
    let world = World::new();
    let both = [&world.kms, &world.second];
    let id = write(&world.replica_of(&both).await.unwrap(), "acme").await;
    // Gone for good: even its name.
    let cold = world.replica_of(&[&world.second]).await.unwrap();
    cold.kek("acme", id).await.unwrap();
    // Away: a start and cold reads work, new keys wait.
    world.kms.set_trouble(Trouble::Away);
    let cold = world.replica_of(&both).await.unwrap();
    cold.kek("acme", id).await.unwrap();
    let scope = Scope::tenant();
    let new = cold.writing("other", &scope, Provisioning::Allowed);
    assert_eq!(new.await.unwrap_err().kind(), KeyErrorKind::Unavailable);
}

#[tokio::test]
async fn the_deployment_key_is_wrapped_by_a_provider_that_came_later() {
    let world = World::new();
    world.replica().await;
    world
        .replica_of(&[&world.kms, &world.second])
        .await
        .unwrap();
    let wraps = world.deployment().await["document"]["wraps"].clone();
    let providers: Vec<_> = wraps.as_array().unwrap().iter().collect();
    assert_eq!(providers.len(), 2);
    world.replica_of(&[&world.second]).await.unwrap();
}

#[tokio::test]
async fn a_thousand_cold_reads_are_one_unwrap_even_where_they_fail() {
    let world = World::new();
    let (_, id) = warm(&world).await;
    let cold = world.replica().await;
    world.kms.forget();
    world.kms.set_trouble(Trouble::Refuses(Refusal::Disabled));
    let reads = join_all((0..1000).map(|_| cold.kek("acme", id))).await;
    assert!(reads.iter().all(Result::is_err));
    assert_eq!(world.kms.count(Call::Unwrap), 1);
}
